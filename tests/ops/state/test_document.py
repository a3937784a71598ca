"""The state as a whole: what of it is a secret and how that leaves the process, and what a preview may say of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.errors import OpsError
from ops.state.document import document, judged, planned
from ops.state.values import HIDDEN, SECRET, SIGNATURE, UNKNOWN, Secret, encoded, hidden, marked
from tests.ops.state.stages import EMPTY, ROOT, urn

PROVIDER = urn("pulumi:providers:random", "default_4_21_4")


def _step(op: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "newState": {"urn": urn(kind, name), "type": kind, "custom": not kind.startswith("portus:")}, **more}


def _resources(*more: dict[str, Any]) -> list[dict[str, Any]]:
    stack = {"urn": ROOT, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {"a": UNKNOWN}}
    return [stack, *more]


def test_providers_that_no_preview_shows_are_there_with_the_version_of_their_name() -> None:
    kind = "random:index/randomPassword:RandomPassword"
    password = {"urn": urn(kind, "a"), "type": kind, "custom": True, "provider": f"{PROVIDER}::{UNKNOWN}", "inputs": {}}
    found = document(EMPTY, _resources(password), {urn(kind, "a"): {"id": "none", "inputs": {}, "outputs": {"result": Secret("x")}}})
    stack, provider, made = found["deployment"]["resources"]
    assert (provider["urn"], provider["inputs"]) == (PROVIDER, {"__internal": {}, "version": "4.21.4"})
    assert made["provider"] == f"{PROVIDER}::{provider['id']}"
    assert SIGNATURE in made["outputs"]["result"]
    assert "outputs" not in stack
    assert found["deployment"]["secrets_providers"] == EMPTY["deployment"]["secrets_providers"]


def test_a_provider_of_the_program_gets_an_id_and_its_settings_as_outputs() -> None:
    kind = "pulumi:providers:kubernetes"
    own = {"urn": urn(kind, "kubernetes"), "type": kind, "custom": True, "id": UNKNOWN, "inputs": {"context": "c", "__internal": {}}}
    token = "kubernetes:core/v1:Secret"
    secret = {"urn": urn(token, "s"), "type": token, "custom": True, "provider": f"{urn(kind, 'kubernetes')}::{UNKNOWN}", "inputs": {}}
    found = document(EMPTY, _resources(own, secret), {urn(token, "s"): {"id": "n/s"}})["deployment"]["resources"]
    assert found[1]["outputs"] == {"context": "c"}
    assert found[2]["provider"].endswith(found[1]["id"])
    assert found[1]["id"] != UNKNOWN


def test_what_the_cluster_does_not_have_is_left_out_and_nothing_refers_to_it() -> None:
    token = "kubernetes:core/v1:Secret"
    there, gone = urn(token, "there"), urn(token, "gone")
    resource = {
        "urn": there,
        "type": token,
        "custom": True,
        "dependencies": [gone, ROOT],
        "propertyDependencies": {"data": [gone], "x": None},
    }
    missing = {"urn": gone, "type": token, "custom": True}
    found = document(EMPTY, _resources(missing, resource), {there: {"id": "n/there"}})["deployment"]["resources"]
    assert [each["urn"] for each in found] == [ROOT, there]
    assert (found[1]["dependencies"], found[1]["propertyDependencies"]) == ([ROOT], {"data": [], "x": []})


def test_a_state_that_could_not_encrypt_is_refused() -> None:
    with pytest.raises(OpsError, match=r"must have a provider of secrets.*pulumi stack rm --preserve-config"):
        document({"version": 3, "deployment": {}}, _resources(), {})


def test_what_the_program_only_reads_is_not_of_the_state() -> None:
    kind = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    assert [each["urn"] for each in planned([_step("create", "a:b:C", "made"), _step("read", kind, "seen")])] == [urn("a:b:C", "made")]


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        (_step("create", "random:index/randomPassword:RandomPassword", "a"), "RandomPassword a"),
        (_step("update", "tls:index/privateKey:PrivateKey", "a"), "PrivateKey a"),
        (_step("replace", "kubernetes:core/v1:PersistentVolumeClaim", "a"), "PersistentVolumeClaim a"),
        (_step("create-replacement", "kubernetes:core/v1:Secret", "a"), "Secret a"),
        (_step("update", "kubernetes:core/v1:Secret", "a", detailedDiff={"data.password": {"kind": "update"}}), "Secret a"),
        (_step("update", "kubernetes:core/v1:Secret", "a", diffReasons=["data"]), "Secret a"),
        ({"op": "delete", "oldState": _step("", "kubernetes:core/v1:Namespace", "a")["newState"]}, "Namespace a"),
    ],
)
def test_what_must_stay_and_would_not_is_named(step: dict[str, Any], shown: str) -> None:
    found = judged([step])
    assert (found.lost, found.made, found.changed) == ([shown], [], [])
    assert judged([step], expected=["a"]).lost == []


def test_other_differences_are_reported_and_not_refused() -> None:
    changes = [
        _step("update", "kubernetes:apps/v1:Deployment", "web"),
        _step("replace", "kubernetes:batch/v1:Job", "job"),
        _step("create-replacement", "kubernetes:batch/v1:Job", "job"),
        _step("update", "kubernetes:core/v1:Secret", "labels", detailedDiff={"metadata.labels.a": {"kind": "add"}}),
        _step("create", "kubernetes:core/v1:Secret", "gone"),
        _step("same", "kubernetes:core/v1:Secret", "same"),
        _step("update", "portus:index:PortusStack", "stack"),
    ]
    found = judged(changes)
    assert (found.lost, found.made) == ([], ["Secret gone"])
    assert found.changed == ["Deployment web", "Job job", "Secret labels"]


def test_a_secret_leaves_in_pulumis_own_form_and_shows_nothing_before() -> None:
    found = encoded({"data": Secret({"password": "abc"}), "list": [Secret("x"), 1]})
    assert found["data"] == {SIGNATURE: SECRET, "plaintext": json.dumps({"password": "abc"})}
    assert found["list"][1] == 1
    assert "abc" not in repr(Secret("abc"))


def test_a_list_that_holds_a_secret_is_secret_as_a_whole() -> None:
    shown = {"data": {"a": HIDDEN, "b": "1"}, "spec": {"env": [{"name": "a"}, {"value": HIDDEN}]}, "plain": [1]}
    assert set(hidden(shown)) == {("data", "a"), ("spec", "env")}


def test_marks_go_to_what_is_there() -> None:
    found = marked({"data": {"a": "1", "b": "2"}, "kind": "ConfigMap"}, {("data", "a"), ("spec", "x"), ("kind", "y")})
    assert found == {"data": {"a": Secret("1"), "b": "2"}, "kind": "ConfigMap"}
