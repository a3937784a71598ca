"""Rules over Services, exposures and NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.manifests.objects import Objects
from lab.manifests.rules.rule import Verdict, rule


@rule("kube-linter/dangling-service")
def a_service_leads_somewhere(objects: Objects) -> Iterator[Verdict]:
    """Its selector selects Pods of the stack."""
    for each in objects.all("Service"):
        selector = each.document["spec"].get("selector")
        yield each.reference, None if selector and objects.selected(selector) else "selects no Pods"


@rule("kube-linter/invalid-target-ports")
def a_service_leads_to_a_port_that_is_declared(objects: Objects) -> Iterator[Verdict]:
    """A named target port that no container has makes no endpoint."""
    for each in objects.all("Service"):
        hits = objects.selected(each.document["spec"].get("selector"))
        ports = {value for hit in hits for c in hit.containers for p in c.get("ports", []) for value in (p.get("name"), p["containerPort"])}
        wanted = {port.get("targetPort", port["port"]) for port in each.document["spec"].get("ports", [])}
        missing = sorted(map(str, wanted - ports))
        yield each.reference, f"leads to {', '.join(missing)}, which nobody has" if hits and missing else None


@rule("kube-linter/exposed-services")
def a_service_is_for_the_cluster_alone(objects: Objects) -> Iterator[Verdict]:
    """What is reached from outside is meant to be."""
    for each in objects.all("Service"):
        kind = each.document["spec"].get("type", "ClusterIP")
        yield each.reference, f"is a {kind}" if kind in {"NodePort", "LoadBalancer"} else None


@rule("kube-linter/dangling-ingress")
def an_ingress_leads_to_a_service(objects: Objects) -> Iterator[Verdict]:
    """Each backend is a Service of the stack."""
    services = objects.names("Service")
    for each in objects.all("Ingress"):
        rules = each.document["spec"].get("rules", [])
        backends = {path["backend"]["service"]["name"] for one in rules for path in one.get("http", {}).get("paths", [])}
        yield each.reference, None if backends <= services else f"leads to {', '.join(sorted(backends - services))}, which is not there"


@rule("polaris/tlsSettingsMissing")
def an_ingress_has_tls(objects: Objects) -> Iterator[Verdict]:
    """Passwords and tokens pass through it."""
    for each in objects.all("Ingress"):
        passes = any("passthrough" in key and value == "true" for key, value in each.document["metadata"].get("annotations", {}).items())
        yield each.reference, None if each.document["spec"].get("tls") or passes else "no TLS"


@rule("kube-linter/non-isolated-pod", "polaris/missingNetworkPolicy")
def a_policy_says_who_may_talk_to_a_pod(objects: Objects) -> Iterator[Verdict]:
    """Without a NetworkPolicy every Pod of the cluster may."""
    isolated = [hit.reference for each in objects.all("NetworkPolicy") for hit in objects.selected(_pods(each.document))]
    for each in objects.workloads:
        yield each.reference, None if each.reference in isolated else "no NetworkPolicy selects it"


@rule("kube-linter/dangling-networkpolicy")
def a_policy_holds_for_somebody(objects: Objects) -> Iterator[Verdict]:
    """A policy that selects no Pods gives false comfort."""
    for each in objects.all("NetworkPolicy"):
        yield each.reference, None if objects.selected(_pods(each.document)) else "selects no Pods"


@rule("kube-linter/dangling-networkpolicypeer-podselector")
def a_peer_in_the_same_namespace_is_there(objects: Objects) -> Iterator[Verdict]:
    """A peer that is misspelt never gets through."""
    for each in objects.all("NetworkPolicy"):
        spec = each.document["spec"]
        peers = [peer for one in spec.get("ingress", []) for peer in one.get("from", [])]
        peers += [peer for one in spec.get("egress", []) for peer in one.get("to", [])]
        own = [peer["podSelector"] for peer in peers if "podSelector" in peer and "namespaceSelector" not in peer]
        lost = [selector for selector in own if not objects.selected(selector)]
        yield each.reference, f"nobody is {lost[0]}" if lost else None


@rule("kube-linter/dangling-servicemonitor")
def a_monitor_watches_somebody(objects: Objects) -> Iterator[Verdict]:
    """A ServiceMonitor's selector selects a Service, a PodMonitor's a Pod."""
    for each in objects.all("ServiceMonitor", "PodMonitor"):
        selector = each.document["spec"]["selector"]
        if each.kind == "PodMonitor":
            hit = bool(objects.selected(selector))
        else:
            wanted = selector.get("matchLabels", {})
            hit = any(wanted.items() <= service.document["metadata"].get("labels", {}).items() for service in objects.all("Service"))
        yield each.reference, None if hit else "selects nobody"


def _pods(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = policy["spec"].get("podSelector", {})
    return found
