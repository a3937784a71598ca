"""Whether the registry and the front proxy answer, and whether the servers and this machine reach what they need, by its name."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from components.common.names import DATABASE_SERVER, EDGE, WEB
from ops.doctor.database import server_of
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Judge, Ok, Verdict, deploy_again, kubectl, no_answer
from ops.kube.http import Answer, NoAnswer, NotChecked

UNREACHED: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
"""What the front proxy itself says in place of a server that it does not reach."""
UNRESOLVED: Final = ("bad address", "not known", "No address", "failure in name resolution")
"""What the images' tools say of a name without an address."""


def answers(role: str) -> Judge:
    """Return the judge of whether every ready Pod of ``role`` answers, whatever it says."""

    def judge(snapshot: Snapshot) -> Verdict:
        asked = snapshot.served.get(role, {})
        for pod, reply in asked.items():
            if isinstance(reply, NotChecked):
                return reply
            if isinstance(reply, NoAnswer):
                return no_answer(snapshot, f"Pod {pod}", reply.reason, f"deployment/{role}")
        return Ok(", ".join(asked)) if asked else NotChecked("no Pod was asked")

    return judge


def database_from_portus(snapshot: Snapshot) -> Verdict:
    """Portus' Pod connects to the database's server. Whether the server accepts the account is another check."""
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
            return Failed(seen, f"{compare}; if they differ: {deploy_again(snapshot)}; else {kubectl(snapshot, 'logs deployment/edge')}")
    return Ok(f"it reaches {' and '.join(snapshot.through)}") if snapshot.through else NotChecked("it was not asked")


def reached_from(role: str) -> Judge:
    """Return the judge of whether Pods of ``role`` reach the servers under the names that they use."""

    def judge(snapshot: Snapshot) -> Verdict:
        pod = snapshot.pod(role)
        asked = {name: why for (client, name), why in snapshot.reached.items() if client == role}
        if pod is None or not asked:
            return NotChecked("not asked" if pod else f"there is no Pod of the {role}")
        for name, why in asked.items():
            if isinstance(why, NotChecked):
                return why
            if why:
                return Failed(f"Pod {pod.name} does not reach {name}: {why}", _fix(snapshot, role, name, why))
        places = (f"{name} ({pod.aliases[name]})" if name in pod.aliases else name for name in asked)
        return Ok(f"Pod {pod.name} reaches {', '.join(places)}")

    return judge


def _fix(snapshot: Snapshot, role: str, name: str, why: str) -> str:
    target = "deployment/portus" if role == WEB else f"deployment/{role}"
    aliases = kubectl(snapshot, f"get {target} -o jsonpath='{{.spec.template.spec.hostAliases}}'")
    if any(word in why for word in UNRESOLVED):
        return f"the Pod's hostAliases lack {name} ({aliases}): {deploy_again(snapshot)}"
    return f"compare {aliases} with {kubectl(snapshot, 'get services')}; if they agree, a NetworkPolicy or the network plugin is in the way"


def public_names(snapshot: Snapshot) -> Verdict:
    """The public names have an address on this machine."""
    for name, found in snapshot.names.items():
        if isinstance(found, NoAnswer):
            address = kubectl(snapshot, "get service edge-public (or your Ingress, or Gateway)")
            return Failed(f"{name} has no address on this machine: {found.reason}", f"a DNS record for it; the address: {address}")
    addresses = (f"{name} is {', '.join(found)}" for name, found in snapshot.names.items() if not isinstance(found, NoAnswer))
    return Ok("; ".join(addresses))
