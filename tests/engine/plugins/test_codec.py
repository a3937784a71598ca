"""The stand-ins between the engine and the cluster: property bags, the properties of the genuine schemas, and waits that do not end."""

from __future__ import annotations

import inspect
import re
import threading
from typing import Any

import pulumi_random
import pulumi_tls
import pytest
from google.protobuf import struct_pb2

from lab.engine.plugins import random_plugin, tls_plugin
from lab.engine.plugins.codec import SIGNATURE, UNKNOWN, Properties, Secret, decode, encode, has_secret, has_unknown, plain
from lab.engine.plugins.generated import Kind
from lab.engine.plugins.kube import waiting
from lab.engine.plugins.kube.waiting import Waiter
from lab.engine.plugins.provider import ProviderError, Urn


def test_every_kind_of_value_survives_the_way_to_the_engine_and_back() -> None:
    bag: Properties = {"a": None, "b": True, "c": 3, "d": 2.5, "e": "text", "f": [1, {"g": Secret({"h": UNKNOWN})}], "i": {}, "j": []}
    assert decode(encode(bag)) == bag


def test_whole_numbers_come_back_as_integers() -> None:
    assert {key: type(value) for key, value in decode(encode({"a": 8.0, "b": 8.5})).items()} == {"a": int, "b": float}


def test_a_secret_never_shows_its_value() -> None:
    assert "hidden" not in repr(Secret("hidden"))


def test_plain_removes_marks_and_keeps_unknown_values() -> None:
    assert plain({"a": Secret([Secret("x"), UNKNOWN])}) == {"a": ["x", UNKNOWN]}


def test_marks_are_found_at_any_depth() -> None:
    assert has_secret({"a": [{"b": Secret(1)}]})
    assert has_unknown({"a": Secret([UNKNOWN])})
    assert not has_unknown({"a": [Secret(1)]})


def test_an_asset_is_refused() -> None:
    bag = struct_pb2.Struct()
    bag.fields["a"].struct_value.fields[SIGNATURE].string_value = "c44067f5952c0a294b673a41bacd8c17"
    with pytest.raises(ValueError, match="assets"):
        decode(bag)


# The stand-ins for random and tls have the properties of the genuine schemas, from which Pulumi makes the SDK's classes.


KINDS: list[tuple[Any, str, Kind]] = [
    (sdk, token.rpartition(":")[2], kind)
    for sdk, kinds in ((pulumi_random, random_plugin.KINDS), (pulumi_tls, tls_plugin.KINDS))
    for token, kind in kinds.items()
]

NOT_SERVED = {"privateKeyPemWo", "privateKeyPemWoVersion", "caPrivateKeyPemWo", "caPrivateKeyPemWoVersion"}
"""Write-only keys: the stand-ins refuse them by name."""


def _properties(made: type) -> set[str]:
    """Return the names that the schema gives to the properties of an SDK's class."""
    found = {name: value.fget for name, value in vars(made).items() if isinstance(value, property)}
    return {getattr(getter, "_pulumi_name", name) for name, getter in found.items()}


@pytest.mark.parametrize(("sdk", "name", "kind"), KINDS, ids=[name for _, name, _ in KINDS])
def test_a_stand_in_has_the_inputs_outputs_and_secrets_of_the_schema(sdk: Any, name: str, kind: Kind) -> None:
    inputs, everything = _properties(getattr(sdk, f"{name}Args")), _properties(getattr(sdk, name))
    assert set(kind.inputs) == inputs - NOT_SERVED
    assert {*kind.inputs, *kind.outputs} == everything - NOT_SERVED
    said = re.search(r"additional_secret_outputs=\[([^\]]*)\]", inspect.getsource(getattr(sdk, name)._internal_init))
    secret = set(re.findall(r'"(\w+)"', said[1])) if said else set()
    assert set(kind.secret_outputs) == secret - NOT_SERVED - set(kind.inputs)


# A delete that does not come to its end says what holds the object.


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
