"""Two passwords for one account, and one again: the accounts' script and the rotation's, tried on a real MariaDB over TCP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.constants import ER

from components.mariadb import configuration
from components.mariadb.configuration import ROTATION_USER, native_hash
from components.mariadb.rotation import FILES, SCRIPT
from components.settings.sections.database import InClusterDatabase
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import LOOPBACK, Database, fresh_mariadb

pytestmark = pytest.mark.images

SETTINGS = InClusterDatabase(name="portus")
ODD = 'it\'s a \\ "word"'
"""A password that SQL, the shell and sed would each take apart; a Secret of somebody else may hold one."""


@dataclass
class Server:
    """A database whose accounts script has run."""

    database: Database
    folder: Path
    root: pymysql.cursors.Cursor

    def write(self, **files: str) -> None:
        """Write the mounted Secret of the database's Pod."""
        for name, text in files.items():
            (self.folder / name.replace("_", "-")).write_text(text)

    def make_accounts(self) -> None:
        (image,) = build_images(["mariadb-lab"])
        binds = [
            Bind(source=self.folder, target=configuration.CREDENTIALS),
            Bind(source=configuration.SCRIPTS, target="/scripts"),
            Bind(source=self.database.socket.parent, target="/run/mysqld"),
        ]
        environment = {**configuration.environment(SETTINGS), "ACCOUNTS_ROTATION_SQL": "/scripts/rotation.sql"}
        done = run(image.container(environment, binds=binds), ["/bin/sh", "/scripts/accounts.sh"], seconds=60)
        assert done.returncode == 0, done.stdout

    def rotate(self, step: str, **files: str) -> tuple[int, str]:
        """Run one step with ``files`` as the Job's mounted Secret; ``hash_role`` is given as the password itself."""
        secrets = self.folder / "rotation"
        shutil.rmtree(secrets, ignore_errors=True)
        secrets.mkdir()
        for name, text in files.items():
            (secrets / name.replace("_", "-")).write_text(native_hash(text) if name.startswith("hash") else text)
        environment = {
            "NAMESPACE": "example",
            "HOST": self.database.host,
            "PORT": str(self.database.port),
            "ACCOUNT": ROTATION_USER,
            "FILES": FILES,
            "LINGER_SECONDS": "0",
        }
        (image,) = build_images(["mariadb-lab"])
        binds = [Bind(source=SCRIPT, target="/scripts/rotate.sh"), Bind(source=secrets, target=FILES)]
        container = image.container(environment, user="10999:10999", binds=binds, read_only=True)
        done = run(container, ["/bin/sh", "/scripts/rotate.sh", step], seconds=60)
        return done.returncode, done.stdout

    def takes(self, user: str, password: str) -> bool:
        """Whether ``user`` may log in over TCP."""
        return _enters(host=self.database.host, port=self.database.port, user=user, password=password)

    def takes_by_mariadbs_client(self, user: str, password: str) -> bool:
        (image,) = build_images(["mariadb-lab"])
        command = ["mariadb", "--host", self.database.host, "--port", str(self.database.port), "--user", user, "--execute", "SELECT 1"]
        return run(image.container({"MYSQL_PWD": password}), command, seconds=60).returncode == 0

    def takes_root(self, password: str) -> bool:
        return _enters(unix_socket=str(self.database.socket), user="root", password=password)


def _enters(**link: Any) -> bool:
    try:
        pymysql.connect(**link).close()
    except pymysql.err.OperationalError as error:
        if error.args[0] == ER.ACCESS_DENIED_ERROR:
            return False
        raise
    return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with fresh_mariadb() as database:
        link = pymysql.connect(unix_socket=str(database.socket), user="root", password=database.root_password, autocommit=True)
        with link, link.cursor() as cursor:
            made = Server(database, tmp_path, cursor)
            made.write(root_password=database.root_password, previous_root_password=database.root_password, backup_password=ODD)
            made.write(password=database.password)
            made.make_accounts()
            yield made


