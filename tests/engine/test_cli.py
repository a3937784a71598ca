"""On a cluster of one's own Pulumi shows what it would change and asks, on a terminal as a user has it."""

from __future__ import annotations

import importlib.metadata
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import genuine, programs, versions
from lab.engine import Engine, cli, official, plugin_home
from lab.engine.plugin_home import LANGUAGE_HOST, Target, is_genuine_installed, is_launcher, write_launcher
from ops import paths
from ops.errors import OpsError
from tests.engine.harness import PASSPHRASE, Stack


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on PATH, for a Pulumi of the user's own."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


@pytest.mark.parametrize(
    ("version", "used"), [("v3.259.0", True), ("v3.244.0", True), ("v3.243.9", False), ("v4.0.0", False), ("broken", False)]
)
def test_a_recent_cli_with_its_own_language_host_is_used(own: Path, version: str, *, used: bool) -> None:
    pulumi = script(own / "pulumi", f"echo {version}")
    assert cli.find_own_cli() is None, "without a language host it cannot run Python"
    script(own / LANGUAGE_HOST, "")
    assert cli.find_own_cli() == (pulumi if used else None)


def test_a_cli_with_the_lab_s_language_host_is_not_the_user_s_own(own: Path) -> None:
    script(own / "pulumi", "echo v3.259.0")
    write_launcher(own / LANGUAGE_HOST, "lab.engine.language_host")
    assert cli.find_own_cli() is None


