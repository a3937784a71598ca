"""The stand-ins for Pulumi's plugins without an engine: what they make of objects, property bags, and waits that do not end."""

from __future__ import annotations

import inspect
import json
import re
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pulumi_random
import pulumi_tls
import pytest
from google.protobuf import struct_pb2

from lab.engine.plugins import random_plugin, tls_plugin
from lab.engine.plugins.codec import SIGNATURE, UNKNOWN, Properties, Secret, decode, encode, has_secret, has_unknown, plain
from lab.engine.plugins.generated import Kind
from lab.engine.plugins.kube import cluster, waiting
from lab.engine.plugins.kube.apply import merge_patch
from lab.engine.plugins.kube.cluster import _ambient_kubeconfig
from lab.engine.plugins.kube.differences import difference, force_new_fields
from lab.engine.plugins.kube.objects import ObjectKind, mark_secrets, without_zeros
from lab.engine.plugins.kube.readiness import Look, rule_for
from lab.engine.plugins.kube.settings import Settings, settings_difference
from lab.engine.plugins.kube.waiting import Waiter, wait_for_rule
from lab.engine.plugins.provider import ProviderError, Urn
from ops.kube.live_inputs import live_inputs, same_quantity
from tests.ops.api import kubeconfig

NOTHING: Any = None
"""In the place of a cluster that a rule must not ask."""


def replaced(old: dict[str, Any], new: dict[str, Any], *, mutable: bool = False) -> set[str]:
    fields = force_new_fields(new, secrets_mutable=mutable, config_maps_mutable=mutable)
    return {path for path, change in difference(old, new, fields).changes.items() if change.replaces}


def obj(api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": "b"}, **fields}


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (
            obj("apps/v1", "StatefulSet", spec={"serviceName": "a"}),
            obj("apps/v1", "StatefulSet", spec={"serviceName": "b"}),
            "spec.serviceName",
        ),
        (
            obj("apps/v1", "Deployment", spec={"selector": {"matchLabels": {"a": "b"}}}),
            obj("apps/v1", "Deployment", spec={"selector": {"matchLabels": {"a": "c"}}}),
            "spec.selector.matchLabels.a",
        ),
        (
            obj("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"]}),
            obj("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteMany"]}),
            "spec.accessModes[0]",
        ),
        (
            obj("v1", "Pod", spec={"containers": [{"image": "a"}]}),
            obj("v1", "Pod", spec={"containers": [{"image": "b"}]}),
            "spec.containers[0].image",
        ),
        (obj("v1", "Secret", data={"a": "b"}), obj("v1", "Secret", data={"a": UNKNOWN}), "data.a"),
        (obj("batch/v1", "Job", spec={"template": {"a": 1}}), obj("batch/v1", "Job", spec={"template": {"a": 2}}), "spec.template.a"),
    ],
)
def test_fields_that_kubernetes_cannot_change_replace(old: dict[str, Any], new: dict[str, Any], path: str) -> None:
    assert replaced(old, new) == {path}


def test_a_claim_grows_in_place() -> None:
    old, new = (obj("v1", "PersistentVolumeClaim", spec={"resources": {"requests": {"storage": size}}}) for size in ("1Gi", "2Gi"))
    assert replaced(old, new) == set()


def test_immutable_data_replaces_even_where_the_provider_allows_updates() -> None:
    old = obj("v1", "ConfigMap", data={"a": "1"}, immutable=True)
    assert replaced(old, {**old, "data": {"a": "2"}}, mutable=True) == {"data.a"}
    assert replaced(obj("v1", "ConfigMap", data={"a": "1"}), obj("v1", "ConfigMap", data={"a": "2"}), mutable=True) == set()


def test_paths_quote_keys_that_hold_dots() -> None:
    old, new = {"metadata": {"annotations": {"a.b/c": "1"}}}, {"metadata": {"annotations": {"a.b/c": "2"}}}
    assert list(difference(old, new, ()).changes) == ['metadata.annotations["a.b/c"]']


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("1000m", "1", True), ("1024Mi", "1Gi", True), ("1k", "1000", True), ("1", 1, True), ("1Gi", "1G", False), ("x", "x", False)],
)
def test_quantities_are_compared_by_value(one: Any, other: Any, *, same: bool) -> None:
    assert same_quantity(one, other) is same


