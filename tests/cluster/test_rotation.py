"""The database's passwords change while clients work: none of them fails, and the old passwords open nothing any more."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ops.deployment import DATABASE_POD, Deployment
from ops.recovery import recover_interrupted_update
from tests.cluster.conftest import until
from tests.cluster.own_stack import OwnStack, deployment
from tests.cluster.rotating import enters, rotate, rotating, secret, working

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.101"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with rotating("rotation", tmp_path_factory.mktemp("rotation"), address=ADDRESS, node_port=30823) as deployed:
        yield deployed


@pytest.fixture
def reached(stack: OwnStack) -> Deployment:
    return deployment(stack)


def _server(reached: Deployment) -> tuple[str, int]:
    """Return what changes when the database's Pod is replaced or its server restarted."""
    pod: Any = reached.api().read_namespaced_pod(DATABASE_POD, reached.namespace)
    return str(pod.metadata.uid), int(pod.status.container_statuses[0].restart_count)


def test_the_applications_password_changes_under_load(stack: OwnStack, reached: Deployment) -> None:
    previous, server = secret(reached, "portus-credentials", "database-password"), _server(reached)
    assert enters(reached, "portus", previous)
    rotate(stack, databaseApplication=2)
    with working(reached) as seen:
        stack.up()
    assert seen.lost == []
    current = secret(reached, "portus-credentials", "database-password")
    assert (enters(reached, "portus", previous), enters(reached, "portus", current)) == (False, True)
    assert _server(reached) == server
    stack.up("--expect-no-changes")


def test_the_backups_and_roots_passwords_change_together_under_load(stack: OwnStack, reached: Deployment) -> None:
    names = {"root": "root-password", "portus_backup": "backup-password", "portus_rotation": "root-password"}
    previous, server = {user: secret(reached, "mariadb-credentials", key) for user, key in names.items()}, _server(reached)
    assert all(enters(reached, user, password) for user, password in previous.items())
    rotate(stack, databaseRoot=2, databaseBackup=2)
    with working(reached) as seen:
        stack.up()
    assert seen.lost == []
    current = {user: secret(reached, "mariadb-credentials", key) for user, key in names.items()}
    assert [user for user, password in previous.items() if enters(reached, user, password)] == []
    assert [user for user, password in current.items() if not enters(reached, user, password)] == []
    assert _server(reached) == server
    file = ["cat", "/run/secrets/mariadb/root-password"]
    # A Pod that changes is looked at by the kubelet at once; else this takes it up to two of its periods of about a minute.
    reached.api().patch_namespaced_pod(DATABASE_POD, reached.namespace, {"metadata": {"annotations": {"example.com/looked-at": "now"}}})
    until(lambda: reached.exec(DATABASE_POD, file) == current["root"], "the new password in the server's files")


@pytest.mark.parametrize("moment", ["mariadb-rotation-accept creating", "Deployment portus-web updating", "mariadb-rotation-keep creating"])
def test_a_rotation_that_is_killed_goes_on_where_it_was(stack: OwnStack, reached: Deployment, tmp_path: Path, moment: str) -> None:
    previous = secret(reached, "portus-credentials", "database-password")
    rotate(stack, databaseApplication=stack.said()["portus:credentials"]["rotation"]["databaseApplication"] + 1)
    with working(reached) as seen:
        _up_killed_at(stack, moment, tmp_path / "killed.log")
        stack.up()
    assert seen.lost == []
    current = secret(reached, "portus-credentials", "database-password")
    assert current != previous
    assert (enters(reached, "portus", previous), enters(reached, "portus", current)) == (False, True)
    stack.up("--expect-no-changes")


def _up_killed_at(stack: OwnStack, moment: str, log: Path) -> None:
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            stack.command("up", "--yes", "--skip-preview", "--stack", stack.name),
            env=stack.environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: _line_with(log, moment) or process.poll() is not None, moment, seconds=600)
            assert process.poll() is None, log.read_text(encoding="utf-8")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            recover_interrupted_update(stack)  # in any case: the lock that it left would fail every test to come


def _line_with(log: Path, moment: str) -> bool:
    """Whether a line of Pulumi's display has every word of ``moment``."""
    return any(all(word in line for word in moment.split()) for line in log.read_text(encoding="utf-8").splitlines())
