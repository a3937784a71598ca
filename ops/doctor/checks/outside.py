"""What clients see on the public names, and what they must not."""

from __future__ import annotations

from http import HTTPStatus

from ops.doctor.checks.tokens import challenged, claims_of
from ops.doctor.outside import CLOSED, PORTUS, REGISTRY, TOKEN
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Ok, Skipped, Verdict, deploy_again, in_words, kubectl
from ops.kube.http import Answer, NoAnswer, NotChecked

EDGE_LOGS = "logs deployment/edge"


def public_portus(snapshot: Snapshot) -> Verdict:
    """Portus answers under its public name."""
    expected = snapshot.expected
    for reply, good in ((snapshot.outside.get(PORTUS), _ok), (snapshot.outside.get(TOKEN), _is_token)):
        if reply is None or isinstance(reply, NotChecked):
            return reply or NotChecked("not asked")
        if not isinstance(reply, Answer):
            return Failed(f"{expected.portus_url}: {reply.reason}", _way(snapshot, reply.reason))
        if not good(reply):
            return Failed(
                f"{expected.portus_url} answers {in_words(reply)}",
                f"check what is in front of the front proxy: {kubectl(snapshot, EDGE_LOGS)}",
            )
    return Ok(f"{expected.portus_url} answers, and issues tokens")


def public_registry(snapshot: Snapshot) -> Verdict:
    """The registry answers under its public name, and sends clients to Portus."""
    reply = snapshot.outside.get(REGISTRY)
    if reply is None or isinstance(reply, NotChecked):
        return reply or NotChecked("not asked")
    if isinstance(reply, NoAnswer):
        return Failed(f"https://{snapshot.expected.registry}: {reply.reason}", _way(snapshot, reply.reason))
    return challenged(snapshot, reply, f"https://{snapshot.expected.registry}") or Ok("401 at /v2/, with the right challenge")


def events_closed(snapshot: Snapshot) -> Verdict:
    """Portus' events endpoint, which has no login, is closed to the outside."""
    reply = snapshot.outside.get(CLOSED)
    if reply is None or not isinstance(reply, Answer):
        return NotChecked(reply.reason if reply else "not asked")
    if reply.status < HTTPStatus.BAD_REQUEST:
        fix = "remove what bypasses the front proxy: Service portus must be reachable only inside the cluster (docs/deploy/exposure.md)"
        return Failed(f"any client may post events to {snapshot.expected.portus_url}: it answers {in_words(reply)}", fix)
    return Ok(f"{reply.status} from outside")


def drift(snapshot: Snapshot) -> Verdict:
    """The cluster is as the stack file says."""
    if isinstance(snapshot.drift, NotChecked):
        return Skipped("asked for by DRIFT=1")
    if snapshot.drift:
        shows = f"make preview REFRESH=1 STACK={snapshot.expected.stack} shows it"
        return Failed(snapshot.drift, f"{shows}; to undo changes made by hand: {deploy_again(snapshot)}")
    return Ok("pulumi preview --refresh expects no changes")


def round_trip(snapshot: Snapshot) -> Verdict:
    """An image that is pushed can be pulled, and Portus records it; of a registry that is read-only: it is refused."""
    if snapshot.round_trip is None:
        return Skipped("asked for by PUSH=1")
    if isinstance(snapshot.round_trip, NotChecked):
        return snapshot.round_trip
    if isinstance(snapshot.round_trip, NoAnswer):
        return Failed(snapshot.round_trip.reason, "the checks above hold: compare the registry's and Portus' logs of this minute")
    return Ok(snapshot.round_trip)


def _ok(reply: Answer) -> bool:
    return reply.status == HTTPStatus.OK


def _is_token(reply: Answer) -> bool:
    return bool(claims_of(reply))


def _way(snapshot: Snapshot, reason: str) -> str:
    if "certificate" in reason:
        return "terminate TLS in front of the front proxy with a certificate for this name, by a public CA or the output ca_certificate's"
    return (
        f"the way from here to the front proxy: {kubectl(snapshot, 'get service edge-public')}, firewalls, {kubectl(snapshot, EDGE_LOGS)}"
    )
