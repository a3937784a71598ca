"""What is said of a `pulumi` that failed points at something that is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine import Engine
from lab.engine.cli import prune
from ops.errors import LabError
from ops.pulumi.stack import Stack


def _stack(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Stack:
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    pulumi.chmod(0o755)
    monkeypatch.setattr("ops.pulumi.stack.STACKS", folder)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{folder}")
    (folder / "Pulumi.mine.yaml").write_text("config: {}\n", encoding="utf-8")
    engine = Engine(pulumi=pulumi, home=None, path=(), genuine_cli=True, genuine_plugins={})
    return Stack(name="mine", engine=engine, kubeconfig=folder / "kubeconfig")


def test_one_that_a_signal_ended_is_told_with_the_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="'pulumi up' of stack mine was ended by SIGKILL") as raised:
        _stack(tmp_path, monkeypatch, "kill -9 $$").up()
    assert "above" not in raised.value.remedy


def test_one_that_may_have_said_nothing_is_told_with_its_code_and_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="of stack mine failed") as raised:
        _stack(tmp_path, monkeypatch, "exit 3").preview()
    assert "the folder logs of PULUMI_HOME has it (exit code 3)" in raised.value.remedy


def test_the_engines_logs_are_kept_to_the_newest(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.log").touch()
        os.utime(tmp_path / f"{number}.log", (number, number))
    (tmp_path / "state.json").touch()
    prune(tmp_path, keep=2)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["3.log", "4.log", "state.json"]
    prune(tmp_path / "absent")
