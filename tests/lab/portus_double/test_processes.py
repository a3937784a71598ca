"""What lives in the images' containers: who gets a signal, who is missed, what a lack of memory ends; and the product's tools for each."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pymysql
import pytest

from components.portus.pod import PIDS, RAKE, TOOLS, UNBUFFERED, running_command, signal_command
from components.portus.puma import BACKGROUND, SERVER
from lab.images.rootfs import Bind, Running
from lab.images.servers import Database
from ops.errors import OpsError
from tests.lab.portus_double.test_start import ONE_PROCESS, PUMA, Pod, _image_environment, with_database

pytestmark = pytest.mark.images
__all__ = ["with_database"]

MIB = 1024 * 1024


@contextmanager
def _root(database: Database) -> Iterator[pymysql.cursors.Cursor]:
    link = pymysql.connect(unix_socket=str(database.socket), user="root", password=database.root_password, autocommit=True)
    with link, link.cursor() as cursor:
        yield cursor


def _succeeds(running: Running, command: Sequence[str]) -> bool:
    try:
        return running.exec(command).returncode == 0
    except OpsError:  # it has not begun yet
        return False


@pytest.mark.parametrize("with_database", PUMA, indirect=True)
def test_puma_is_a_child_of_portusctl_below_a_shell_as_process_1(with_database: Pod) -> None:
    with with_database.begin() as running:
        with_database.wait_for_ping()
        (puma,) = running.exec(["sh", PIDS, SERVER]).stdout.split()
        parent = running.exec(["grep", "PPid", f"/proc/{puma}/status"]).stdout.split()[1]
        assert "portusctl" in running.exec(["cat", f"/proc/{parent}/cmdline"]).stdout
        assert running.exec(["cat", "/proc/1/cmdline"]).stdout.startswith("/bin/bash\0/init")


@contextmanager
def _request_in_flight(pod: Pod) -> Iterator[list[httpx.Response | None]]:
    """Give what becomes of a request for a token that the database keeps waiting; the block's end lets it go."""
    assert pod.database is not None
    answers: list[httpx.Response | None] = []
    asks = threading.Thread(target=lambda: answers.append(pod.get("/v2/token?service=x", seconds=30)))
    with _root(pod.database) as cursor:
        cursor.execute(f"LOCK TABLES {pod.database.database}.registries WRITE")
        asks.start()

        def waits() -> bool:
            cursor.execute("SHOW PROCESSLIST")
            return any("lock" in str(row[6]) for row in cursor.fetchall())

        pod.wait(waits)
        yield answers
        cursor.execute("UNLOCK TABLES")
    asks.join(30)


@pytest.mark.parametrize("with_database", PUMA, indirect=True)
def test_a_signal_to_all_cuts_the_request_in_flight(with_database: Pod) -> None:
    """The fault of a stop command that does not look whom it signals: portusctl ends, and process 1 takes Puma along."""
    with with_database.begin(**ONE_PROCESS) as running:
        with_database.wait_for_ping()
        with _request_in_flight(with_database) as answers:
            running.exec(["sh", "-c", "kill -TERM -1"])
            running.process.wait(30)
        assert answers == [None]


@pytest.mark.parametrize("with_database", PUMA, indirect=True)
def test_the_stop_command_waits_for_the_request_in_flight_and_then_the_container_ends(with_database: Pod) -> None:
    with with_database.begin(**ONE_PROCESS) as running:
        with_database.wait_for_ping()
        with _request_in_flight(with_database) as answers:
            assert _succeeds(running, signal_command(SERVER, 0))
            with_database.wait_for_line("Gracefully shutting down workers...")
        (answer,) = answers
        assert answer is not None
        assert answer.status_code == 200
        assert running.process.wait(30) != 0