def test_what_the_server_adds_or_spells_otherwise_is_no_drift() -> None:
    inputs = obj("v1", "Pod", spec={"containers": [{"name": "a", "env": [], "resources": {"limits": {"cpu": "1000m"}}}]})
    container = {"name": "a", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "1"}}}
    live = obj("v1", "Pod", spec={"containers": [{"name": "injected"}, container], "nodeName": "n"})
    assert live_inputs(inputs, live) == inputs


def test_the_same_text_in_an_environment_variable_is_not_a_quantity() -> None:
    inputs = obj("v1", "Pod", spec={"containers": [{"name": "a", "env": [{"name": "N", "value": "1000m"}]}]})
    live = obj("v1", "Pod", spec={"containers": [{"name": "a", "env": [{"name": "N", "value": "1"}]}]})
    assert live_inputs(inputs, live) == live


def test_a_changed_or_missing_field_is_drift() -> None:
    inputs = obj("v1", "ConfigMap", data={"a": "1", "b": "2"})
    assert live_inputs(inputs, obj("v1", "ConfigMap", data={"a": "9"}))["data"] == {"a": "9"}


def test_string_data_is_compared_with_the_data_that_the_server_made_of_it() -> None:
    inputs = obj("v1", "Secret", stringData={"a": "x", "b": "y"})
    live = obj("v1", "Secret", data={"a": "eA==", "b": "eg=="})
    assert live_inputs(inputs, live)["stringData"] == {"a": "x", "b": "z"}


def test_a_secret_in_a_list_hides_the_whole_list() -> None:
    marked = mark_secrets({"kind": "Pod", "a": [{"b": "1"}], "c": {"d": "2"}}, {"a": [{"b": Secret("1")}], "c": {"d": "2"}})
    assert marked == {"kind": "Pod", "a": Secret([{"b": "1"}]), "c": {"d": "2"}}


def test_a_list_of_kubeconfigs_is_merged_as_kubectl_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(name: str, server: str, current: str = "") -> str:
        file = tmp_path / name
        clusters = [{"name": each, "cluster": {"server": server}} for each in ("both", name)]
        contexts = [{"name": name, "context": {"cluster": "both"}}]
        file.write_text(json.dumps({"current-context": current, "contexts": contexts, "clusters": clusters}), encoding="utf-8")
        return str(file)

    files = [written("first", "https://first"), str(tmp_path / "absent"), written("second", "https://second", "second")]
    monkeypatch.setenv("KUBECONFIG", ":".join([*files, written("third", "https://third", "third")]))
    found = _ambient_kubeconfig()
    assert found["current-context"] == "second"
    assert {each["name"]: each["cluster"]["server"] for each in found["clusters"]} == {
        "first": "https://first", "both": "https://first", "second": "https://second", "third": "https://third",
    }  # fmt: skip
    assert {each["name"] for each in found["contexts"]} == {"first", "second", "third"}


def test_only_another_cluster_replaces_a_provider() -> None:
    def kubeconfig(server: str, user: str = "u") -> str:
        config = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": user}}],
            "clusters": [{"name": "k", "cluster": {"server": server}}],
            "users": [{"name": user, "user": {}}],
        }
        return json.dumps(config)

    def replaces(old: dict[str, Any], new: dict[str, Any]) -> bool:
        return any(change.replaces for change in settings_difference(old, new).changes.values())

    one, renewed, other = kubeconfig("https://a"), kubeconfig("https://a", "another"), kubeconfig("https://b")
    assert not replaces({"kubeconfig": one}, {"kubeconfig": renewed})
    assert replaces({"kubeconfig": one}, {"kubeconfig": other})
    assert replaces({"kubeconfig": one}, {"kubeconfig": UNKNOWN})
    assert not replaces({"kubeconfig": one, "clusterIdentifier": "x"}, {"kubeconfig": other, "clusterIdentifier": "x"})
    assert replaces({"kubeconfig": one, "clusterIdentifier": "x"}, {"kubeconfig": one, "clusterIdentifier": "y"})
    assert not replaces({"kubeconfig": one}, {"kubeconfig": one, "clusterIdentifier": "y"})


def test_a_token_names_its_api_version_and_kind() -> None:
    assert ObjectKind.of_token("kubernetes:core/v1:Secret") == ObjectKind("v1", "Secret")
    assert ObjectKind.of_token("kubernetes:rbac.authorization.k8s.io/v1:Role") == ObjectKind("rbac.authorization.k8s.io/v1", "Role")
    with pytest.raises(ProviderError, match="genuine plugin"):
        ObjectKind.of_token("kubernetes:helm.sh/v3:Release")


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, True),
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, False),  # speaks of the old spec
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}, False),  # an old Pod still runs
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}, False),
        ({}, False),
    ],
)
def test_a_deployment_is_ready_when_its_newest_pods_are(status: dict[str, Any], *, ready: bool) -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}
    rule = rule_for(deployment)
    assert rule is not None
    assert rule(Look(NOTHING, deployment, 0.0)).ready is ready


