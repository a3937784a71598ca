"""Decides by rendered NetworkPolicies who may connect to whom, as networking.k8s.io/v1 says it; an independent reading of the objects.

Without a cluster it holds every stack to the table of flows; tests/cluster/test_network_policies.py holds it to what a cluster enforces.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Something that connects or is connected to: a Pod, or an address outside the cluster (``namespace`` is then empty)."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "203.0.113.7"


def namespace_labels(namespace: str) -> dict[str, str]:
    """Return the label that Kubernetes itself puts on every namespace."""
    return {"kubernetes.io/metadata.name": namespace}


def allowed(policies: Iterable[Mapping[str, Any]], source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP") -> bool:
    """Return whether ``source`` may connect to ``port`` of ``target``; ``policies`` are whole objects.

    A Pod that no policy of a direction selects may do anything in it; once one does, only what some policy allows. Both Pods have to agree.
    """
    everything = list(policies)
    out = _rules(everything, "Egress", source)
    into = _rules(everything, "Ingress", target)
    return _some(out, "to", target, port, protocol) and _some(into, "from", source, port, protocol)


Rules = list[tuple[str, Mapping[str, Any]]]
"""Each with the namespace of its policy."""


def _rules(policies: list[Mapping[str, Any]], direction: str, pod: Endpoint) -> Rules | None:
    """Return the rules that ``pod`` is under; None where no policy selects it."""
    selecting = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], pod.labels)
    ]
    if not pod.namespace or not selecting:
        return None
    return [(pod.namespace, rule) for policy in selecting for rule in policy["spec"].get(direction.lower(), [])]


def _some(rules: Rules | None, peers: str, other: Endpoint, port: int, protocol: str) -> bool:
    return rules is None or any(_ports(rule, port, protocol) and _peers(rule.get(peers), where, other) for where, rule in rules)


def _ports(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    if not ports:
        return True
    return any(entry.get("protocol", "TCP") == protocol and entry["port"] <= port <= entry.get("endPort", entry["port"]) for entry in ports)


def _peers(peers: list[Mapping[str, Any]] | None, namespace: str, other: Endpoint) -> bool:
    return not peers or any(_peer(peer, namespace, other) for peer in peers)


def _peer(peer: Mapping[str, Any], namespace: str, other: Endpoint) -> bool:
    if "ipBlock" in peer:
        block, address = peer["ipBlock"], ipaddress.ip_address(other.address)
        inside = address in ipaddress.ip_network(block["cidr"])
        return not other.namespace and inside and not any(address in ipaddress.ip_network(part) for part in block.get("except", []))
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        right_namespace = selects(peer["namespaceSelector"], namespace_labels(other.namespace))
    else:
        right_namespace = other.namespace == namespace
    return right_namespace and selects(peer.get("podSelector", {}), other.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects something with ``labels``."""
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        _holds(requirement, labels) for requirement in selector.get("matchExpressions", [])
    )


def _holds(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    there, value = requirement["key"] in labels, labels.get(requirement["key"])
    match requirement["operator"]:
        case "In":
            return value in requirement["values"]
        case "NotIn":
            return value not in requirement["values"]
        case "Exists":
            return there
        case "DoesNotExist":
            return not there
    raise ValueError(requirement["operator"])
