"""What the cluster's API says of a stack: its objects, workloads, claims and Jobs; reads only."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lab.engine.plugins.kube import pods
from lab.engine.plugins.kube.cluster import ApiError, Cluster, UnknownKindError, UnreachableError
from lab.engine.plugins.kube.objects import ObjectKind
from lab.engine.plugins.kube.settings import Settings
from ops.backup.scale import COPIES
from ops.doctor import mounted
from ops.doctor.facts import Claim, Expected, Pod, Silent, Unseen, Workload
from ops.doctor.snapshot import Snapshot

NAMESPACE: Final = ObjectKind("v1", "Namespace")
SECRET: Final = ObjectKind("v1", "Secret")
CONFIG_MAP: Final = ObjectKind("v1", "ConfigMap")
CLAIM: Final = ObjectKind("v1", "PersistentVolumeClaim")
EVENT: Final = ObjectKind("v1", "Event")
JOB: Final = ObjectKind("batch/v1", "Job")
WORKLOADS: Final = (ObjectKind("apps/v1", "Deployment"), ObjectKind("apps/v1", "StatefulSet"))

COMPONENT: Final = "app.kubernetes.io/component"
INSTANCE: Final = "app.kubernetes.io/instance"
SHOWN_LINES: Final = 3
"""Lines of a log that a problem tells."""

Object = Mapping[str, Any]


def connected(kubeconfig: Path, context: str | None) -> Cluster:
    """Return the cluster; whether it answers is asked by `examine_objects`."""
    return Cluster(Settings.of({"kubeconfig": str(kubeconfig), "context": context}), threading.Event())


def examine_objects(cluster: Cluster, snapshot: Snapshot) -> Snapshot:
    """Return ``snapshot`` with what the API says."""
    expected = snapshot.expected
    if cluster.problem:
        return dataclasses.replace(snapshot, cluster=Silent(cluster.problem))
    try:
        version = str(cluster.request("GET", "/version").get("gitVersion"))
        namespace = cluster.get(NAMESPACE, "", expected.namespace)
        phase = "" if namespace is None else str(namespace["status"]["phase"])
        snapshot = dataclasses.replace(snapshot, cluster=version, namespace=phase)
        if not phase:
            return snapshot
        content = mounted.texts(cluster.list(SECRET, expected.namespace), cluster.list(CONFIG_MAP, expected.namespace))
        return dataclasses.replace(
            snapshot,
            missing=tuple(_missing(cluster, expected)),
            claims=tuple(_claims(cluster, expected)),
            workloads=dict(_workloads(cluster, expected, content)),
            jobs=dict(_jobs(cluster, expected)),
        )
    except ApiError as error:
        return dataclasses.replace(snapshot, cluster=Unseen(f"the API server refuses: {error.message}"))
    except UnreachableError as error:
        return dataclasses.replace(snapshot, cluster=Silent(str(error)))


def _missing(cluster: Cluster, expected: Expected) -> Iterator[tuple[str, str]]:
    """Give kind and name of what Pulumi has made and the cluster does not have."""
    for token in sorted({token for token, _ in expected.objects}):
        kind = _kind(token)
        try:
            there = {each["metadata"]["name"] for each in cluster.list(kind, expected.namespace)}
        except UnknownKindError:
            there = set()
        yield from ((kind.kind, name) for made, name in expected.objects if made == token and name not in there)


def _kind(token: str) -> ObjectKind:
    """Return the kind behind a resource's type: ``kubernetes:core/v1:Secret``."""
    _, api_version, kind = token.split(":")
    return ObjectKind(api_version.removeprefix("core/"), kind)


def _own(cluster: Cluster, kind: ObjectKind, expected: Expected) -> list[dict[str, Any]]:
    return cluster.list(kind, expected.namespace, labels=f"{INSTANCE}={expected.stack}")


def _workloads(cluster: Cluster, expected: Expected, content: mounted.Texts) -> Iterator[tuple[str, Workload]]:
    for kind in WORKLOADS:
        for each in _own(cluster, kind, expected):
            role = each["metadata"]["labels"].get(COMPONENT, "")
            living = [pod for pod in pods.selected(cluster, each) if not pod["metadata"].get("deletionTimestamp")]
            # A Pod that was evicted stays for its log's sake; another has long taken its place.
            living = [pod for pod in living if pod["status"].get("phase") != "Failed"] or living
            yield (
                role,
                Workload(
                    kind=kind.kind.lower(),
                    name=each["metadata"]["name"],
                    replicas=each["spec"].get("replicas", 1),
                    before_restore=each["metadata"].get("annotations", {}).get(COPIES),
                    pods=tuple(_pod(pod, content) for pod in living),
                    problems=tuple(dict.fromkeys(shortened(each) for each in (*pods.problems(living), *pods.warnings(cluster, living)))),
                ),
            )


def _pod(pod: Object, content: mounted.Texts) -> Pod:
    spec = pod["spec"]
    return Pod(
        name=pod["metadata"]["name"],
        ready=pods.is_ready(pod),
        ready_since=_since(pods.condition(pod, "Ready").get("lastTransitionTime")),
        ports={port.get("name", str(port["containerPort"])): port["containerPort"] for port in spec["containers"][0].get("ports") or ()},
        aliases={name: alias["ip"] for alias in spec.get("hostAliases") or () for name in alias["hostnames"]},
        claims=mounted.claims(pod),
        variables=mounted.variables(pod, content),
        files=mounted.files(pod, content),
    )


def _since(moment: str | None) -> float:
    return dt.datetime.fromisoformat(moment).timestamp() if moment else 0.0


def shortened(text: str) -> str:
    """Return a problem with the last lines of the log that it holds."""
    first, *rest = text.strip().splitlines()
    return "\n".join([first[:400], *(line[:200] for line in rest[-SHOWN_LINES:])])


def _claims(cluster: Cluster, expected: Expected) -> Iterator[Claim]:
    for each in _own(cluster, CLAIM, expected):
        name, phase = each["metadata"]["name"], each["status"].get("phase", "")
        events = [] if phase == "Bound" else cluster.list(EVENT, expected.namespace, fields=f"involvedObject.name={name}")
        told = dict.fromkeys(f"{event.get('reason')}: {event.get('message')}" for event in events)
        waits = bool(events) and {event.get("reason") for event in events} == {"WaitForFirstConsumer"}
        yield Claim(name=name, phase=phase, problems=tuple(told)[-SHOWN_LINES:], waits=waits)


def _jobs(cluster: Cluster, expected: Expected) -> Iterator[tuple[str, str]]:
    """Give each Job that Pulumi has made and that has not succeeded, and why."""
    made = {name for token, name in expected.objects if token.endswith(":Job")}
    for each in _own(cluster, JOB, expected):
        name = each["metadata"]["name"]
        if name not in made or pods.condition(each, "Complete").get("status") == "True":
            continue
        failed = pods.condition(each, "Failed")
        told = pods.problems(pods.selected(cluster, each))
        yield name, shortened("\n".join(told)) if told else str(failed.get("message") or "it has not ended yet")
