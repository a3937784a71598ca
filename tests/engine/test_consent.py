"""On a cluster of one's own Pulumi shows what it would change and asks, on a terminal as a user has it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import paths
from lab.engine import Engine
from tests.engine.harness import Stack

pytestmark = pytest.mark.engine

SECONDS = 120

CALL = """
import sys
from pathlib import Path
from lab import paths, stack
from lab.engine import Engine
from lab.errors import LabError
paths.ROOT = Path({folder!r})
stack.is_lab_stack = lambda _: False
engine = Engine(Path({pulumi!r}), {home}, (Path({path!r}),), genuine_cli=False, genuine_plugins={{}})
asked = stack.Stack(name="test", engine=engine, kubeconfig=paths.ROOT / "kubeconfig")
try:
    asked.{verb}(consent=stack.Consent.AT_THE_PROMPT)
except LabError as error:
    sys.exit(error.problem)
"""


def _on_a_terminal(project: Stack, verb: str, answer: str) -> tuple[int, str]:
    """Run a verb on a terminal and give ``answer`` once it asks; return its exit code and what it showed."""
    engine = project.engine
    home = f"Path({str(engine.home)!r})" if engine.home else "None"
    source = CALL.format(folder=str(project.folder), pulumi=str(engine.pulumi), home=home, path=str(engine.path[0]), verb=verb)
    controller, terminal = pty.openpty()
    environment = {key: value for key, value in project.environment.items() if not key.startswith("CI")}
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=paths.ROOT,
        env={**environment, "TERM": "xterm", "COLUMNS": "120"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown, answered, end = b"", False, time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            if not select.select([controller], [], [], 1)[0]:
                continue
            try:
                shown += os.read(controller, 65536)
            except OSError:  # the last process that had the terminal has ended
                break
            if not answered and b"Do you want to perform this" in shown:
                os.write(controller, f"{answer}\r".encode())
                answered = True
        return process.wait(timeout=SECONDS), shown.decode(errors="replace")
    finally:
        process.kill()
        os.close(controller)


@pytest.mark.parametrize(("answer", "made"), [("no", False), ("yes", True)])
def test_a_deployment_is_shown_and_happens_only_when_it_is_agreed_to(engine: Engine, tmp_path: Path, answer: str, *, made: bool) -> None:
    project = Stack(engine, tmp_path)
    project.program('random.RandomId("id", byte_length=4)\n')
    code, shown = _on_a_terminal(project, "up", answer)
    assert "random:index:RandomId" in shown
    assert ("id" in project.names()) is made
    assert (code == 0) is made
    assert ("'pulumi up' of stack test failed or was declined." in shown) is not made


def test_a_removal_that_is_declined_removes_nothing(engine: Engine, tmp_path: Path) -> None:
    project = Stack(engine, tmp_path)
    project.program('random.RandomId("id", byte_length=4)\n')
    project.up()
    code, shown = _on_a_terminal(project, "destroy", "no")
    assert code != 0
    assert "random:index:RandomId" in shown
    assert "id" in project.names()
