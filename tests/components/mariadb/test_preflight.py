"""The look at a database that somebody else runs, tried on a real MariaDB."""

from __future__ import annotations

import dataclasses
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from components.mariadb.external import PREFLIGHT
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import LOOPBACK, MARIADB_OPTIONS, Database, fresh_mariadb
from lab.portus_double.replay.stage import certificate

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


def test_a_wrong_password_is_reported_as_such(server: Database) -> None:
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


@pytest.fixture(scope="module")
def by_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A server that speaks TLS and demands it of every connection."""
    folder = tmp_path_factory.mktemp("tls")
    key = rsa.generate_private_key(65537, 2048)
    (folder / "tls.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    (folder / "tls.crt").write_bytes(certificate(key))
    folder.chmod(0o755)  # the server is another user
    (folder / "tls.key").chmod(0o644)
    options = [*MARIADB_OPTIONS, "--ssl-cert=/tls/tls.crt", "--ssl-key=/tls/tls.key", "--require-secure-transport=ON"]
    with fresh_mariadb(options=options, binds=[Bind(source=folder, target="/tls", read_only=True)]) as running:
        yield running


def test_a_server_that_demands_tls_is_refused_with_the_ways_out(by_tls: Database) -> None:
    """Portus cannot speak TLS to it, and this client would by itself."""
    code, said = _preflight(by_tls)
    assert code == 1
    assert "demands TLS of every connection (require_secure_transport), and Portus speaks to its database without TLS" in said
    for way in ("SET GLOBAL require_secure_transport=OFF", "TLS proxy", "database.kind: in_cluster"):
        assert way in said


def test_a_server_that_demands_tls_of_the_account_alone_is_not_taken_for_a_wrong_password(by_tls: Database) -> None:
    link = pymysql.connect(unix_socket=str(by_tls.socket), user="root", password=by_tls.root_password, autocommit=True)
    with link, link.cursor() as cursor:
        cursor.execute("SET GLOBAL require_secure_transport=OFF")
        cursor.execute("ALTER USER portus@'%' REQUIRE SSL")
        try:
            code, said = _preflight(by_tls)
        finally:
            cursor.execute("SET GLOBAL require_secure_transport=ON")
            cursor.execute("ALTER USER portus@'%' REQUIRE NONE")
    assert code == 1
    assert "demands TLS of the account portus" in said
    assert "REQUIRE NONE" in said


class _MySql8(socketserver.BaseRequestHandler):
    """Greets as MySQL 8 does, and asks every client for the login by which it keeps its accounts' passwords."""

    def handle(self) -> None:
        salt = b"0123456789abcdefghij"
        capabilities = 0x00FFFFFF & ~0x0800  # no TLS
        greeting = b"\x0a8.0.36\0" + struct.pack("<I", 1) + salt[:8] + b"\0" + struct.pack("<H", capabilities & 0xFFFF)
        greeting += b"\x2d" + struct.pack("<HH", 2, capabilities >> 16) + bytes([21]) + b"\0" * 10 + salt[8:] + b"\0"
        self._send(0, greeting + b"caching_sha2_password\0")
        header = self.request.recv(4)
        self.request.recv(int.from_bytes(header[:3], "little"))
        self._send(header[3] + 1, b"\xfecaching_sha2_password\0" + salt + b"\0")
        self.request.recv(4)

    def _send(self, number: int, payload: bytes) -> None:
        self.request.sendall(len(payload).to_bytes(3, "little") + bytes([number]) + payload)


@contextmanager
def _mysql8(like: Database) -> Iterator[Database]:
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), _MySql8) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield dataclasses.replace(like, port=server.server_address[1])
        server.shutdown()


def test_an_account_with_another_plugin_than_portus_has_is_refused_with_the_ways_out(server: Database) -> None:
    with _mysql8(server) as other:
        code, said = _preflight(other)
    assert code == 1
    assert "logs in by a plugin that Portus' images do not have" in said
    for word in (
        "caching_sha2_password",
        "ALTER USER 'portus'@'%'",
        "must be switched on",
        "database.kind: in_cluster",
    ):
        assert word in said


def test_portus_itself_cannot_use_such_servers(by_tls: Database, server: Database, tmp_path: Path) -> None:
    """What the look forbids is what the application cannot do."""
    (image,) = build_images(["portus-lab:2.5"])
    with _mysql8(server) as other:
        for database in (by_tls, other):
            environment = {
                "PORTUS_SECRET_KEY_BASE": "b0",
                "PORTUS_PASSWORD": "p0rtus-password",
                "PORTUS_KEY_PATH": str(tmp_path / "none"),
                "PORTUS_DB_HOST": database.host,
                "PORTUS_DB_PORT": str(database.port),
                "PORTUS_DB_USERNAME": database.user,
                "PORTUS_DB_PASSWORD": database.password,
                "PORTUS_DB_DATABASE": database.database,
            }
            done = run(image.container(environment), ["portus-double", "check-db"], seconds=60)
            assert done.stdout.strip() == "DB_DOWN"
