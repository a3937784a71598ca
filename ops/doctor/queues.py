"""What waits in the registry for Portus; reads only."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from components.common.names import REGISTRY
from ops.doctor.facts import Pod, Queue
from ops.doctor.snapshot import Snapshot
from ops.kube.http import Answer, Request, Silent, Unseen
from ops.kube.pods import Pods

COUNT_SECONDS: Final = 3.0
"""Between two looks at a queue that is not empty: a push under way empties it within a second."""


def count_queues(pods: Pods, snapshot: Snapshot) -> tuple[Queue, ...] | Silent | Unseen:
    """Return the queues of every registry Pod, by ``/debug/vars``: the only place where 2.8 counts them."""
    workload = snapshot.workload(REGISTRY)
    found: list[Queue] = []
    for pod in workload.ready if workload else ():
        first = _counted(pods, pod)
        if isinstance(first, Silent | Unseen):
            return first
        second = first
        if any(each["Metrics"].get("Pending") for each in first):
            time.sleep(COUNT_SECONDS)
            again = _counted(pods, pod)
            second = first if isinstance(again, Silent | Unseen) else again
        found += [_queue(pod.name, before, after) for before, after in zip(first, second, strict=False)]
    return tuple(found)


def _counted(pods: Pods, pod: Pod) -> list[dict[str, Any]] | Silent | Unseen:
    answer = pods.ask(pod.name, pod.ports["debug"], Request(path="/debug/vars", host="", plain=True))
    if not isinstance(answer, Answer):
        return answer
    try:
        return list(json.loads(answer.body)["registry"]["notifications"]["endpoints"])
    except (ValueError, KeyError, TypeError):
        return Unseen("the registry's /debug/vars counts no notifications")


def _queue(pod: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Queue:
    metrics = after["Metrics"]
    return Queue(
        pod=pod,
        name=str(after.get("name")),
        pending=min(int(before["Metrics"].get("Pending") or 0), int(metrics.get("Pending") or 0)),
        delivered=int(metrics.get("Successes") or 0) - int(before["Metrics"].get("Successes") or 0),
        statuses=metrics.get("Statuses") or {},
    )
