"""What kubectl applies is what Pulumi applied: the same objects, names, secrets and addresses."""

from __future__ import annotations

import json
from typing import Any

from lab.bench.first_up import objects

MARK = "4dabf18193072939515e22adb298388d"


def _resource(kind: str, inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": f"kubernetes:core/v1:{kind}",
        "custom": True,
        "inputs": inputs,
        "outputs": {"apiVersion": "v1", "kind": kind, **outputs},
        **more,
    }


def test_the_objects_are_those_that_were_sent_with_their_names_secrets_and_addresses() -> None:
    secret = {MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps({"password": "cGFzcw=="})}
    named = {"metadata": {"name": "registry-1a2b", "uid": "1"}}
    state = {
        "deployment": {
            "resources": [
                {"type": "pulumi:pulumi:Stack", "custom": False},
                {"type": "portus:registry:Registry", "custom": False},
                {"type": "random:index/randomPassword:RandomPassword", "custom": True, "outputs": {}},
                _resource("Secret", {"metadata": {"annotations": {"pulumi.com/autonamed": "true"}}, "data": secret}, named),
                _resource(
                    "Service", {"metadata": {"name": "registry"}, "spec": {"ports": []}}, {**named, "spec": {"clusterIP": "10.96.0.9"}}
                ),
                _resource("ConfigMap", {"metadata": {}}, named, delete=True),
            ]
        }
    }
    made, service = objects(state)
    assert made == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "registry-1a2b", "annotations": {}},
        "data": {"password": "cGFzcw=="},
    }
    assert service["spec"] == {"ports": [], "clusterIP": "10.96.0.9"}
