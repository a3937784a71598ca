"""MariaDB's objects of every stack: character set, durability, data path, accounts.

Sources: docs/reference/portus-images.md (Database) and the manuals of MariaDB and of its official image.
"""

from __future__ import annotations

import configparser

import pytest

from tests.components.rendered import FACTS, files, identity, ports, variables, workload
from tests.recorder import Program, Registered

BUFFER_POOLS = {"dev": "256M", "lab": "64M", "lab-apache": "64M", "prod": "512M", "staging": "256M"}


@pytest.fixture
def server(program: Program) -> Registered:
    return workload(program, "database")


def _options(program: Program) -> dict[str, str | None]:
    parser = configparser.ConfigParser(allow_no_value=True, interpolation=None)
    parser.read_string(program.one("ConfigMap", "mariadb-configuration").inputs["data"]["my.cnf"])
    return dict(parser["mariadbd"])


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("character-set-server", "utf8", "2.4 follows the database's default; utf8mb4's keys are too long for Rails 4.2's indexes"),
        ("collation-server", "utf8_unicode_ci", "mixed collations end the worker (SUSE/Portus#1688); names compare without case"),
        ("init-connect", "'SET NAMES utf8'", "clients that name no character set"),
        ("innodb_flush_log_at_trx_commit", "1", "each commit is on the disk before it is answered"),
        ("sync_binlog", "1", "as the log, where a binary log is switched on"),
        ("innodb_file_per_table", "1", "a dropped table gives its space back"),
        ("skip-name-resolve", None, "addresses of Pods have no names, and each login would wait for one"),
        ("max_connections", "150", "settings.md: the default"),
    ],
)
def test_the_server_is_set_as_portus_needs_it(option: str, value: str | None, reason: str, program: Program) -> None:
    options = _options(program)
    assert option in options, reason
    assert options[option] == value, reason


def test_the_buffer_pool_is_the_stack_files(stack: str, program: Program) -> None:
    assert _options(program)["innodb_buffer_pool_size"] == BUFFER_POOLS[stack]


def test_the_server_reads_the_file_with_its_options(server: Registered) -> None:
    """The official image includes /etc/mysql/conf.d/*.cnf only."""
    (mount,) = [each for each in server.containers[0]["volumeMounts"] if each.get("subPath") == "my.cnf"]
    assert mount["mountPath"].startswith("/etc/mysql/conf.d/")
    assert mount["mountPath"].endswith(".cnf")


def test_the_data_is_on_the_claim(program: Program, server: Registered) -> None:
    """/var/lib/mysql is the image's data folder; on any other the data would be lost with the Pod."""
    (mount,) = [each for each in server.containers[0]["volumeMounts"] if each["mountPath"] == "/var/lib/mysql"]
    assert not mount.get("readOnly", False)
    (volume,) = [each for each in server.pod["volumes"] if each["name"] == mount["name"]]
    assert volume["persistentVolumeClaim"] == {"claimName": "mariadb-data"}
    assert program.one("PersistentVolumeClaim", "mariadb-data").inputs["metadata"]["name"] == "mariadb-data"


def test_one_server_at_a_time_writes_the_data(server: Registered) -> None:
    assert server.type.endswith(":StatefulSet")
    assert server.spec["replicas"] == 1


def test_a_server_that_stops_has_time_to_write_its_pages(server: Registered) -> None:
    assert server.pod["terminationGracePeriodSeconds"] >= 120


def test_the_server_runs_as_the_user_who_owns_its_data(server: Registered) -> None:
    assert identity(server) == (10999, 10999, 10999)


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("MARIADB_DATABASE", "portus_production", "the database that Portus asks for"),
        ("MARIADB_USER", "portus", "the account by which Portus logs in"),
        ("MARIADB_ROOT_HOST", "localhost", "root logs in inside the Pod only"),
        ("MARIADB_AUTO_UPGRADE", "1", "a newer server upgrades its system tables"),
        ("ACCOUNTS_BACKUP_USER", "portus_backup", "the account that backups log in with"),
        ("ACCOUNTS_ROTATION_USER", "portus_rotation", "the account of the rotation's Jobs"),
    ],
)
def test_the_image_gets_the_variables_that_it_reads(variable: str, value: str, reason: str, server: Registered) -> None:
    assert variables(server.containers[0])[variable] == value, reason


def test_each_password_is_read_from_a_file_with_the_right_secret(server: Registered) -> None:
    container = server.containers[0]
    told, mounted = variables(container), files(server, container)
    assert mounted[told["MARIADB_ROOT_PASSWORD_FILE"]] == "mariadb-credentials-auto/root-password"
    assert mounted[told["MARIADB_PASSWORD_FILE"]] == "mariadb-credentials-auto/password"
    folder = told["ACCOUNTS_CREDENTIALS"]
    assert {f"{folder}/{name}" for name in ("root-password", "previous-root-password", "password", "backup-password")} <= mounted.keys()


def test_the_accounts_script_runs_at_the_first_start_and_finds_the_rotations_sql(server: Registered) -> None:
    """The image runs /docker-entrypoint-initdb.d/*.sh on an empty volume, and would run a .sql there by itself."""
    container = server.containers[0]
    mounts = {each.get("subPath"): each["mountPath"] for each in container["volumeMounts"]}
    assert mounts["accounts.sh"] == "/docker-entrypoint-initdb.d/accounts.sh"
    assert variables(container)["ACCOUNTS_ROTATION_SQL"] == mounts["rotation.sql"]
    assert not mounts["rotation.sql"].startswith("/docker-entrypoint-initdb.d/")


def test_a_server_still_at_its_first_set_up_is_not_called_ready(server: Registered) -> None:
    """It answers on its socket meanwhile; the image's script knows (docker-library/mariadb healthcheck.sh)."""
    container = server.containers[0]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"] == ["healthcheck.sh", "--connect", "--innodb_initialized"]
    assert container["livenessProbe"]["exec"]["command"] == ["healthcheck.sh", "--connect"]
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 600, "crash recovery takes minutes"


def test_portus_finds_the_server_by_the_name_and_port_that_it_is_given(stack: str, program: Program, server: Registered) -> None:
    """2.0 to 2.2 have no variable for the port: always 3306 (The two image families)."""
    assert ports(server.containers[0]) == {"mariadb": 3306}
    service = program.one("Service", "mariadb-service")
    assert service.inputs["metadata"]["name"] == "mariadb"
    assert service.inputs["metadata"]["namespace"] == FACTS[stack].namespace
    assert [(each["port"], each["targetPort"]) for each in service.spec["ports"]] == [(3306, "mariadb")]
    assert server.spec["serviceName"] == program.one("Service", "mariadb-peers").inputs["metadata"]["name"]
