"""What is wrong with Pods, in their own words: scheduling, image pulls, crashes, termination messages, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.kube.cluster import Cluster
from lab.engine.plugins.kube.objects import ObjectKind, id_of, metadata, name_of, namespace_of
from lab.engine.plugins.provider import ProviderError

POD: Final = ObjectKind("v1", "Pod")
EVENT: Final = ObjectKind("v1", "Event")

SHOWN_PODS: Final = 5
"""How many Pods' problems a failure tells; the rest say the same."""

SHOWN_EVENTS: Final = 3
"""How many of a Pod's newest warnings a failure tells."""

_NORMAL_WAITS: Final = ("ContainerCreating", "PodInitializing")


def condition(obj: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return a condition of the object's status, {} when it has none of that type."""
    conditions: Sequence[Mapping[str, Any]] = (obj.get("status") or {}).get("conditions") or []
    return next((found for found in conditions if found.get("type") == kind), {})


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Tell whether a Pod is ready, or has done its work."""
    return condition(pod, "Ready").get("status") == "True" or (pod.get("status") or {}).get("phase") == "Succeeded"


def label_selector(selector: Mapping[str, Any]) -> str:
    """Return a ``LabelSelector`` as a query."""
    words = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or []:
        key, values = expression["key"], ",".join(expression.get("values") or [])
        words.append(
            {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}[
                expression["operator"]
            ]
        )
    return ",".join(words)


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


def problems(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what keeps Pods from being ready, newest Pods first, at most ``SHOWN_PODS``."""
    newest = sorted(pods, key=lambda pod: metadata(pod).get("creationTimestamp") or "", reverse=True)
    lines = [f"[Pod {id_of(pod)}] {'; '.join(found)}" for pod in newest if not is_ready(pod) and (found := list(_problems(pod)))]
    return lines[:SHOWN_PODS]


def _problems(pod: Mapping[str, Any]) -> Iterator[str]:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("message"):
        yield scheduled["message"]
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        if not container.get("ready"):
            yield from _container_problems(container)
    if status.get("phase") == "Failed" and (status.get("message") or status.get("reason")):
        yield f"{status.get('reason', 'Failed')}: {status.get('message', '')}".rstrip(": ")


def _container_problems(container: Mapping[str, Any]) -> Iterator[str]:
    name, state = container.get("name"), container.get("state") or {}
    waiting = state.get("waiting") or {}
    if waiting.get("reason") and waiting["reason"] not in _NORMAL_WAITS:
        yield f"container '{name}': {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    for terminated in (state.get("terminated"), (container.get("lastState") or {}).get("terminated")):
        if terminated and (terminated.get("exitCode") or terminated.get("reason") not in ("Completed", None)):
            said = (terminated.get("message") or "").strip()
            words = (
                f"container '{name}' ended with exit code {terminated.get('exitCode')} ({terminated.get('reason') or 'no reason given'})"
            )
            yield f"{words}: {said}" if said else words


def warnings(cluster: Cluster, pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the newest warnings of Pods that are not ready."""
    lines = []
    for pod in [pod for pod in pods if not is_ready(pod)][:SHOWN_PODS]:
        fields = f"involvedObject.name={name_of(pod)},type=Warning"
        try:
            events = cluster.list(EVENT, namespace_of(pod), fields=fields)
        except ProviderError:
            continue
        events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "", reverse=True)
        lines += [f"[Pod {id_of(pod)}] {event.get('reason')}: {event.get('message')}" for event in events[:SHOWN_EVENTS]]
    return lines