def test_previous_and_new_password_are_both_accepted_until_the_previous_one_is_revoked(server: Server) -> None:
    first, login = server.database.password, server.database.root_password
    assert server.rotate("accept", login_01=login, hash_application="second") == (
        0,
        "rotation: previous and new password are accepted of: application\n",
    )
    assert (server.takes("portus", first), server.takes("portus", "second")) == (True, True)
    assert server.rotate("keep", login_01=login, hash_application="second")[0] == 0
    assert (server.takes("portus", first), server.takes("portus", "second")) == (False, True)


def test_each_step_may_be_repeated_and_begun_again_from_the_first(server: Server) -> None:
    """As by an `up` that is killed anywhere and repeated; the sessions of before go on."""
    login = server.database.root_password
    with pymysql.connect(host=server.database.host, port=server.database.port, user="portus", password=server.database.password) as link:
        for step in ("accept", "accept", "keep", "accept", "keep", "keep"):
            assert server.rotate(step, login_01=login, hash_application="second")[0] == 0
            with link.cursor() as cursor:
                cursor.execute("SELECT 1")
    assert server.takes("portus", "second")
    assert not server.takes("portus", server.database.password)


def test_a_rotation_during_another_one_locks_no_client_out(server: Server) -> None:
    """The oldest of three passwords needs a client that may be asked more than twice, as MariaDB's own; PyMySQL may not."""
    login, passwords = server.database.root_password, [server.database.password, "second", "third"]
    for new in passwords[1:]:
        assert server.rotate("accept", login_01=login, hash_application=new)[0] == 0
    assert [server.takes("portus", each) for each in passwords[1:]] == [True, True]
    assert server.takes_by_mariadbs_client("portus", passwords[0])
    assert server.rotate("keep", login_01=login, hash_application="third")[0] == 0
    assert [server.takes("portus", each) for each in passwords] == [False, False, True]


def test_a_password_that_was_changed_by_hand_is_put_right_by_the_next_rotation(server: Server) -> None:
    """What the doctor tells to do where the server refuses Portus' account."""
    server.root.execute("ALTER USER portus@'%' IDENTIFIED BY 'of-somebody'")
    for step in ("accept", "keep"):
        assert server.rotate(step, login_01=server.database.root_password, hash_application="second")[0] == 0
    assert [server.takes("portus", each) for each in ("of-somebody", server.database.password, "second")] == [False, False, True]


@pytest.mark.parametrize("password", ["kept", ODD])
def test_an_account_that_was_lost_is_made_again_with_its_rights(server: Server, password: str) -> None:
    """What the doctor tells to do where the server has no account for Portus: a rotation needs one that is there."""
    server.write(password=password)
    server.root.execute("DROP USER portus@'%'")
    server.make_accounts()
    link = pymysql.connect(host=server.database.host, port=server.database.port, user="portus", password=password, database="portus")
    with link, link.cursor() as cursor:
        cursor.execute("CREATE TABLE made (id INT)")


def test_rights_that_were_revoked_are_granted_again_and_the_password_stays(server: Server) -> None:
    server.write(password="never-looked-at")
    server.root.execute("REVOKE ALL PRIVILEGES, GRANT OPTION FROM portus@'%'")
    server.make_accounts()
    link = pymysql.connect(
        host=server.database.host, port=server.database.port, user="portus", password=server.database.password, database="portus"
    )
    with link, link.cursor() as cursor:
        cursor.execute("CREATE TABLE made (id INT)")


def test_nothing_is_ended_before_the_new_password_is_accepted(server: Server) -> None:
    code, said = server.rotate("keep", login_01=server.database.root_password, hash_application="never-accepted")
    assert code == 1
    assert "no previous call of accept gave the account this password" in said
    assert server.takes("portus", server.database.password)


