"""What a deployed stack must be, from Pulumi: its outputs and its state."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.facts import Expected
from ops.pulumi.stack import Stack


def expected_of(stack: Stack) -> Expected:
    """Return what ``stack`` should look like.

    Raises:
        ops.errors.OpsError: it was never deployed.
    """
    found, state = stated(stack.name, stack.outputs()), stack.export()
    return dataclasses.replace(found, objects=tuple(objects(state, found.namespace)), copies=dict(copies(state, found.namespace)))


def stated(name: str, outputs: Mapping[str, Any]) -> Expected:
    """Return what the outputs of stack ``name`` say of it; which objects it has only Pulumi's state knows."""
    return Expected(
        stack=name,
        namespace=str(outputs["namespace"]),
        portus_url=str(outputs["portus_url"]),
        registry=str(outputs["registry_host"]),
        portus_version=str(outputs["versions"]["portus"]),
        trust=str(outputs["ca_certificate"]),
    )


def objects(state: Mapping[str, Any], namespace: str) -> Iterator[tuple[str, str]]:
    """Give type and name of every object in ``namespace`` that a stack's state holds."""
    for name, resource in _made(state, namespace):
        yield resource["type"], name


def copies(state: Mapping[str, Any], namespace: str) -> Iterator[tuple[str, int]]:
    """Give each workload's name and how many copies were asked for: by itself, or at least by its autoscaler."""
    for name, resource in _made(state, namespace):
        spec = resource.get("inputs", {}).get("spec", {})
        if resource["type"].endswith((":Deployment", ":StatefulSet")) and "replicas" in spec:
            yield name, int(spec["replicas"])
        elif resource["type"].endswith(":HorizontalPodAutoscaler") and "minReplicas" in spec:
            yield spec["scaleTargetRef"]["name"], int(spec["minReplicas"])


def _made(state: Mapping[str, Any], namespace: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give name and resource of every object in ``namespace``, less those that only wait for their removal."""
    for resource in state.get("deployment", {}).get("resources") or ():
        place, _, name = str(resource.get("id", "")).partition("/")
        if resource["type"].startswith("kubernetes:") and place == namespace and name and not resource.get("delete"):
            yield name, resource
