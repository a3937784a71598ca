"""How long a first deployment takes against ``kubectl apply`` of the same objects and a wait until all is ready."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lab import cluster
from lab.cluster import Home
from ops.console import Step
from ops.errors import OpsError

SECRET_MARK: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105 - Pulumi's marker of a secret, the same for everybody
READY_SECONDS: Final = 300
AUTONAMED: Final = "pulumi.com/autonamed"


def objects(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the objects of a state exported with its secrets, as they were sent to the cluster; Services keep their addresses."""
    for resource in state["deployment"]["resources"]:
        if not resource["type"].startswith("kubernetes:") or resource.get("delete") or not resource.get("custom"):
            continue
        outputs, inputs = _plain(resource.get("outputs") or {}), _plain(resource.get("inputs") or {})
        found = {key: value for key, value in inputs.items() if key != "status"}
        found |= {"apiVersion": outputs["apiVersion"], "kind": outputs["kind"]}
        metadata = dict(found.get("metadata") or {})
        metadata["name"] = outputs["metadata"]["name"]
        metadata["annotations"] = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != AUTONAMED}
        found["metadata"] = metadata
        if found["kind"] == "Service" and (address := (outputs.get("spec") or {}).get("clusterIP")):
            found["spec"] = {**found["spec"], "clusterIP": address}  # the Pods know it by that
        yield found


def _plain(value: Any) -> Any:
    """Return ``value`` with the texts that secrets are."""
    if isinstance(value, Mapping):
        if SECRET_MARK in value:
            return json.loads(value["plaintext"])
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def seconds(state: Mapping[str, Any], namespace: str, kubeconfig: Path, home: Home, step: Step) -> float:
    """Remove ``namespace``, apply the same objects to it, and return the seconds until every workload is ready and every Job done.

    Raises:
        OpsError: kubectl refused, or they were not ready within `READY_SECONDS`.
    """
    found = list(objects(state))
    kubectl = [str(cluster.kubectl_program(home)), "--kubeconfig", str(kubeconfig)]
    step.say("removing the first deployment")
    for words in (  # Pods that are not left to stop in their own time: what they hold goes, too
        ("delete", "deployments,statefulsets,jobs,cronjobs", "--all", "--cascade=orphan"),
        ("delete", "pods", "--all", "--now"),
        ("delete", "namespace", namespace),
    ):
        _run([*kubectl, "--namespace", namespace, *words, f"--timeout={READY_SECONDS}s"])
    began = time.monotonic()
    step.say("applying the same objects")
    first = [each for each in found if each["kind"] == "Namespace"]
    if not first:
        _run([*kubectl, "create", "namespace", namespace])
    for part in (first, [each for each in found if each["kind"] != "Namespace"]):
        if part:
            _run([*kubectl, "apply", "--filename", "-"], json.dumps({"apiVersion": "v1", "kind": "List", "items": part}))
    step.say("waiting until all is ready")
    wait = [*kubectl, "--namespace", namespace, "wait", f"--timeout={READY_SECONDS}s"]
    for kind in ("Deployment", "StatefulSet"):
        for each in (each for each in found if each["kind"] == kind):
            _run(
                [
                    *kubectl,
                    "--namespace",
                    namespace,
                    "rollout",
                    "status",
                    f"{kind.lower()}/{each['metadata']['name']}",
                    f"--timeout={READY_SECONDS}s",
                ]
            )
    for each in (each for each in found if each["kind"] == "Job"):
        _run([*wait, "--for=condition=complete", f"job/{each['metadata']['name']}"])
    return time.monotonic() - began


def _run(command: list[str], stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsError(f"'kubectl {' '.join(command[3:6])}' failed.", "correct what its output names:", done.stderr.strip()[-2000:])
