"""Which connections a stack needs, as one table; pure. The NetworkPolicies are its two sides.

A port is the Pod's own: behind a Service that is the ``targetPort``, since a policy sees packets after the Service's translation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.common import names
from components.common.stack_context import PART_OF
from components.settings.derived.egress import destinations
from components.settings.sections.database import InClusterDatabase
from components.settings.sections.kubernetes import shape
from components.settings.sections.registry import InClusterRedis

if TYPE_CHECKING:
    from components.settings.stack import StackSettings

Peer = Mapping[str, Any]
Port = Mapping[str, Any]
Side = str | tuple[Peer, ...]
"""A workload's name or a list of peers; empty: every address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Which workloads a stack has, and where they listen.

    Args:
        portus: ports of Portus' web server by name: ``https``, and ``http`` where notifications come in plain.
        edge: ports of the front proxy that clients connect to, HTTPS first.
        worker: whether there is a background worker.
    """

    portus: Mapping[str, int]
    edge: tuple[int, ...]
    worker: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """Connections from one side to the other."""

    source: Side
    target: Side
    ports: tuple[Port, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """What one workload may take and open, as NetworkPolicy rules."""

    ingress: tuple[Mapping[str, Any], ...]
    egress: tuple[Mapping[str, Any], ...]


def workloads(stack: StackSettings, parts: Parts) -> tuple[str, ...]:
    """Return the workloads of the stack that have flows."""
    present = {
        names.DATABASE_SERVER: isinstance(stack.database, InClusterDatabase),
        names.WEB: True,
        names.WORKER: parts.worker,
        names.BOOTSTRAP: True,
        names.REGISTRY: True,
        names.EDGE: True,
        names.CACHE: isinstance(stack.registry.redis, InClusterRedis),
        names.BACKUPS: stack.backup.enabled,
        names.ACCOUNTS: _rotates(stack),
    }
    return tuple(name for name, there in present.items() if there)


def flows(stack: StackSettings, parts: Parts) -> tuple[Flow, ...]:
    """Return every connection that the stack needs, DNS aside."""
    return (*_inside(stack, parts), *_outside(stack, parts), *_extra(stack))


def _inside(stack: StackSettings, parts: Parts) -> Iterator[Flow]:
    https = tcp(parts.portus["https"])
    registry = tcp(names.REGISTRY_PORT)
    clients = [names.WEB, *([names.WORKER] if parts.worker else []), *([names.BOOTSTRAP] if stack.portus.bootstrap.enabled else [])]
    if isinstance(stack.database, InClusterDatabase):
        users = [names.WEB, *([names.WORKER] if parts.worker else []), names.BOOTSTRAP]
        jobs = [*([names.BACKUPS] if stack.backup.enabled else []), *([names.ACCOUNTS] if _rotates(stack) else [])]
        for user in (*users, *jobs):
            yield Flow(source=user, target=names.DATABASE_SERVER, ports=tcp(names.DATABASE_PORT))
    for client in clients:  # catalog and tokens, by the public names, which the front proxy serves if there is one host
        if stack.one_host:
            yield Flow(source=client, target=names.EDGE, ports=tcp(parts.edge[0]))
        else:
            yield Flow(source=client, target=names.WEB, ports=https)
            yield Flow(source=client, target=names.REGISTRY, ports=registry)
    events = tcp(parts.portus["http"]) if "http" in parts.portus else https
    yield Flow(source=names.REGISTRY, target=names.WEB, ports=events)
    if isinstance(stack.registry.redis, InClusterRedis):
        yield Flow(source=names.REGISTRY, target=names.CACHE, ports=tcp(names.REGISTRY_CACHE_PORT))
    yield Flow(source=names.EDGE, target=names.WEB, ports=https)
    yield Flow(source=names.EDGE, target=names.REGISTRY, ports=registry)


def _rotates(stack: StackSettings) -> bool:
    return isinstance(stack.database, InClusterDatabase) and stack.credentials.rotation.has_database


def _outside(stack: StackSettings, parts: Parts) -> Iterator[Flow]:
    clients = tuple(shape(peer) for peer in stack.network.clients)
    yield Flow(source=clients, target=names.EDGE, ports=tcp(*parts.edge))
    if stack.observability.monitor != "none":
        prometheus = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stack.observability.prometheus_namespace}}}
        yield Flow(source=(prometheus,), target=names.REGISTRY, ports=tcp(names.REGISTRY_DEBUG_PORT))
    for destination in destinations(stack):
        networks = tuple({"ipBlock": {"cidr": network}} for network in destination.networks)
        for workload in destination.workloads:
            yield Flow(source=workload, target=networks, ports=tcp(*destination.ports))


def _extra(stack: StackSettings) -> Iterator[Flow]:
    for egress in stack.network.extra_egress:
        for workload in egress.workloads:
            yield Flow(source=workload, target=tuple(map(shape, egress.to)), ports=tuple(map(shape, egress.ports)))
    for ingress in stack.network.extra_ingress:
        for workload in ingress.workloads:
            yield Flow(source=tuple(map(shape, ingress.from_)), target=workload, ports=tuple(map(shape, ingress.ports)))


def sides(workload: str, table: tuple[Flow, ...], instance: str) -> Sides:
    """Return what ``workload`` may take and open by ``table``."""
    taken = [(flow.source, flow.ports) for flow in table if flow.target == workload]
    opened = [(flow.target, flow.ports) for flow in table if flow.source == workload]
    return Sides(ingress=_rules("from", taken, instance), egress=_rules("to", opened, instance))


def _rules(key: str, others: list[tuple[Side, tuple[Port, ...]]], instance: str) -> tuple[Mapping[str, Any], ...]:
    """Return one rule for each set of ports, and one for each that is open to every address."""
    rules: list[dict[str, Any]] = []
    for side, ports in others:
        peers = [{"podSelector": selector(side, instance)}] if isinstance(side, str) else [dict(peer) for peer in side]
        same = next((rule for rule in rules if rule["ports"] == list(ports) and key in rule), None) if peers else None
        if same:
            same[key] += peers
        else:
            rules.append({**({key: peers} if peers else {}), "ports": list(ports)})
    return tuple(rules)


def selector(workload: str, instance: str) -> dict[str, Any]:
    """Return what selects the Pods of ``workload``."""
    return {"matchLabels": {**of_stack(instance), "app.kubernetes.io/component": workload}}


def of_stack(instance: str) -> dict[str, str]:
    """Return the labels that every Pod of the stack has."""
    return {"app.kubernetes.io/part-of": PART_OF, "app.kubernetes.io/instance": instance}


def dns(stack: StackSettings) -> Mapping[str, Any]:
    """Return the rule by which every Pod asks for names."""
    settings = stack.network.dns
    pods = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": settings.namespace}},
        "podSelector": {"matchLabels": dict(settings.pod_labels)},
    }
    caches = [{"ipBlock": {"cidr": network}} for network in settings.cidrs]
    return {"to": [pods, *caches], "ports": [{"protocol": protocol, "port": settings.port} for protocol in ("UDP", "TCP")]}


def tcp(*ports: int) -> tuple[Port, ...]:
    """Return TCP ports as a policy names them."""
    return tuple({"protocol": "TCP", "port": port} for port in ports)
