"""What a migration finds, told by a real MariaDB: nothing that holds a user is ever called empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from components.portus.tools import SCRIPTS
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import Database, fresh_mariadb

pytestmark = pytest.mark.images

MIGRATIONS = "CREATE TABLE schema_migrations (version VARCHAR(255) PRIMARY KEY)"
USERS = "CREATE TABLE users (id INT PRIMARY KEY)"
ONE_MIGRATION, ONE_USER = "INSERT INTO schema_migrations VALUES ('20190314173309')", "INSERT INTO users VALUES (1)"


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as running:
        yield running


def _look(server: Database, work: Path, *statements: str) -> tuple[int, str]:
    name = server.database
    link = pymysql.connect(unix_socket=str(server.socket), user="root", password=server.root_password, autocommit=True)
    with link, link.cursor() as cursor:
        for statement in (f"DROP DATABASE {name}", f"CREATE DATABASE {name}", f"USE {name}", *statements):
            cursor.execute(statement)
    (image,) = build_images(["mariadb-lab"])
    connection = {"HOST": server.host, "PORT": str(server.port), "DATABASE": name, "ACCOUNT": server.user, "MYSQL_PWD": server.password}
    binds = [Bind(source=SCRIPTS, target="/scripts", read_only=True), Bind(source=work, target="/work")]
    container = image.container(binds=binds, environment={**connection, "WORK": "/work"}, read_only=True)
    ran = run(container, ["/bin/sh", "/scripts/look.sh"], seconds=60)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("statements", "state"),
    [
        ([], "empty"),
        ([MIGRATIONS, USERS], "empty"),
        ([MIGRATIONS, USERS, "CREATE TABLE teams (id INT PRIMARY KEY)"], "empty"),
        ([MIGRATIONS, ONE_MIGRATION, USERS], "unseeded"),
        ([MIGRATIONS, ONE_MIGRATION], "unseeded"),
        ([MIGRATIONS, ONE_MIGRATION, USERS, ONE_USER], "set-up"),
    ],
    ids=str,
)
def test_the_state_is_told(server: Database, statements: list[str], state: str, tmp_path: Path) -> None:
    code, said = _look(server, tmp_path, *statements)
    assert code == 0, said
    assert (tmp_path / "state").read_text().strip() == state
    assert (tmp_path / "newest").read_text().strip() == ("20190314173309" if ONE_MIGRATION in statements else "")


def test_users_without_a_list_of_migrations_are_touched_by_nobody(server: Database, tmp_path: Path) -> None:
    code, said = _look(server, tmp_path, MIGRATIONS, USERS, ONE_USER)
    assert code == 1
    assert "Nothing was changed" in said
    assert not (tmp_path / "state").exists()


def test_a_load_that_was_cut_off_before_the_users_is_touched_by_nobody(server: Database, tmp_path: Path) -> None:
    """A dump's tables come by their names; the schema would be loaded over those that are there."""
    code, said = _look(server, tmp_path, "CREATE TABLE namespaces (id INT PRIMARY KEY)", "INSERT INTO namespaces VALUES (1)")
    assert code == 1
    assert "has rows in namespaces" in said
    assert not (tmp_path / "state").exists()
