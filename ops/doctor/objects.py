"""What the cluster's API says of a stack: its objects, workloads, claims and Jobs; reads only."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from ops.backup.scale import COPIES
from ops.doctor import mounted
from ops.doctor.facts import Claim, Expected, Pod, Workload
from ops.doctor.snapshot import Snapshot
from ops.errors import OpsError
from ops.kube.client import (
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    JOB,
    NAMESPACE,
    SECRET,
    STATEFUL_SET,
    Kind,
    Kube,
    Object,
    UnknownKindError,
)
from ops.kube.errors import is_login_refused, message_of, no_answer, no_api_server, refusal
from ops.kube.http import NoAnswer, NotChecked
from ops.kube.pods import selected, warnings
from ops.kube.status import condition, is_ready, problems

WORKLOADS: Final = (DEPLOYMENT, STATEFUL_SET)

COMPONENT: Final = "app.kubernetes.io/component"
INSTANCE: Final = "app.kubernetes.io/instance"
SHOWN_LINES: Final = 3
"""Lines of a log that a problem shows."""


def examine_objects(kube: Kube, snapshot: Snapshot) -> Snapshot:
    """Return ``snapshot`` with what the API says."""
    expected = snapshot.expected
    try:
        namespace = kube.get(NAMESPACE, "", expected.namespace)
        phase = "" if namespace is None else str(namespace["status"]["phase"])
        snapshot = dataclasses.replace(snapshot, cluster=kube.version(), namespace=phase)
        if not phase:
            return snapshot
        content = mounted.texts(kube.list(SECRET, expected.namespace), kube.list(CONFIG_MAP, expected.namespace))
        return dataclasses.replace(
            snapshot,
            missing=tuple(_missing(kube, expected)),
            claims=tuple(_claims(kube, expected)),
            workloads=dict(_workloads(kube, expected, content)),
            jobs=dict(_jobs(kube, expected)),
        )
    except ApiException as error:
        if error.status == HTTPStatus.FORBIDDEN and not is_login_refused(error):
            return dataclasses.replace(snapshot, cluster=NotChecked(f"the API server refuses: {message_of(error)}"))
        reason = no_api_server(kube.api.configuration.host) if error.status == HTTPStatus.NOT_FOUND else refusal(error)
        return dataclasses.replace(snapshot, cluster=_none(reason))
    except OpsError as error:
        return dataclasses.replace(snapshot, cluster=_none(error))
    except HTTPError as error:
        return dataclasses.replace(snapshot, cluster=_none(no_answer(error, str(kube.kubeconfig))))


def _none(error: OpsError) -> NoAnswer:
    return NoAnswer(error.problem, fix=error.fix)


def _missing(kube: Kube, expected: Expected) -> Iterator[tuple[str, str]]:
    """Give kind and name of what Pulumi has made and the cluster does not have."""
    for token in sorted({token for token, _ in expected.objects}):
        kind = Kind.of_token(token)
        try:
            there = {each["metadata"]["name"] for each in kube.list(kind, expected.namespace)}
        except UnknownKindError:
            there = set()
        yield from ((kind.kind, name) for made, name in expected.objects if made == token and name not in there)


def _own(kube: Kube, kind: Kind, expected: Expected) -> list[dict[str, Any]]:
    return kube.list(kind, expected.namespace, labels=f"{INSTANCE}={expected.stack}")


def _workloads(kube: Kube, expected: Expected, content: mounted.Texts) -> Iterator[tuple[str, Workload]]:
    for kind in WORKLOADS:
        for each in _own(kube, kind, expected):
            role = each["metadata"]["labels"].get(COMPONENT, "")
            living = [pod for pod in selected(kube, each) if not pod["metadata"].get("deletionTimestamp")]
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
                    problems=tuple(dict.fromkeys(shortened(each) for each in (*problems(living), *warnings(kube, living)))),
                ),
            )


def _pod(pod: Object, content: mounted.Texts) -> Pod:
    spec = pod["spec"]
    return Pod(
        name=pod["metadata"]["name"],
        ready=is_ready(pod),
        ready_since=_since(condition(pod, "Ready").get("lastTransitionTime")),
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


def _claims(kube: Kube, expected: Expected) -> Iterator[Claim]:
    for each in _own(kube, CLAIM, expected):
        name, phase = each["metadata"]["name"], each["status"].get("phase", "")
        events = [] if phase == "Bound" else kube.list(EVENT, expected.namespace, fields=f"involvedObject.name={name}")
        messages = dict.fromkeys(f"{event.get('reason')}: {event.get('message')}" for event in events)
        waits = bool(events) and {event.get("reason") for event in events} == {"WaitForFirstConsumer"}
        yield Claim(name=name, phase=phase, problems=tuple(messages)[-SHOWN_LINES:], waits=waits)


def _jobs(kube: Kube, expected: Expected) -> Iterator[tuple[str, str]]:
    """Give each Job that Pulumi has made and that has not succeeded, and why."""
    made = {name for token, name in expected.objects if token.endswith(":Job")}
    for each in _own(kube, JOB, expected):
        name = each["metadata"]["name"]
        if name not in made or condition(each, "Complete").get("status") == "True":
            continue
        failed = condition(each, "Failed")
        lines = problems(selected(kube, each))
        yield name, shortened("\n".join(lines)) if lines else str(failed.get("message") or "it has not ended yet")