@pytest.mark.parametrize(
    ("expression", "ready"),
    [
        ("jsonpath={.status.phase}=Running", True),
        ("jsonpath={.status.phase}=Pending", False),
        ("jsonpath={.status.list[1].name}", True),
        ("jsonpath={.status.list[9].name}", False),
        ('jsonpath={.status.list[?(@.name=="b")].ok}=true', True),
        ("condition=Ready", True),
        ("condition=Ready=False", False),
        ('["condition=Ready", "jsonpath={.status.missing}"]', False),
    ],
)
def test_wait_for_understands_paths_and_conditions(expression: str, *, ready: bool) -> None:
    status = {"phase": "Running", "list": [{"name": "a"}, {"name": "b", "ok": True}], "conditions": [{"type": "Ready", "status": "True"}]}
    rule = wait_for_rule({"metadata": {"annotations": {"pulumi.com/waitFor": expression}}})
    assert rule is not None
    assert rule(Look(NOTHING, {"status": status}, 0.0)).ready is ready


def test_wait_for_refuses_what_it_does_not_understand() -> None:
    for expression in ("ready", "jsonpath={range .items}", "[]"):
        with pytest.raises(ProviderError, match="waitFor"):
            wait_for_rule({"metadata": {"annotations": {"pulumi.com/waitFor": expression}}})


def test_a_merge_patch_removes_what_left_the_inputs() -> None:
    assert merge_patch({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 1}, "e": 3}) == {"a": None, "b": {"c": 1, "d": None}, "e": 3}


def test_two_mounts_of_one_volume_are_distinguished_by_their_paths() -> None:
    mounts = [{"name": "configuration", "mountPath": "/a", "subPath": "a"}, {"name": "configuration", "mountPath": "/b", "subPath": "b"}]
    inputs = {"spec": {"volumeMounts": mounts}}
    assert live_inputs(inputs, {"spec": {"volumeMounts": [{**mounts[1], "readOnly": True}, mounts[0]]}}) == inputs


def test_zero_values_of_kubernetes_own_types_are_left_out_and_those_of_pointers_stay() -> None:
    kept = {"replicas": 0, "automountServiceAccountToken": False, "csi": {"readOnly": False}, "emptyDir": {}}
    given = obj("apps/v1", "Deployment", spec={**kept, "minReadySeconds": 0, "volumeMounts": [{"name": "a", "readOnly": False}]})
    assert without_zeros(given)["spec"] == {**kept, "volumeMounts": [{"name": "a"}]}


def test_a_custom_resource_keeps_its_zero_values() -> None:
    given = obj("example.com/v1", "Thing", spec={"readOnly": False})
    assert without_zeros(given) == given


def test_zero_values_are_left_out_of_secret_parts_too() -> None:
    given = obj("v1", "Pod", spec=Secret({"hostNetwork": False, "containers": [{"name": "a", "tty": False}]}))
    assert without_zeros(given)["spec"] == Secret({"containers": [{"name": "a"}]})


# Between the engine and the plugins: property bags.


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


def test_a_claim_is_listed_with_all_pods_that_mount_it_ended_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LONGEST_PAUSE", 0.2)
    said, shown = _waits(CLAIM, _pod("collector", "data", "Succeeded"), _pod("other", "elsewhere", "Running"))
    assert said.endswith("it is still there, held by Pod collector (Succeeded).")
    assert shown == ["waiting until it is gone, held by Pod collector (Succeeded)"]


def test_other_objects_are_reported_with_their_finalizers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LONGEST_PAUSE", 0.2)
    for obj in (CLAIM, CLAIM | {"kind": "ConfigMap"}):
        assert "kubernetes.io/pvc-protection" in _waits(obj)[0]


def test_a_question_to_a_silent_server_ends_when_the_engine_cancels(tmp_path: Path) -> None:
    """As the genuine plugin's: else a cancelled preview lasts until the question's own limit of a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings.of({"kubeconfig": str(kubeconfig(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}"))})
        cancelled = threading.Event()
        threading.Timer(0.1, cancelled.set).start()
        began = time.monotonic()
        assert "cancelled" in cluster.Cluster(settings, cancelled).problem
    assert time.monotonic() - began < 10