def test_the_user_s_own_cli_keeps_the_user_s_home(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("PULUMI_HOME", str(home))
    monkeypatch.setattr(cli, "BIN", tmp_path / "bin")
    script(own / "pulumi", "echo v3.259.0")
    script(own / LANGUAGE_HOST, "")
    for name in plugin_home.MODULES:
        script(home / "plugins" / f"resource-{name}-v99.0.0" / f"pulumi-resource-{name}", "")
    monkeypatch.setattr(plugin_home, "_parse", lambda _version: (99, 0, 0))
    engine = cli.ensure_engine()
    assert engine.genuine
    assert engine.home is None
    assert "PULUMI_HOME" not in engine.environment()
    assert engine.environment()["PATH"].startswith(str(own))
    assert not (tmp_path / "bin").exists()


def test_no_pulumi_and_no_go_is_one_clear_error(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(own))
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(official, "ensure", lambda: None)
    with pytest.raises(OpsError, match="'go' must be on PATH to build pulumi"):
        cli.ensure_engine()


def test_the_built_plugin_is_the_version_that_the_lab_names() -> None:
    assert f"{genuine.MODULE} v{versions.KUBERNETES_PLUGIN}" in (genuine.SOURCE / "go.mod").read_text()


def test_a_built_plugin_takes_the_place_of_the_stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ops.paths.STATE", tmp_path)
    built = tmp_path / "built"
    built.write_bytes(b"ELF")
    monkeypatch.setattr(genuine, "_built", lambda _: built)
    home = genuine.plugin_home()
    version = importlib.metadata.version("pulumi-kubernetes")
    assert is_genuine_installed("kubernetes", version, Target(str(home), launchers=tmp_path, in_home=True))
    assert genuine.plugin_home() == home, "it may be made again"


def test_the_built_cli_is_the_version_that_the_program_s_sdk_has() -> None:
    assert f"github.com/pulumi/pulumi/pkg/v3 v{versions.PULUMI}" in (programs.PULUMI.source / "go.mod").read_text()
    requirements = (Path(cli.__file__).parents[2] / "requirements.txt").read_text()
    assert re.search(rf"^pulumi=={re.escape(versions.PULUMI)}$", requirements, re.MULTILINE)


def test_a_genuine_plugin_of_the_same_major_and_no_older_wins(own: Path, tmp_path: Path) -> None:
    del own
    target = Target(str(tmp_path), launchers=tmp_path / "bin", in_home=True)
    assert not plugin_home.is_genuine_installed("random", "4.21.4", target)
    script(target.plugins / "resource-random-v4.20.0" / "pulumi-resource-random", "")
    script(target.plugins / "resource-random-v5.0.0" / "pulumi-resource-random", "")
    write_launcher(target.plugins / "resource-random-v4.22.0" / "pulumi-resource-random", "x")
    assert not plugin_home.is_genuine_installed("random", "4.21.4", target)
    script(target.plugins / "resource-random-v4.23.0" / "pulumi-resource-random", "")
    assert plugin_home.is_genuine_installed("random", "4.21.4", target)


def test_a_closed_network_is_asked_once_and_the_stand_ins_serve(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    pulumi = script(own / "pulumi", f'echo "$@" >> {calls}; exit 1')
    monkeypatch.setattr(plugin_home, "_NO_DOWNLOADS", tmp_path / "none")
    target = Target(str(tmp_path / "home"), launchers=tmp_path / "bin", in_home=True)
    for _ in range(2):
        assert plugin_home.ensure(pulumi, target, None) == {"random": False, "tls": False, "kubernetes": False}
    assert len(calls.read_text().splitlines()) == 1
    assert all(is_launcher(file) for file in target.plugins.glob("*/pulumi-resource-*"))
    assert len(list(target.plugins.glob("*/pulumi-resource-*"))) == 3


def test_a_downloaded_plugin_takes_the_stand_in_s_place(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_home, "_NO_DOWNLOADS", tmp_path / "none")
    target = Target(str(tmp_path / "home"), launchers=tmp_path / "bin", in_home=True)
    closed = script(own / "closed", "exit 1")
    plugin_home.ensure(closed, target, None)
    (tmp_path / "none").unlink()
    folder = '"$PULUMI_HOME/plugins/resource-$4-v$5"'
    open_site = script(own / "open", f"mkdir -p {folder} && printf x > {folder}/pulumi-resource-$4 && chmod +x {folder}/pulumi-resource-$4")
    assert plugin_home.ensure(open_site, target, None) == {"random": True, "tls": True, "kubernetes": True}
    assert not any(is_launcher(file) for file in target.plugins.glob("*/pulumi-resource-*"))


def test_a_user_s_own_home_gets_no_stand_ins(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_home, "_NO_DOWNLOADS", tmp_path / "none")
    target = Target(str(tmp_path / "home"), launchers=tmp_path / "bin", in_home=False)
    plugin_home.ensure(script(own / "closed", "exit 1"), target, None)
    assert not target.plugins.exists()
    assert len(list((tmp_path / "bin").iterdir())) == 3


def test_a_launcher_runs_this_checkout_whatever_the_environment(tmp_path: Path) -> None:
    launcher = tmp_path / "a b" / "run it"
    write_launcher(launcher, "lab.engine.plugins.random_plugin")
    assert launcher.stat().st_mode & stat.S_IXUSR
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}
    process = subprocess.Popen([launcher], cwd="/", env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit(), "a plugin's first line is its port"
    process.terminate()
    assert process.wait(timeout=60) == 0


# On a cluster of one's own Pulumi shows what it would change and asks, on a terminal as a user has it.


SECONDS = 120

CALL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C on it is for this process and what it starts
from pathlib import Path
from ops import paths
from ops.pulumi import stack
from lab.engine import Engine
from ops.errors import OpsError
paths.ROOT = Path({folder!r})
engine = Engine(Path({pulumi!r}), {home}, (Path({path!r}),), genuine_cli=False, genuine_plugins={{}})
asked = stack.Stack(name="test", engine=engine, kubeconfig=paths.ROOT / "kubeconfig")
try:
    asked.{verb}(consent=stack.Consent.{consent})
except OpsError as error:
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


@pytest.mark.engine
@pytest.mark.parametrize(("answer", "made"), [("no", False), ("yes", True)])
def test_a_deployment_is_shown_and_happens_only_when_it_is_agreed_to(engine: Engine, tmp_path: Path, answer: str, *, made: bool) -> None:
    project = Stack(engine, tmp_path)
    project.program('random.RandomId("id", byte_length=4)\n')
    code, shown = _on_a_terminal(project, "up", f"{answer}\r")
    assert "random:index:RandomId" in shown
    assert ("id" in project.names()) is made
    assert (code == 0) is made
    assert ("'pulumi up' of stack test failed or was declined." in shown) is not made


@pytest.mark.engine
def test_a_removal_that_is_declined_removes_nothing(engine: Engine, tmp_path: Path) -> None:
    project = Stack(engine, tmp_path)
    project.program('random.RandomId("id", byte_length=4)\n')
    project.up()
    code, shown = _on_a_terminal(project, "destroy", "no\r")
    assert code != 0
    assert "random:index:RandomId" in shown
    assert "id" in project.names()


@pytest.mark.engine
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


@pytest.mark.engine
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


@pytest.mark.engine
def test_pulumi_new_makes_a_project_whose_stack_file_loads(engine: Engine, tmp_path: Path) -> None:
    """From a folder in place of the repository's address, with options in place of answers, and with what it installs there already."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (tmp_path / "repository" / name).parent.mkdir(parents=True, exist_ok=True)
        if (paths.ROOT / name).exists():
            shutil.copy2(paths.ROOT / name, tmp_path / "repository" / name)
    mine, state = tmp_path / "mine", tmp_path / "state"
    for folder in (mine, state):
        folder.mkdir()
    (mine / ".venv").symlink_to((paths.ROOT / ".venv").resolve())
    own = {**os.environ, **engine.environment(), "PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
    answers = ["--name", "portus", "--stack", "qa", "--config", "portus:host=portus.example.com", "--yes", "--force"]
    for command in (
        [str(engine.pulumi), "new", str(tmp_path / "repository"), "--dir", str(mine), *answers],
        [str(mine / ".venv" / "bin" / "python"), "-m", "lab", "verify", "--stack", "qa"],
    ):
        done = subprocess.run(command, cwd=mine, env=own, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (mine / "stacks" / "Pulumi.qa.yaml").is_file()
    assert "stackConfigDir: stacks" in (mine / "Pulumi.yaml").read_text()