@pytest.mark.parametrize("with_database", PUMA, indirect=True)
def test_the_worker_is_seen_once_it_has_booted_and_its_stop_command_ends_it(with_database: Pod) -> None:
    web, worker = with_database, Pod(with_database.version, with_database.folder / "worker", with_database.database)
    worker.folder.mkdir()
    with web.begin():
        web.wait_for_ping()
    settings = {"PORTUS_BACKGROUND": "true", "RUBYOPT": f"-r{UNBUFFERED}"}
    with worker.begin(**settings, DOUBLE_WORKER_START_SECONDS="3600") as running:
        worker.wait(lambda: _succeeds(running, ["sh", "-c", "cat /proc/[0-9]*/cmdline | grep -q background.rb"]))
        assert not _succeeds(running, running_command(BACKGROUND)), "it boots still"
    with worker.begin(**settings) as running:
        worker.wait(lambda: _succeeds(running, running_command(BACKGROUND)))
        worker.wait_for_line("[Initialization] Running: 'Registry events', 'Registry synchronization'")
        assert _succeeds(running, signal_command(BACKGROUND, 0))
        assert running.process.wait(30) != 0


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_the_2_5_workers_log_is_buffered_unless_ruby_is_set_otherwise(with_database: Pod) -> None:
    pod = with_database
    with pod.begin():
        pod.wait_for_ping()
    with pod.begin(PORTUS_BACKGROUND="true") as running:
        pod.wait(lambda: _succeeds(running, running_command(BACKGROUND)))
        assert pod.database is not None
        with _root(pod.database) as cursor:

            def works() -> bool:
                cursor.execute("SHOW PROCESSLIST")
                return any(row[1] == "portus" for row in cursor.fetchall())

            pod.wait(works)
        assert "[Initialization]" not in pod.log.read_text()
    with pod.begin(PORTUS_BACKGROUND="true", RUBYOPT=f"-r{UNBUFFERED}"):
        pod.wait_for_line("[Initialization] Running")


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_a_worker_without_memory_ends_again_and_again_in_a_running_container(with_database: Pod) -> None:
    """So its liveness is its own process, not the container."""
    pod = with_database
    with pod.begin():
        pod.wait_for_ping()
    pod.binds.append(_limit(pod.folder, 128))
    with pod.begin(PORTUS_BACKGROUND="true") as running:
        pod.wait(lambda: len(pod.log.read_text().splitlines()) > 3)  # an empty one for each look that was ended
        assert running.process.poll() is None
        assert not _succeeds(running, running_command(BACKGROUND))


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_a_web_server_of_232_mib_ends_at_the_first_health_request_and_one_of_320_does_not(with_database: Pod) -> None:
    pod = with_database
    pod.binds.append(_limit(pod.folder, 232))
    with pod.begin(**ONE_PROCESS) as running:
        pod.wait_for_ping()
        assert pod.get("/api/v1/health") is None
        assert running.process.wait(30) != 0
    _limit(pod.folder, 320)
    with pod.begin(**ONE_PROCESS):
        pod.wait_for_ping()
        assert pod.get("/api/v1/health") is not None


def _limit(folder: Path, mebibytes: int) -> Bind:
    file = folder / "memory.max"
    file.write_text(f"{mebibytes * MIB}\n")
    return Bind(source=file, target="/sys/fs/cgroup/memory.max")


@pytest.mark.parametrize("with_database", PUMA, indirect=True)
def test_rake_has_the_secrets_by_the_tool_and_not_by_the_images_own_command(with_database: Pod) -> None:
    pod = with_database
    settings = {**pod.settings(), **_image_environment(pod)}
    for name in ("PORTUS_SECRET_KEY_BASE", "PORTUS_PASSWORD", "PORTUS_DB_PASSWORD"):
        file = pod.folder / name
        file.write_text(settings.pop(name))
        pod.binds.append(Bind(source=file, target=f"/run/secrets/portus/{name}", read_only=True))
        settings[f"{name}_FILE"] = f"/run/secrets/portus/{name}"
    secrets = dict.fromkeys(("PORTUS_SECRET_KEY_BASE", "PORTUS_PASSWORD", "PORTUS_DB_PASSWORD"), "<unset>")
    with pod.begin(**settings, **secrets) as running:
        pod.wait_for_ping()
        bare = running.exec(["portusctl", "exec", "rake", "db:migrate:status"], environment=settings)
        assert "has not been set!" in bare.stdout
        assert bare.returncode != 0
        done = running.exec([f"{TOOLS}/{RAKE}", "db:migrate:status"], environment=settings)
        assert re.search(r"^ up +\d{14}$", done.stdout, re.MULTILINE), done.stdout[-500:]
        assert done.returncode == 0


@pytest.mark.parametrize(("with_database", "status"), [("2.4", 200), ("2.5", 500)], indirect=["with_database"])
def test_teams_fail_on_2_5_while_contributors_may_delete(with_database: Pod, status: int) -> None:
    pod = with_database
    with pod.begin(PORTUS_DELETE_CONTRIBUTORS="true"):
        pod.wait_for_ping()
        with httpx.Client(base_url="https://127.0.0.1:3000", verify=False, timeout=30) as client:  # noqa: S501 - its own
            user = {"username": "admin", "email": "admin@example.test", "password": "admin-password"}
            token = client.post("/api/v1/users/bootstrap", json={"user": user}).json()["plain_token"]
            assert client.get("/api/v1/teams", headers={"Portus-Auth": f"admin:{token}"}).status_code == status


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_2_5_makes_its_tables_in_utf8_whatever_the_databases_default_is(with_database: Pod) -> None:
    assert with_database.database is not None
    name = with_database.database.database
    with _root(with_database.database) as cursor:
        cursor.execute(f"ALTER DATABASE {name} CHARACTER SET latin1")
        with with_database.begin():
            with_database.wait_for_ping()
        cursor.execute(f"SELECT DISTINCT table_collation FROM information_schema.tables WHERE table_schema = '{name}'")  # noqa: S608
        assert all(collation.startswith("utf8") for (collation,) in cursor.fetchall())