def test_root_is_rotated_with_the_account_that_does_it_and_stays_on_the_socket(server: Server) -> None:
    first = server.database.root_password
    files = {"login_01": first, "login_02": "second-root", "hash_backup": "second-backup", "hash_root": "second-root"}
    for step, previous in (("accept", True), ("keep", False)):
        assert server.rotate(step, **files)[0] == 0
        assert (server.takes_root(first), server.takes_root("second-root")) == (previous, True)
        assert (server.takes(ROTATION_USER, first), server.takes(ROTATION_USER, "second-root")) == (previous, True)
        assert (server.takes("portus_backup", ODD), server.takes("portus_backup", "second-backup")) == (previous, True)
    server.root.execute("SELECT Host FROM mysql.global_priv WHERE User = 'root' AND Host NOT IN ('localhost', '%')")
    assert server.root.fetchall() == ()


def test_the_account_of_the_rotation_may_do_nothing_else(server: Server) -> None:
    link = pymysql.connect(host=server.database.host, port=server.database.port, user=ROTATION_USER, password=server.database.root_password)
    refused = (
        "ALTER USER portus@'%' IDENTIFIED BY 'x'",
        "CREATE USER other IDENTIFIED BY 'x'",
        "RENAME USER root@localhost TO root@'::'",
        "SELECT * FROM mysql.global_priv",
        "SELECT portus_rotation.ways('root', 'localhost', NULL)",
        "INSERT INTO portus_rotation.accounts VALUES ('application', 'root', '%')",
        "SELECT * FROM portus.users",
    )
    with link, link.cursor() as cursor:
        for statement in refused:
            with pytest.raises(pymysql.err.OperationalError) as raised:
                cursor.execute(statement)
            assert raised.value.args[0] in {1044, 1142, 1227, 1370}, statement


def test_an_existing_password_may_have_any_character(server: Server) -> None:
    assert server.takes("portus_backup", ODD)


def test_a_database_without_the_rotation_account_names_the_command_that_adds_it(server: Server) -> None:
    server.root.execute(f"DROP USER {ROTATION_USER}@'%'")
    server.root.execute("DROP DATABASE portus_rotation")
    login = server.database.root_password
    code, said = server.rotate("accept", login_01=login, login_02="next-root", hash_root="next-root")
    assert code == 1
    assert "kubectl -n example exec mariadb-0 -- sh /docker-entrypoint-initdb.d/accounts.sh" in said
    server.write(root_password="next-root", previous_root_password=login)  # the Pod's files are ahead of the server by then
    server.make_accounts()
    for step in ("accept", "keep"):
        assert server.rotate(step, login_01=login, login_02="next-root", hash_root="next-root")[0] == 0
    assert server.takes_root("next-root")
    assert not server.takes_root(login)


def test_the_hash_is_the_servers_own(server: Server) -> None:
    server.root.execute("SELECT PASSWORD('some-password')")
    assert server.root.fetchall() == ((native_hash("some-password"),),)


def test_a_server_that_does_not_answer_is_waited_for_and_then_reported(tmp_path: Path) -> None:
    (image,) = build_images(["mariadb-lab"])
    script = tmp_path / "short.sh"
    script.write_text(SCRIPT.read_text().replace("tries=60", "tries=2"))
    (tmp_path / "login-01").write_text("any")
    environment = {"NAMESPACE": "example", "HOST": LOOPBACK, "PORT": "1", "ACCOUNT": ROTATION_USER, "FILES": FILES, "LINGER_SECONDS": "0"}
    binds = [Bind(source=script, target="/scripts/rotate.sh"), Bind(source=tmp_path, target=FILES)]
    done = run(image.container(environment, binds=binds, read_only=True), ["/bin/sh", "/scripts/rotate.sh", "accept"], seconds=60)
    assert done.returncode == 1
    assert f"the server does not answer at {LOOPBACK}:1" in done.stdout
