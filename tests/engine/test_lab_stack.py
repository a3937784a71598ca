"""What a look at a stack tells where there is nothing to see, with the real engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.engine import Engine
from lab.environment import Lab
from ops import lifecycle
from ops.commands import backup, backups, check, outputs, password
from ops.environment import Environment
from ops.errors import OpsError
from ops.pulumi import backend
from ops.pulumi.stack import Stack
from tests.engine.harness import PASSPHRASE
from tests.engine.harness import Stack as Project

pytestmark = pytest.mark.engine

UNTOUCHED = "config: {}\n"


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path) -> Stack:
    """A stack of the user's whose backend is there and empty."""
    for name, value in {"PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}", "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}.items():
        monkeypatch.setenv(name, value)
    for name, path in {
        "ops.paths.ROOT": tmp_path,
        "ops.pulumi.stack.STACKS": tmp_path,
        "ops.pulumi.backend.OWN_STATE": tmp_path / "own",
    }.items():
        monkeypatch.setattr(name, path)
    monkeypatch.setattr("lab.environment.ensure_engine", lambda: engine)  # it would write this project's folder into its launchers
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: engine-test\nruntime: python\n", encoding="utf-8")
    (tmp_path / "Pulumi.test.yaml").write_text(UNTOUCHED, encoding="utf-8")
    return Stack(name="test", engine=engine, kubeconfig=tmp_path / "kubeconfig")


def _deployed(monkeypatch: pytest.MonkeyPatch, engine: Engine, folder: Path) -> Stack:
    project = Project(engine, folder)
    project.program("pulumi.export('password', pulumi.Output.secret('shown to nobody'))")
    project.up()
    for name, path in {"ops.paths.ROOT": folder, "ops.pulumi.stack.STACKS": folder}.items():
        monkeypatch.setattr(name, path)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{folder / 'state'}")
    return Stack(name="test", engine=engine, kubeconfig=folder / "kubeconfig")


def test_a_stack_that_the_backend_does_not_know_is_reported_with_the_backend(mine: Stack, tmp_path: Path) -> None:
    with pytest.raises(OpsError) as raised:
        mine.outputs()
    assert raised.value.problem == f"the backend file://{tmp_path / 'state'} knows no stack test."
    assert raised.value.fix.startswith("if it was deployed with another backend, name that one: PULUMI_BACKEND_URL=...; if it never was:")


def test_a_look_at_a_stack_neither_makes_it_nor_writes_its_file(mine: Stack, tmp_path: Path) -> None:
    for look in (mine.outputs, mine.require_known):
        with pytest.raises(OpsError, match="knows no stack test"):
            look()
    assert mine.export() == {}
    assert not list((tmp_path / "state").rglob("test.json*"))
    assert (tmp_path / "Pulumi.test.yaml").read_text(encoding="utf-8") == UNTOUCHED


def test_the_stack_of_a_login_is_found_where_the_users_own_pulumi_made_it(
    mine: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"file://{tmp_path / 'state'}"
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    monkeypatch.setenv("PULUMI_CREDENTIALS_PATH", str(tmp_path / "login"))  # or the login would be the tester's own
    for words in (("login", url), ("stack", "init", "test")):
        subprocess.run(mine.command(*words), env={**os.environ, **mine.engine.environment()}, check=True, capture_output=True)
    mine.require_known()


def _down(name: str, environment: Environment) -> None:
    lifecycle.down(name, environment, yes=True)


@pytest.mark.parametrize("verb", [check, backup, backups, outputs, password, _down])
def test_no_command_that_only_reads_makes_a_stack(mine: Stack, tmp_path: Path, verb: Callable[[str, Environment], None]) -> None:
    with pytest.raises(OpsError, match="knows no stack test"):
        verb("test", Lab(mine.kubeconfig))
    assert mine.export() == {}
    assert (tmp_path / "Pulumi.test.yaml").read_text(encoding="utf-8") == UNTOUCHED


def test_a_backend_whose_folder_is_not_there_knows_no_stack(mine: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'absent'}")
    with pytest.raises(OpsError, match="knows no stack test"):
        mine.outputs()
    assert not (tmp_path / "absent").exists()


def test_a_stack_that_was_never_deployed_is_reported_as_such(mine: Stack) -> None:
    mine.select()
    mine.require_known()
    with pytest.raises(OpsError) as raised:
        mine.outputs()
    assert (raised.value.problem, raised.value.fix) == ("stack test has no outputs.", "deploy it first: make up STACK=test")


def test_a_second_stack_is_not_made_beside_the_one_that_the_checkout_keeps(mine: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setenv("PULUMI_BACKEND_URL", f"file://{backend.OWN_STATE}")
        mine.select()
    for refused in (mine.select, mine.outputs):
        with pytest.raises(OpsError, match=r"knows no stack test, and .*/own has one\. fix: to use that one: PULUMI_BACKEND_URL=file://"):
            refused()
    assert mine.export() == {}


def test_a_wrong_passphrase_is_reported_in_pulumis_words(monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path) -> None:
    stack = _deployed(monkeypatch, engine, tmp_path)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    assert stack.outputs() == {"password": "shown to nobody"}
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    with pytest.raises(OpsError, match="'pulumi stack output' of stack test failed") as raised:
        stack.outputs()
    assert "passphrase" in raised.value.excerpt
    assert "make up" not in raised.value.fix
