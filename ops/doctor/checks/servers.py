"""Whether the registry and the front proxy answer, and whether the front proxy and Portus reach what they need."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from components.common.names import DATABASE_SERVER, EDGE, WEB
from ops.doctor.database import server_of
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Judge, Ok, Verdict, deploy_anew, kubectl, no_answer
from ops.kube.http import Answer, NoAnswer, NotChecked

UNREACHED: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
"""What the front proxy itself says in place of a server that it does not reach."""


def answers(role: str) -> Judge:
    """Return the judge of whether every ready Pod of ``role`` answers, whatever it says."""

    def judge(snapshot: Snapshot) -> Verdict:
        asked = snapshot.served.get(role, {})
        for pod, reply in asked.items():
            if isinstance(reply, NotChecked):
                return reply
            if isinstance(reply, NoAnswer):
                return no_answer(snapshot, f"Pod {pod}", reply.reason, f"deployment/{role}")
        return Ok(f"{len(asked)} Pods answer") if asked else NotChecked("no Pod was asked")

    return judge


def database_from_portus(snapshot: Snapshot) -> Verdict:
    """Portus' Pod reaches the database's server, whatever that thinks of its account."""
    why, web = snapshot.database_reached, snapshot.pod(WEB)
    if isinstance(why, NotChecked) or web is None:
        return why if isinstance(why, NotChecked) else NotChecked("there is no Pod of Portus")
    host, port = server_of(web)
    if not why:
        return Ok(f"Pod {web.name} reaches {host}:{port}")
    if snapshot.pod(DATABASE_SERVER) is None:
        fix = "database.host and database.port of the stack file, the server's firewall, network.extraEgress"
        return Failed(f"Pod {web.name} does not reach {host}:{port}: {why}", fix)
    service = kubectl(snapshot, "get service,endpointslices")
    fix = f"Service mariadb ({service}), the cluster's DNS, or a NetworkPolicy that is not the stack's"
    return Failed(f"Pod {web.name} does not reach {host}:{port}: {why}", fix)


def through_edge(snapshot: Snapshot) -> Verdict:
    """The front proxy reaches Portus and the registry."""
    edge = snapshot.pod(EDGE)
    for host, reply in snapshot.through.items():
        if isinstance(reply, NotChecked):
            return reply
        if isinstance(reply, NoAnswer):
            return no_answer(snapshot, f"the front proxy, asked for {host}", reply.reason, "deployment/edge")
        if isinstance(reply, Answer) and reply.status in UNREACHED:
            server = "PORTUS" if host == snapshot.expected.host else "REGISTRY"
            address = edge.variables.get(f"{server}_ADDRESS", "its address") if edge else "its address"
            seen = f"the front proxy answers {reply.status} for {host}: it does not reach {address}, or the server there is too slow"
            compare = f"compare {address} with {kubectl(snapshot, f'get service {server.lower()}')}"
            return Failed(seen, f"{compare}; if they differ: {deploy_anew(snapshot)}; else {kubectl(snapshot, 'logs deployment/edge')}")
    return Ok(f"it reaches {' and '.join(snapshot.through)}") if snapshot.through else NotChecked("it was not asked")
