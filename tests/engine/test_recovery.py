"""A deployment that runs is left alone; one that was cut off is put right: with the real engine and its own locks."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.engine import Engine
from ops import recovery
from ops.errors import OpsError
from ops.pulumi.stack import Stack
from tests.engine.harness import PASSPHRASE
from tests.engine.harness import Stack as Project

pytestmark = pytest.mark.engine

HALF_DONE = """
import pathlib, time
random.RandomUuid("made")
pathlib.Path("reached").touch()
while not pathlib.Path("go on").exists():
    time.sleep(0.05)
random.RandomUuid("later")
"""
WHOLE = 'random.RandomUuid("made")\nrandom.RandomUuid("later")\n'


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    return Project(engine, tmp_path)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path) -> Stack:
    for name, path in {"ops.paths.ROOT": tmp_path, "ops.pulumi.stack.STACKS": tmp_path}.items():
        monkeypatch.setattr(name, path)
    for name, value in {"PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}", "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "Pulumi.test.yaml").touch()
    return Stack(name="test", engine=engine, kubeconfig=tmp_path / "kubeconfig")


def _noted(project: Project) -> None:
    """Have the state hold a note as a kill between a create and its record leaves it; an import would drop it."""
    (file,) = (project.folder / "state" / ".pulumi" / "stacks").rglob("test.json")
    checkpoint = json.loads(file.read_text(encoding="utf-8"))
    latest = checkpoint["checkpoint"]["latest"]
    root = latest["resources"][0]["urn"]
    urn = root.replace("pulumi:pulumi:Stack", "random:index/randomUuid:RandomUuid").rpartition("::")[0] + "::lost"
    resource = {"urn": urn, "custom": True, "type": "random:index/randomUuid:RandomUuid", "inputs": {}, "parent": root}
    latest["pending_operations"] = [{"resource": resource, "type": "creating"}]
    file.write_text(json.dumps(checkpoint), encoding="utf-8")
    assert project.export()["deployment"]["pending_operations"]


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_running_deployment_is_reported_and_left_alone_and_a_killed_one_is_recovered(project: Project, stack: Stack) -> None:
    project.program(HALF_DONE)
    process = project.popen("up", "--yes", "--skip-preview")
    try:
        _until(lambda: (project.folder / "reached").exists() or process.poll() is not None)
        with pytest.raises(OpsError) as raised:
            recovery.recover_interrupted_update(stack)
        assert raised.value.problem.startswith(
            f"another deployment of stack test runs (pid {process.pid}, host {socket.gethostname()}, since 20"
        )
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    recovery.recover_interrupted_update(stack)
    project.program(WHOLE)
    project.up()
    assert {"made", "later"} <= project.names()


def test_a_note_in_the_state_is_dropped_where_nothing_was_made(project: Project, stack: Stack) -> None:
    project.program(WHOLE)
    project.up()
    _noted(project)
    recovery.recover_interrupted_update(stack)
    assert not project.export()["deployment"].get("pending_operations")
    assert {"made", "later"} <= project.names()


def test_an_older_state_is_never_imported_over_a_newer_one(project: Project, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another deployment that begins and ends while the cluster is asked for what a kill has left."""
    project.program('random.RandomUuid("made")')
    project.up()
    _noted(project)
    project.program(WHOLE)

    def deployed_meanwhile(*_: object) -> None:
        project.up()

    monkeypatch.setattr(recovery, "_existing", deployed_meanwhile)
    with pytest.raises(OpsError, match="another deployment changed the state of stack test meanwhile"):
        recovery.recover_interrupted_update(stack)
    assert {"made", "later"} <= project.names()
