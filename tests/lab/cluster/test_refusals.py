"""What the lab says when a machine cannot hold the cluster."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lab import programs
from lab.cluster import access, checks, debian, publishing
from lab.cluster.home import Home
from ops.errors import LabError
from ops.process import Process


def _home(folder: Path, slot: str = "portus-lab-refusals") -> Home:
    return Home(folder / ".lab", folder / ".lab" / "logs", slot)


def _without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in names else found(name))


def test_no_root_is_told_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match=r"needs Linux and root.*STACK=dev KUBECONFIG="):
        checks.permission()


def test_no_debian_is_told_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "apt-get")
    with pytest.raises(LabError, match=r"from Debian.*STACK=dev KUBECONFIG="):
        debian.unpack("x", ["runc"], {})


def test_no_go_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
    _without(monkeypatch, "go")
    with pytest.raises(LabError, match=r"'go' must be on PATH to build pause"):
        programs.ensure(["pause"])


def test_all_that_a_machine_lacks_is_said_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _without(monkeypatch, "nsenter")
    monkeypatch.setattr(checks, "FREE_GIB", 1e9)
    with pytest.raises(LabError) as caught:
        checks.machine(_home(tmp_path))
    assert "GiB free" in caught.value.problem
    assert "nsenter" in caught.value.problem


def test_a_slot_is_free_again_when_its_owner_has_died(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Home, "run", property(lambda _: tmp_path / "run"))
    (tmp_path / "run").mkdir()
    mine, other = _home(tmp_path / "mine"), _home(tmp_path / "other")
    checks.claim(other, Process.of(os.getpid()))
    with pytest.raises(LabError, match=f"make -C {other.state.parent} down"):
        checks.owner(mine)
    checks.owner(other)
    Process(os.getpid(), 1).write(other.run / checks.OWNER)
    checks.owner(mine)


def test_nothing_is_published_or_run_without_a_cluster(tmp_path: Path) -> None:
    for attempt in (lambda: publishing.publish([], home=_home(tmp_path)), lambda: access.run_in_box(["true"], home=_home(tmp_path))):
        with pytest.raises(LabError, match="does not run"):
            attempt()
