"""The look at a database that somebody else runs, tried on a real MariaDB."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest

from components.mariadb.external import PREFLIGHT
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import Database, fresh_mariadb

pytestmark = pytest.mark.images


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as running:
        yield running


@pytest.fixture(scope="module")
def root(server: Database) -> Iterator[pymysql.cursors.Cursor]:
    link = pymysql.connect(unix_socket=str(server.socket), user="root", password=server.root_password, autocommit=True)
    with link, link.cursor() as cursor:
        yield cursor


def _preflight(server: Database, *, database: str = "", account: str = "", password: str = "") -> tuple[int, str]:
    (image,) = build_images(["mariadb-lab"])
    environment = {
        "HOST": server.host,
        "PORT": str(server.port),
        "DATABASE": database or server.database,
        "ACCOUNT": account or server.user,
        "MYSQL_PWD": password or server.password,
    }
    container = image.container(
        environment, user="10999:10999", binds=[Bind(source=PREFLIGHT, target="/scripts/preflight.sh")], read_only=True
    )
    done = run(container, ["/bin/sh", "/scripts/preflight.sh"], seconds=90)
    return done.returncode, done.stdout


def _prepared(root: pymysql.cursors.Cursor, name: str, *statements: str) -> None:
    for statement in (f"CREATE DATABASE {name} CHARACTER SET utf8 COLLATE utf8_unicode_ci", *statements):
        root.execute(statement)


def test_a_database_made_as_the_documentation_says_is_fit(server: Database) -> None:
    assert _preflight(server) == (0, f"database portus at {server.host}:{server.port}: fit for Portus\n")


def test_a_wrong_password_is_told_as_such(server: Database) -> None:
    code, said = _preflight(server, password="wrong")
    assert code == 1
    assert "refuses the account portus or its password" in said


def test_a_missing_database_comes_with_the_statement_that_makes_it(server: Database, root: pymysql.cursors.Cursor) -> None:
    root.execute("GRANT ALL ON absent.* TO portus@'%'")
    code, said = _preflight(server, database="absent")
    assert code == 1
    assert "CREATE DATABASE absent CHARACTER SET utf8 COLLATE utf8_unicode_ci" in said


def test_a_database_without_a_grant_comes_with_the_grant(server: Database, root: pymysql.cursors.Cursor) -> None:
    _prepared(root, "foreign_one")
    code, said = _preflight(server, database="foreign_one")
    assert code == 1
    assert "GRANT ALL ON foreign_one.* TO 'portus'@'%'" in said


@pytest.mark.parametrize("charset", ["latin1 COLLATE latin1_swedish_ci", "utf8mb4 COLLATE utf8mb4_unicode_ci", "utf8 COLLATE utf8_bin"])
def test_an_empty_database_in_another_character_set_is_refused(server: Database, root: pymysql.cursors.Cursor, charset: str) -> None:
    name = "charset_" + charset.split()[2]
    _prepared(root, name, f"GRANT ALL ON {name}.* TO portus@'%'", f"ALTER DATABASE {name} CHARACTER SET {charset}")
    code, said = _preflight(server, database=name)
    assert code == 1
    assert f"ALTER DATABASE {name} CHARACTER SET utf8 COLLATE utf8_unicode_ci" in said


def test_a_filled_database_keeps_its_unicode_and_is_refused_without(server: Database, root: pymysql.cursors.Cursor) -> None:
    for name, charset, expected in (("kept", "utf8mb4", 0), ("doomed", "latin1", 1)):
        _prepared(
            root,
            name,
            f"GRANT ALL ON {name}.* TO portus@'%'",
            f"ALTER DATABASE {name} CHARACTER SET {charset}",
            f"CREATE TABLE {name}.t (i INT)",
        )
        assert _preflight(server, database=name)[0] == expected


def test_an_account_that_may_only_read_is_refused_with_what_it_lacks(server: Database, root: pymysql.cursors.Cursor) -> None:
    root.execute("CREATE USER reader@'%' IDENTIFIED BY 'readers-password'")
    root.execute("GRANT SELECT, INSERT, UPDATE ON portus.* TO reader@'%'")
    code, said = _preflight(server, account="reader", password="readers-password")
    assert code == 1
    assert "lacks DELETE CREATE DROP ALTER INDEX REFERENCES" in said


def test_an_account_with_rights_on_everything_is_fit(server: Database, root: pymysql.cursors.Cursor) -> None:
    root.execute("CREATE USER owner@'%' IDENTIFIED BY 'owners-password'")
    root.execute("GRANT ALL ON *.* TO owner@'%'")
    assert _preflight(server, account="owner", password="owners-password")[0] == 0
