"""A delete that does not come to its end says what holds the object."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from lab.engine.plugins.kube import waiting
from lab.engine.plugins.kube.waiting import Waiter
from lab.engine.plugins.provider import ProviderError, Urn

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "namespace": "portus", "uid": "1", "finalizers": ["kubernetes.io/pvc-protection"]},
}


def _pod(name: str, claim: str, phase: str) -> dict[str, Any]:
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"volumes": volumes}, "status": {"phase": phase}}


class Cluster:
    """One whose objects stay, and whose Pods mount claims."""

    def __init__(self, obj: dict[str, Any], *pods: dict[str, Any]) -> None:
        self.obj, self.pods = obj, list(pods)

    def get(self, *_: object) -> dict[str, Any]:
        return self.obj

    def list(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return self.pods


class Engine:
    """What shows a wait's progress."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def status(self, message: str, _: object) -> None:
        self.shown.append(message)


def _waits(obj: dict[str, Any], *pods: dict[str, Any]) -> tuple[str, list[str]]:
    """Return what a delete that takes too long says in the end, and while it waits."""
    engine = Engine()
    waiter = Waiter(Cluster(obj, *pods), engine, threading.Event())  # type: ignore[arg-type]
    with pytest.raises(ProviderError) as raised:
        waiter.until_gone(Urn("urn:pulumi:a::b::c::d"), obj, 1.5)
    return str(raised.value), engine.shown


def test_a_claim_is_told_with_the_pods_that_mount_it_ended_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LONGEST_PAUSE", 0.2)
    said, shown = _waits(CLAIM, _pod("collector", "data", "Succeeded"), _pod("other", "elsewhere", "Running"))
    assert said.endswith("it is still there, held by Pod collector (Succeeded).")
    assert shown == ["waiting until it is gone, held by Pod collector (Succeeded)"]


def test_other_objects_are_told_with_their_finalizers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LONGEST_PAUSE", 0.2)
    for obj in (CLAIM, CLAIM | {"kind": "ConfigMap"}):
        assert "kubernetes.io/pvc-protection" in _waits(obj)[0]
