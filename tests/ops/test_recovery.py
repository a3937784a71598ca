"""Whose lock it is: a running deployment's or one that an interruption left."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lab.engine import Engine
from ops import recovery
from ops.errors import LabError
from ops.pulumi.stack import Stack

PULUMI = """#!/bin/sh
echo "$*" >>"$0.said"
[ "$1 $2" = 'stack export' ] && echo '{"deployment": {}}'
true
"""


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(PULUMI, encoding="utf-8")
    pulumi.chmod(0o755)
    monkeypatch.setattr("ops.pulumi.stack.STACKS", tmp_path)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'state'}")
    (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump({"config": {}}), encoding="utf-8")
    engine = Engine(pulumi=pulumi, home=None, path=(), genuine_cli=True, genuine_plugins={})
    return Stack(name="mine", engine=engine, kubeconfig=tmp_path / "kubeconfig")


def _locked(folder: Path, text: str) -> None:
    locks = folder / "state" / ".pulumi" / "locks" / "organization" / "portus" / "mine"
    locks.mkdir(parents=True)
    (locks / "9d1a.json").write_text(text, encoding="utf-8")


def _lock(pid: int, host: str = socket.gethostname(), since: dt.datetime | None = None) -> str:
    at = since or dt.datetime.now(dt.UTC)
    return json.dumps({"pid": pid, "username": "me", "hostname": host, "timestamp": at.isoformat()})


def _ended() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def _said(folder: Path) -> str:
    return (folder / "pulumi.said").read_text(encoding="utf-8") if (folder / "pulumi.said").exists() else ""


def test_a_lock_of_another_host_is_told_with_who_holds_it_and_the_way_out(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(_ended(), host="elsewhere"))
    with pytest.raises(LabError) as raised:
        recovery.recover_interrupted_update(stack)
    assert "runs (pid " in raised.value.problem
    assert "host elsewhere, since " in raised.value.problem
    assert "pulumi cancel --stack mine" in raised.value.remedy
    assert _said(tmp_path) == ""


def test_a_lock_whose_process_lives_stops_the_deployment(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(os.getpid()))
    with pytest.raises(LabError, match=f"pid {os.getpid()}, host {socket.gethostname()}"):
        recovery.recover_interrupted_update(stack)
    assert _said(tmp_path) == ""


def test_a_lock_of_an_ended_process_is_removed(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(_ended()))
    recovery.recover_interrupted_update(stack)
    assert "cancel --yes" in _said(tmp_path)


def test_a_later_process_with_the_same_id_holds_no_lock(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(os.getpid(), since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    recovery.recover_interrupted_update(stack)
    assert "cancel --yes" in _said(tmp_path)


def test_a_lock_that_cannot_be_read_is_nobodys_to_remove(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, '{"pid": ')
    with pytest.raises(LabError, match=r"the lock .*9d1a\.json cannot be read"):
        recovery.recover_interrupted_update(stack)
    assert _said(tmp_path) == ""
