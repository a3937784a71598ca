"""What the status of an object says: conditions, and what is wrong with Pods in their own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Object = Mapping[str, Any]

SHOWN_PODS: Final = 5
"""How many Pods' problems a failure shows; those of the others are the same."""

SHOWN_EVENTS: Final = 3
"""How many of a Pod's newest warnings a failure shows."""

_NORMAL_WAITS: Final = ("ContainerCreating", "PodInitializing")


def condition(obj: Object, kind: str) -> Object:
    """Return a condition of the object's status, {} when it has none of that type."""
    conditions: Sequence[Object] = (obj.get("status") or {}).get("conditions") or []
    return next((found for found in conditions if found.get("type") == kind), {})


def is_ready(pod: Object) -> bool:
    """Tell whether a Pod is ready, or has done its work."""
    return condition(pod, "Ready").get("status") == "True" or (pod.get("status") or {}).get("phase") == "Succeeded"


def label_selector(selector: Object) -> str:
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


def path_of(obj: Object) -> str:
    """Return ``namespace/name``, or ``name`` of what has no namespace."""
    metadata = obj.get("metadata") or {}
    return "/".join(str(metadata[key]) for key in ("namespace", "name") if metadata.get(key))


def has_ended(job: Object) -> bool:
    """Tell whether a Job has succeeded or failed."""
    return any(condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))


def newest_warnings(pod: Object, events: Sequence[Object]) -> list[str]:
    """Return the newest of a Pod's ``events``, at most `SHOWN_EVENTS`."""
    newest = sorted(events, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "", reverse=True)
    return [f"[Pod {path_of(pod)}] {event.get('reason')}: {event.get('message')}" for event in newest[:SHOWN_EVENTS]]


def problems(pods: Sequence[Object]) -> list[str]:
    """Return what keeps Pods from being ready, newest Pods first, at most ``SHOWN_PODS``."""
    newest = sorted(pods, key=lambda pod: (pod.get("metadata") or {}).get("creationTimestamp") or "", reverse=True)
    lines = [f"[Pod {path_of(pod)}] {'; '.join(found)}" for pod in newest if not is_ready(pod) and (found := list(_problems(pod)))]
    return lines[:SHOWN_PODS]


def _problems(pod: Object) -> Iterator[str]:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("message"):
        yield scheduled["message"]
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        if not container.get("ready"):
            yield from _container_problems(container)
    if status.get("phase") == "Failed" and (status.get("message") or status.get("reason")):
        yield f"{status.get('reason', 'Failed')}: {status.get('message', '')}".rstrip(": ")


def _container_problems(container: Object) -> Iterator[str]:
    name, state = container.get("name"), container.get("state") or {}
    waiting = state.get("waiting") or {}
    if waiting.get("reason") and waiting["reason"] not in _NORMAL_WAITS:
        yield f"container '{name}': {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    for terminated in (state.get("terminated"), (container.get("lastState") or {}).get("terminated")):
        if terminated and (terminated.get("exitCode") or terminated.get("reason") not in ("Completed", None)):
            message = (terminated.get("message") or "").strip()
            words = (
                f"container '{name}' ended with exit code {terminated.get('exitCode')} ({terminated.get('reason') or 'no reason given'})"
            )
            yield f"{words}: {message}" if message else words
