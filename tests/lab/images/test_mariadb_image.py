"""The MariaDB image keeps the contract of the official image, which production uses."""

from __future__ import annotations

import gzip
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.images.build import build_images
from lab.images.servers import START_SECONDS
from tests.lab.images.conftest import MariaDb, Place, quick_folder

pytestmark = pytest.mark.images

ROOT = {"MARIADB_ROOT_PASSWORD": "rootpass"}
PORTUS = {**ROOT, "MARIADB_DATABASE": "portus_production", "MARIADB_USER": "portus", "MARIADB_PASSWORD": "apppass"}
HASH_OF_APPPASS = "*FD9DA8B7EBD5C0A46AD52B73F17D7E6B0F0DA2A1"

# A first start that waits for /go/on, so that a test can look at it half-way.
HOLD = "for i in $(seq 6000); do [[ -e /go/on ]] && break; sleep 0.05; done\n"


@pytest.fixture(scope="module")
def portus() -> Iterator[MariaDb]:
    """One server for the tests that only look."""
    with quick_folder() as folder:
        shared = Place(build_images(["mariadb-lab"])[0], folder)
        with shared.ready(PORTUS, argv=["mariadbd", "--max-connections=17"]) as server:
            yield server


class TestFirstStart:
    def test_the_first_start_makes_the_database_and_a_user_that_owns_only_it(self, portus: MariaDb) -> None:
        own = portus.sql("CREATE TABLE t (i INT); SHOW TABLES", user="portus", password="apppass", database="portus_production")
        assert own == "t"
        assert "command denied" in portus.sql("SELECT * FROM mysql.global_priv", user="portus", password="apppass")
        assert "Access denied" in portus.sql("CREATE DATABASE portusXproduction", user="portus", password="apppass")

    def test_root_logs_in_from_any_host_with_the_password_only(self, portus: MariaDb) -> None:
        assert portus.sql("SELECT Host FROM mysql.user WHERE User='root' ORDER BY 1") == "%\nlocalhost"
        assert "Access denied" in portus.sql("SELECT 1", password="")

    def test_there_is_no_anonymous_user_and_no_test_database(self, portus: MariaDb) -> None:
        assert portus.sql("SELECT COUNT(*) FROM mysql.user WHERE User=''") == "0"
        assert "test" not in portus.sql("SHOW DATABASES").split()

    def test_the_servers_environment_has_no_password(self, portus: MariaDb) -> None:
        environment = Path(f"/proc/{portus.running.pid}/environ").read_text()
        assert "rootpass" not in environment
        assert "apppass" not in environment

    def test_further_arguments_are_passed_to_the_server(self, portus: MariaDb) -> None:
        assert portus.sql("SELECT @@max_connections") == "17"

    def test_options_alone_are_options_of_the_server(self, place: Place) -> None:
        with place.ready(argv=["--max-connections=19"]) as server:
            assert server.sql("SELECT @@max_connections") == "19"

    def test_settings_mounted_in_conf_d_are_read(self, place: Place) -> None:
        place.file("/etc/mysql/conf.d/portus.cnf", "[mariadbd]\ncharacter-set-server = utf8\ncollation-server = utf8_unicode_ci\n")
        with place.ready(PORTUS) as server:
            assert server.sql("SELECT @@collation_database", database="portus_production") == "utf8mb3_unicode_ci"

    def test_a_password_may_have_any_character(self, place: Place) -> None:
        password = """a'b"c\\d`e$f%g h#;--"""
        with place.ready({"MARIADB_ROOT_PASSWORD": password, "MARIADB_USER": "o'brien", "MARIADB_PASSWORD": password}) as server:
            assert server.sql("SELECT 1", password=password) == "1"
            assert server.sql("SELECT 2", user="o'brien", password=password) == "2"

    def test_every_value_may_come_from_a_file(self, place: Place) -> None:
        names = {"ROOT_PASSWORD": "rootpass", "DATABASE": "d", "USER": "u", "PASSWORD": "apppass", "ROOT_HOST": "localhost"}
        files = {f"MARIADB_{name}_FILE": place.file(f"/secrets/{name}", f"{value}\n") for name, value in names.items()}
        with place.ready(files) as server:
            assert server.sql("SELECT DATABASE()", user="u", password="apppass", database="d") == "d"

    def test_the_older_variable_names_work(self, place: Place) -> None:
        with place.ready({"MYSQL_ROOT_PASSWORD": "rootpass", "MYSQL_DATABASE": "old"}) as server:
            assert "old" in server.sql("SHOW DATABASES").split()

    def test_a_hash_may_replace_a_password(self, place: Place) -> None:
        with place.ready(ROOT) as server:
            hashed = server.sql("SELECT PASSWORD('apppass')")
        fresh = Place(place.image, place.folder / "second")
        with fresh.ready({"MARIADB_ROOT_PASSWORD_HASH": hashed, "MARIADB_USER": "u", "MARIADB_PASSWORD_HASH": hashed}) as server:
            assert server.sql("SELECT 1", password="apppass") == "1"
            assert server.sql("SELECT 2", user="u", password="apppass") == "2"

    def test_a_random_root_password_is_printed(self, place: Place) -> None:
        with place.ready({"MARIADB_RANDOM_ROOT_PASSWORD": "yes"}) as server:
            password = place.log.read_text().split("GENERATED ROOT PASSWORD: ")[1].split()[0]
            assert server.sql("SELECT 1", password=password) == "1"

    def test_an_empty_root_password_is_allowed_if_requested(self, place: Place) -> None:
        with place.ready({"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "1"}) as server:
            assert server.sql("SELECT 1", password="") == "1"

    def test_root_host_localhost_makes_no_remote_root(self, place: Place) -> None:
        with place.ready({**ROOT, "MARIADB_ROOT_HOST": "localhost"}) as server:
            assert "Access denied for user 'root'@'127.0.0.1'" in server.sql("SELECT 1")


class TestRefusal:
    @pytest.mark.parametrize("name", ["ROOT_PASSWORD", "PASSWORD", "DATABASE", "USER", "PASSWORD_HASH", "ROOT_PASSWORD_HASH", "ROOT_HOST"])
    def test_a_value_beside_its_file_is_refused(self, place: Place, name: str) -> None:
        file = place.file("/secrets/value", "x")
        text = place.refused({**ROOT, f"MARIADB_{name}": "y", f"MARIADB_{name}_FILE": file})
        assert f"Both MARIADB_{name} and MARIADB_{name}_FILE are set (but are exclusive)" in text

    def test_an_empty_data_folder_without_a_root_password_is_refused(self, place: Place) -> None:
        assert "Database is uninitialized and password option is not specified" in place.refused({"MARIADB_DATABASE": "d"})
        assert list(place.data.iterdir()) == []

    def test_a_root_password_beside_its_hash_is_refused(self, place: Place) -> None:
        text = place.refused({**ROOT, "MARIADB_ROOT_PASSWORD_HASH": HASH_OF_APPPASS})
        assert "Cannot specify MARIADB_ROOT_PASSWORD_HASH and another MARIADB_ROOT_PASSWORD* option." in text

    def test_a_user_password_beside_its_hash_is_refused(self, place: Place) -> None:
        text = place.refused({**PORTUS, "MARIADB_PASSWORD_HASH": HASH_OF_APPPASS})
        assert "Cannot specify MARIADB_PASSWORD_HASH and MARIADB_PASSWORD option." in text

    def test_a_missing_file_is_refused(self, place: Place) -> None:
        assert "MARIADB_ROOT_PASSWORD_FILE names /secrets/none" in place.refused({"MARIADB_ROOT_PASSWORD_FILE": "/secrets/none"})

    def test_what_the_lab_image_does_not_support_is_refused(self, place: Place) -> None:
        assert "MARIADB_MASTER_HOST is not offered" in place.refused({**ROOT, "MARIADB_MASTER_HOST": "other"})


@pytest.mark.parametrize("user", ["0:0", "999:999", "12345:678"])
def test_any_user_can_run_it_with_a_read_only_root(place: Place, user: str) -> None:
    place.user = user
    with place.ready() as server:
        owner = (place.data / "ibdata1").stat().st_uid
        status = Path(f"/proc/{server.running.pid}/status").read_text()
        assert owner == (int(user.partition(":")[0]) or 999)
        assert f"Uid:\t{owner}\t{owner}" in status


class TestInitdb:
    def test_each_kind_of_init_file_runs_once_in_the_order_of_names(self, place: Place) -> None:
        place.file("/docker-entrypoint-initdb.d/1.sql", "CREATE TABLE log (step TEXT);")
        place.file("/docker-entrypoint-initdb.d/2.sql.gz", gzip.compress(b"INSERT INTO log VALUES ('gz');"))
        insert = "docker_process_sql <<< \"INSERT INTO log VALUES ('sourced')\"\n"
        place.file("/docker-entrypoint-initdb.d/3.sh", insert)
        run_as_program = "#!/bin/bash\n[[ $MARIADB_DATABASE == portus_production ]] && touch /var/lib/mysql/program-ran\n"
        place.file("/docker-entrypoint-initdb.d/4.sh", run_as_program, mode=0o755)
        place.file("/docker-entrypoint-initdb.d/5.txt", "not for the server")
        for _ in range(2):
            with place.ready(PORTUS) as server:
                assert server.sql("SELECT step FROM log", database="portus_production") == "gz\nsourced"
        assert (place.data / "program-ran").is_file()
        assert place.log.read_text().count("ignoring /docker-entrypoint-initdb.d/5.txt") == 1

    def test_a_failing_file_stops_the_first_start(self, place: Place) -> None:
        place.file("/docker-entrypoint-initdb.d/1.sql", "SELECT nonsense;")
        assert "ERROR 1054" in place.refused(ROOT)


class TestRestart:
    def test_a_restart_keeps_data_and_passwords_whatever_the_variables_are(self, place: Place) -> None:
        with place.ready(PORTUS) as server:
            server.sql("CREATE TABLE kept (i INT); INSERT INTO kept VALUES (7)", database="portus_production")
        with place.ready({"MARIADB_ROOT_PASSWORD": "another"}) as server:
            assert server.sql("SELECT i FROM kept", database="portus_production") == "7"

    def test_sigterm_reaches_the_server_and_ends_it_cleanly(self, started_before: Place) -> None:
        with started_before.ready() as server:
            server.running.signal(signal.SIGTERM)
            assert server.running.process.wait(START_SECONDS) == 0
        assert "Shutdown complete" in started_before.log.read_text()

    def test_an_interrupted_first_start_begins_again(self, place: Place) -> None:
        place.file("/docker-entrypoint-initdb.d/1.sh", HOLD)
        with place.begin(PORTUS) as server:
            _until(lambda: "sourcing /docker-entrypoint-initdb.d/1.sh" in place.log.read_text())
            server.running.kill()
        place.binds.clear()
        with place.ready(PORTUS) as server:
            assert server.sql("SELECT 1", user="portus", password="apppass") == "1"


class TestHealthcheck:
    def test_the_healthcheck_passes_on_a_ready_server(self, portus: MariaDb) -> None:
        assert portus.healthcheck("--connect", "--innodb_initialized", "--mariadbupgrade") == 0

    def test_the_healthcheck_refuses_an_unknown_test_or_none(self, portus: MariaDb) -> None:
        assert portus.healthcheck("--nonsense") == 1
        assert portus.healthcheck() == 1

    def test_its_password_is_readable_by_the_server_alone(self, portus: MariaDb) -> None:
        assert portus.running.exec(["stat", "-c", "%a %U", "/var/lib/mysql/.my-healthcheck.cnf"]).stdout == "600 mysql\n"

    def test_the_healthcheck_fails_during_the_first_start(self, place: Place) -> None:
        place.file("/docker-entrypoint-initdb.d/1.sh", HOLD)
        with place.begin(ROOT) as server:
            _until(lambda: "sourcing /docker-entrypoint-initdb.d/1.sh" in place.log.read_text())
            assert server.healthcheck("--innodb_initialized") == 0
            assert server.healthcheck("--connect", "--innodb_initialized") == 1
            server.running.kill()

    def test_distinguishes_a_refused_password_from_a_missing_server(self, started_before: Place) -> None:
        with started_before.ready() as server:
            server.sql("DROP USER healthcheck@'127.0.0.1'; DROP USER healthcheck@localhost")
            assert server.healthcheck("--connect") == 0


class TestUpgrade:
    def test_data_of_another_version_needs_an_upgrade_which_auto_upgrade_does(self, started_before: Place) -> None:
        place = started_before
        (place.data / "mysql_upgrade_info").write_text("10.6.1-MariaDB")
        with place.ready() as server:
            assert server.healthcheck("--mariadbupgrade") == 1
        with place.ready({"MARIADB_AUTO_UPGRADE": "1"}) as server:
            assert server.healthcheck("--connect", "--mariadbupgrade") == 0
            assert server.sql("SELECT 1") == "1"
        assert (place.data / "system_mysql_backup.sql.zst").stat().st_size > 10_000

    def test_an_upgrade_makes_a_new_healthcheck_user_if_its_file_was_removed(self, started_before: Place) -> None:
        place = started_before
        with place.ready() as server:
            server.sql("DROP USER healthcheck@'127.0.0.1'; DROP USER healthcheck@localhost; DROP USER healthcheck@'::1'")
        (place.data / ".my-healthcheck.cnf").unlink()
        with place.ready({"MARIADB_AUTO_UPGRADE": "1"}) as server:
            # Until the file is back the test of readiness asks port 3306, where another test's server may answer.
            _until(lambda: server.sql("SELECT COUNT(*) FROM mysql.user WHERE User='healthcheck'") == "3")
            assert server.healthcheck("--connect", "--innodb_initialized") == 0


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {START_SECONDS:.0f} s"
        time.sleep(0.02)
