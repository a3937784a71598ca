"""On a cluster of one's own Pulumi shows what it would change and asks, on a terminal as a user has it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.engine import Engine
from ops import paths
from tests.engine.harness import Stack

pytestmark = pytest.mark.engine

SECONDS = 120

CALL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C on it is for this process and what it starts
from pathlib import Path
from ops import paths
from ops.pulumi import stack
from lab.engine import Engine
from ops.errors import LabError
paths.ROOT = Path({folder!r})
stack.is_lab_stack = lambda _: False
engine = Engine(Path({pulumi!r}), {home}, (Path({path!r}),), genuine_cli=False, genuine_plugins={{}})
asked = stack.Stack(name="test", engine=engine, kubeconfig=paths.ROOT / "kubeconfig")
try:
    asked.{verb}(consent=stack.Consent.{consent})
except LabError as error:
    sys.exit(error.problem)
except KeyboardInterrupt:
    sys.exit("interrupted")
"""
CTRL_C = "\x03"


def _call(project: Stack, verb: str, consent: str) -> str:
    engine = project.engine
    home = f"Path({str(engine.home)!r})" if engine.home else "None"
    return CALL.format(
        folder=str(project.folder), pulumi=str(engine.pulumi), home=home, path=str(engine.path[0]), verb=verb, consent=consent
    )


def _on_a_terminal(
    project: Stack, verb: str, answer: str, *, at: str = "Do you want to perform this", consent: str = "AT_THE_PROMPT"
) -> tuple[int, str]:
    """Run a verb on a terminal and type ``answer`` once it has shown ``at``; return its exit code and what it showed."""
    engine = project.engine
    home = f"Path({str(engine.home)!r})" if engine.home else "None"
    source = CALL.format(
        folder=str(project.folder), pulumi=str(engine.pulumi), home=home, path=str(engine.path[0]), verb=verb, consent=consent
    )
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
            if not answered and at.encode() in shown:
                os.write(controller, answer.encode())
                answered = True
        return process.wait(timeout=SECONDS), shown.decode(errors="replace")
    finally:
        process.kill()
        os.close(controller)


@pytest.mark.parametrize(("answer", "made"), [("no", False), ("yes", True)])
def test_a_deployment_is_shown_and_happens_only_when_it_is_agreed_to(engine: Engine, tmp_path: Path, answer: str, *, made: bool) -> None:
    project = Stack(engine, tmp_path)
    project.program('random.RandomId("id", byte_length=4)\n')
    code, shown = _on_a_terminal(project, "up", f"{answer}\r")
    assert "random:index:RandomId" in shown
    assert ("id" in project.names()) is made
    assert (code == 0) is made
    assert ("'pulumi up' of stack test failed or was declined." in shown) is not made


def test_a_removal_that_is_declined_removes_nothing(engine: Engine, tmp_path: Path) -> None:
    project = Stack(engine, tmp_path)
    project.program('random.RandomId("id", byte_length=4)\n')
    project.up()
    code, shown = _on_a_terminal(project, "destroy", "no\r")
    assert code != 0
    assert "random:index:RandomId" in shown
    assert "id" in project.names()


@pytest.mark.parametrize("consent", ["AT_THE_PROMPT", "UNASKED"])
def test_one_ctrl_c_cancels_and_does_not_terminate(engine: Engine, tmp_path: Path, consent: str) -> None:
    """A second interrupt has Pulumi end at once, without a record of what it was doing."""
    project = Stack(engine, tmp_path)
    project.program("import time\nprint('the program has begun', flush=True)\ntime.sleep(600)\n")
    code, shown = _on_a_terminal(project, "up", CTRL_C, at="the program has begun", consent=consent)
    assert code != 0
    assert "interrupted" in shown
    assert "received; cancelling" in shown
    assert "received; terminating" not in shown


def test_a_command_that_is_terminated_interrupts_pulumi_once(engine: Engine, tmp_path: Path) -> None:
    project = Stack(engine, tmp_path)
    project.program("import time\nprint('the program has begun', flush=True)\ntime.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, "-c", _call(project, "up", "UNASKED").replace("fcntl.ioctl", "# ")],
        cwd=paths.ROOT,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if "the program has begun" in line:
            process.send_signal(signal.SIGINT)
    assert process.wait(timeout=SECONDS) != 0
    assert "received; cancelling" in shown
    assert "received; terminating" not in shown
