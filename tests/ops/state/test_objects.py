"""Which live object is a resource's, and what the state notes of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ops.kube.client import CONFIG_MAP, DEPLOYMENT, JOB, SECRET, Kind, UnknownKindError
from ops.state.objects import AUTONAMED, Contents, LiveObjects, as_deployed
from ops.state.values import HIDDEN, UNKNOWN, Secret

NAMESPACE = "portus"


class Cluster:
    """Objects by kind."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self._objects = objects

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        return next((each for each in self.list(kind, namespace) if each["metadata"]["name"] == name), None)

    def list(self, kind: Kind, namespace: str) -> list[dict[str, Any]]:
        if kind.kind == "Certificate":
            raise UnknownKindError
        return [each for each in self._objects.get(kind.kind, []) if each["metadata"]["namespace"] == namespace]


def _resource(kind: Kind, logical: str, name: str, *, auto: bool = True, **fields: Any) -> dict[str, Any]:
    group = kind.api_version if "/" in kind.api_version else f"core/{kind.api_version}"
    notes = {"annotations": {AUTONAMED: "true"}} if auto else {}
    metadata = {"name": name, "namespace": NAMESPACE, **notes}
    inputs = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **fields}
    return {"urn": f"urn:pulumi:s::p::kubernetes:{group}:{kind.kind}::{logical}", "custom": True, "inputs": inputs} | {
        "type": f"kubernetes:{group}:{kind.kind}"
    }


def _live(name: str, *, auto: bool = True, made: str = "2026-01-01T00:00:00Z", **fields: Any) -> dict[str, Any]:
    notes = {"annotations": {AUTONAMED: "true", "other": "1"}} if auto else {}
    return {"metadata": {"name": name, "namespace": NAMESPACE, "creationTimestamp": made, "uid": "u", **notes}, **fields}


def test_a_name_that_pulumi_chose_is_found_by_its_beginning() -> None:
    secrets = [
        _live("portus-credentials-00000001"),
        _live("portus-credentials-extra-00000002"),
        _live("portus-credentials-mine", auto=False),
    ]
    live = LiveObjects(Cluster(Secret=secrets))
    found = live.find(_resource(SECRET, "portus-credentials", "portus-credentials-ffffffff"))
    assert found is not None
    assert (found["metadata"]["name"], found["kind"]) == ("portus-credentials-00000001", "Secret")
    assert live.find(_resource(SECRET, "portus", "portus-ffffffff")) is None
    assert live.leftovers == []


def test_the_object_in_use_of_several_is_taken_and_the_others_are_reported() -> None:
    secrets = [_live("a-00000001"), _live("a-00000002", made="2026-02-01T00:00:00Z")]
    pod = {"template": {"spec": {"volumes": [{"secret": {"secretName": "a-00000001"}}]}}}
    live = LiveObjects(Cluster(Secret=secrets, Deployment=[_live("portus", auto=False, spec=pod)]))
    found = live.find(_resource(SECRET, "a", "a-ffffffff"))
    assert found is not None
    assert found["metadata"]["name"] == "a-00000001"
    assert live.leftovers == ["Secret a-00000002"]


def test_what_a_deployment_without_the_state_has_made_is_left_alone() -> None:
    """It makes Secrets and Jobs of other names, and fails at the first object of a fixed name."""
    later = "2026-02-01T00:00:00Z"
    secrets = [_live("files-00000001"), _live("files-00000002", made=later)]
    jobs = [
        _live(each["metadata"]["name"].replace("files", "accept"), made=later, spec={"volume": each["metadata"]["name"]})
        for each in secrets
    ]
    jobs[0] |= {"status": {"succeeded": 1}}
    live = LiveObjects(Cluster(Secret=secrets, Job=jobs))
    for kind, name in ((SECRET, "files"), (JOB, "accept")):
        found = live.find(_resource(kind, name, f"{name}-ffffffff"))
        assert found is not None
        assert found["metadata"]["name"] == f"{name}-00000001"
    assert live.leftovers == ["Secret files-00000002", "Job accept-00000002"]


