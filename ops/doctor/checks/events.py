"""Notifications: from the registry to Portus."""

from __future__ import annotations

from http import HTTPStatus

from components.common.names import EVENTS_PATH
from ops.doctor.servers import events_url
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Ok, Verdict, deploy_again, in_words, kubectl
from ops.kube.http import Answer, NoAnswer, NotChecked


def endpoint(snapshot: Snapshot) -> Verdict:
    """The registry posts its notifications to Portus."""
    expected, given = snapshot.expected, events_url(snapshot)
    right = f"{expected.portus_url}{EVENTS_PATH}" if expected.is_puma else f"http://portus.{expected.namespace}.svc{EVENTS_PATH}"
    if given != right:
        seen = f"notifications go to {given or 'no address: config.yml has no endpoint portus'}, not to {right}"
        where = "notifications.endpoints of the registry's config.yml (docs/deploy/registry.md)"
        return Failed(seen, f"{where}, rendered again by {deploy_again(snapshot)}")
    return Ok(given)


def taken(snapshot: Snapshot) -> Verdict:
    """Portus accepts notifications inside the cluster."""
    if isinstance(snapshot.event, NotChecked):
        return snapshot.event
    if isinstance(snapshot.event, Answer) and snapshot.event.status == HTTPStatus.ACCEPTED:
        return Ok(f"202 at {EVENTS_PATH}")
    return Failed(f"Portus answers {EVENTS_PATH} with {in_words(snapshot.event)}", kubectl(snapshot, "logs deployment/portus"))


def delivered(snapshot: Snapshot) -> Verdict:
    """No notification waits in the registry."""
    if isinstance(snapshot.queues, NoAnswer):
        return NotChecked(f"the registry's debug port does not answer: {snapshot.queues.reason}")
    if isinstance(snapshot.queues, NotChecked):
        return snapshot.queues
    for queue in snapshot.queues:
        if queue.pending and not queue.delivered:
            statuses = ", ".join(f"{count} times {status}" for status, count in queue.statuses.items()) or "no answer yet"
            seen = f"{queue.pending} notifications wait in Pod {queue.pod} for the endpoint {queue.name}; so far {statuses}"
            logs = kubectl(snapshot, f"logs {queue.pod}")
            warning = "a restart of the registry drops them: only background.sync.strategy: update then finds what was pushed"
            return Failed(seen, f"{logs} says why; one that Portus refuses holds up all behind it, and {warning}")
    return Ok(f"{sum(queue.pending for queue in snapshot.queues)} wait")
