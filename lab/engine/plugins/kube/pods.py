"""What is wrong with Pods, in their own words: scheduling, image pulls, crashes, termination messages, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.kube.cluster import Cluster
from lab.engine.plugins.kube.objects import ObjectKind, name_of, namespace_of
from lab.engine.plugins.provider import ProviderError
from ops.kube.status import SHOWN_PODS, is_ready, label_selector, newest_warnings

POD: Final = ObjectKind("v1", "Pod")
EVENT: Final = ObjectKind("v1", "Event")


def selected(cluster: Cluster, owner: Mapping[str, Any]) -> list[Properties]:
    """Return the Pods that a workload's selector matches; none when they cannot be listed."""
    selector = label_selector((owner.get("spec") or {}).get("selector") or {})
    if not selector:
        return []
    try:
        return cluster.list(POD, namespace_of(owner), labels=selector)
    except ProviderError:  # a caller without the right to list Pods still gets the workload's own status
        return []


def mounting(cluster: Cluster, namespace: str, claim: str) -> list[Properties]:
    """Return the Pods that mount a claim, ended ones included: each keeps it; none when they cannot be listed."""

    def mounts(pod: Mapping[str, Any]) -> bool:
        volumes = (pod.get("spec") or {}).get("volumes") or []
        return any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes)

    try:
        return [pod for pod in cluster.list(POD, namespace) if mounts(pod)]
    except ProviderError:
        return []


def warnings(cluster: Cluster, pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the newest warnings of Pods that are not ready."""
    lines = []
    for pod in [pod for pod in pods if not is_ready(pod)][:SHOWN_PODS]:
        fields = f"involvedObject.name={name_of(pod)},type=Warning"
        try:
            events = cluster.list(EVENT, namespace_of(pod), fields=fields)
        except ProviderError:
            continue
        lines += newest_warnings(pod, events)
    return lines