def test_the_newest_of_several_unused_objects_is_taken() -> None:
    maps = [_live("a-00000002", made="2026-02-01T00:00:00Z"), _live("a-00000001")]
    found = LiveObjects(Cluster(ConfigMap=maps)).find(_resource(CONFIG_MAP, "a", "a-ffffffff"))
    assert found is not None
    assert found["metadata"]["name"] == "a-00000002"


def test_a_kind_that_the_cluster_does_not_know_has_no_object() -> None:
    assert LiveObjects(Cluster()).find(_resource(Kind("cert-manager.io/v1", "Certificate"), "a", "a", auto=False)) is None


def test_texts_are_read_by_the_logical_name() -> None:
    planned: list[Any] = [_resource(SECRET, "a", "a-f"), _resource(CONFIG_MAP, "b", "b-f"), _resource(DEPLOYMENT, "c", "c", auto=False)]
    secret = {"kind": "Secret", "data": {"key": base64.b64encode(b"\xc3\xa4").decode()}}
    found = {planned[0]["urn"]: secret, planned[1]["urn"]: {"kind": "ConfigMap", "data": {"key": "text"}}}
    content = Contents(planned, found)
    assert (content("a", "key"), content("b", "key")) == ("ä", "text")
    assert (content("a", "other"), content("c", "key")) == (None, None)


def test_the_state_has_the_programs_inputs_where_the_object_agrees_and_the_objects_where_not() -> None:
    spec = {"replicas": 2, "template": {"memory": {"limits": {"memory": "1024Mi"}}, "volumes": [{"name": "v", "secretName": UNKNOWN}]}}
    theirs = {
        "replicas": 3,
        "template": {"memory": {"limits": {"memory": "1Gi"}}, "volumes": [{"name": "v", "secretName": "a-1", "mode": 420}]},
        "server": 1,
    }
    fields = [{"manager": "kubelet", "subresource": "status"}, {"manager": "pulumi-kubernetes-0a1b"}]
    live = {"apiVersion": "apps/v1", "kind": "Deployment", **_live("portus", auto=False, spec=theirs)}
    live["metadata"]["managedFields"] = fields
    noted = as_deployed(_resource(DEPLOYMENT, "portus-web", "portus", auto=False, spec=spec), live)
    assert noted["id"] == "portus/portus"
    assert noted["inputs"]["spec"] == {
        "replicas": 3,
        "template": {"memory": {"limits": {"memory": "1024Mi"}}, "volumes": [{"name": "v", "secretName": "a-1"}]},
    }
    outputs = noted["outputs"]
    assert (outputs["__inputs"], outputs["__fieldManager"]) == (noted["inputs"], "pulumi-kubernetes-0a1b")
    assert "managedFields" not in outputs["metadata"]
    assert outputs["spec"]["server"] == 1


@pytest.mark.parametrize("data", [HIDDEN, {"a": HIDDEN}, UNKNOWN])
def test_a_secrets_data_come_from_the_object_and_are_secret(data: Any) -> None:
    live = {"apiVersion": "v1", "kind": "Secret", **_live("a-1", data={"a": "eA=="})}
    noted = as_deployed(_resource(SECRET, "a", "a-f", data=data), live)
    for place in (noted["inputs"], noted["outputs"], noted["outputs"]["__inputs"]):
        assert place["data"] == Secret({"a": "eA=="})
    assert noted["inputs"]["metadata"]["name"] == "a-1"


def test_a_secret_beside_a_secret_kind_is_marked_where_the_preview_hides_it() -> None:
    live = {"apiVersion": "v1", "kind": "ConfigMap", **_live("a-1", data={"a": "x", "b": "y"})}
    noted = as_deployed(_resource(CONFIG_MAP, "a", "a-f", data={"a": HIDDEN, "b": "y"}), live)
    assert noted["inputs"]["data"] == noted["outputs"]["data"] == {"a": Secret("x"), "b": "y"}
