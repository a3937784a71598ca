"""Rules over workloads (replicas, budgets, spreading, storage, configuration), Services, exposures and NetworkPolicies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lab.manifests.objects import Objects, Workload, texts
from lab.manifests.rules.rule import Verdict, pod_rule, rule

OLD_APIS: Final = ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2")
PRIVATE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|(?<![a-z])(password|passwd|secret_key|aws_secret_access_key)\s*[:=]\s*[\"']?[^\s\"'$]",
    re.IGNORECASE,
)


@rule("kube-linter/no-extensions-v1beta")
def an_api_is_a_stable_one(objects: Objects) -> Iterator[Verdict]:
    """Objects of removed API versions cannot be created."""
    for each in objects.manifests:
        yield each.reference, "of an API that is gone" if each.document["apiVersion"] in OLD_APIS else None


@rule("kube-linter/use-namespace")
def an_object_names_its_namespace(objects: Objects) -> Iterator[Verdict]:
    """Nothing lands in ``default`` by accident."""
    for each in objects.manifests:
        if each.kind in {"Namespace", "PriorityClass", "StorageClass", "ClusterRole", "ClusterRoleBinding"}:
            continue
        yield each.reference, None if each.document["metadata"].get("namespace", "default") != "default" else "is in the namespace default"


@rule("polaris/metadataAndInstanceMismatched")
def an_object_has_the_instance_label(objects: Objects) -> Iterator[Verdict]:
    """The instance label tells two stacks in one namespace apart."""
    for each in objects.workloads:
        own = each.manifest.document["metadata"].get("labels", {}).get("app.kubernetes.io/instance")
        yield each.reference, None if own and each.labels.get("app.kubernetes.io/instance") == own else "no instance label, or two"


@rule("kube-linter/mismatching-selector")
def a_workload_selects_its_own_pods(objects: Objects) -> Iterator[Verdict]:
    """The API refuses a Deployment that does not; of two that select each other's Pods both fail."""
    for each in objects.workloads:
        if each.kind in {"Job", "CronJob"}:
            continue
        hits = [other.reference for other in objects.selected(each.spec.get("selector"))]
        yield each.reference, None if hits == [each.reference] else f"selects the Pods of {hits or 'nobody'}"


@rule("polaris/deploymentMissingReplicas")
def a_server_has_two_replicas(objects: Objects) -> Iterator[Verdict]:
    """The loss of a node must not stop the service."""
    for each in objects.workloads:
        if each.kind == "Deployment":
            yield each.reference, None if each.replicas > 1 else "one replica"


@pod_rule("kube-linter/no-anti-affinity")
def replicas_are_on_different_nodes(workload: Workload) -> str | None:
    """Two replicas on one node are lost together."""
    apart = workload.pod.get("affinity", {}).get("podAntiAffinity") or workload.pod.get("topologySpreadConstraints")
    return None if workload.kind in {"Job", "CronJob"} or workload.replicas < 2 or apart else "replicas may share a node"  # noqa: PLR2004


@pod_rule("polaris/topologySpreadConstraint")
def pods_are_spread(workload: Workload) -> str | None:
    """Replicas are spread by a topology key."""
    if workload.kind in {"Job", "CronJob"} or workload.pod.get("topologySpreadConstraints"):
        return None
    return "no topology spread constraint"


@rule("polaris/missingPodDisruptionBudget")
def a_server_has_a_disruption_budget(objects: Objects) -> Iterator[Verdict]:
    """A budget covers each server, so that a drain evicts one Pod at a time."""
    budgets = [each.document["spec"].get("selector") for each in objects.all("PodDisruptionBudget")]
    for each in objects.workloads:
        if each.kind == "Deployment":
            covered = any(each in objects.selected(selector) for selector in budgets)
            yield each.reference, None if covered else "no PodDisruptionBudget"


@rule(
    "kube-linter/pdb-max-unavailable",
    "kube-linter/pdb-min-available",
    "polaris/pdbDisruptionsIsZero",
    "polaris/pdbMinAvailableGreaterThanHPAMinReplicas",
)
def a_budget_lets_a_drain_end(objects: Objects) -> Iterator[Verdict]:
    """A budget that allows no eviction stops every node upgrade."""
    for each in objects.all("PodDisruptionBudget"):
        spec = each.document["spec"]
        replicas = [workload.replicas for workload in objects.selected(spec.get("selector"))]
        minimum = spec.get("minAvailable", 0)
        least = min(replicas, default=0)
        stuck = spec.get("maxUnavailable") in {0, "0%"} or minimum == "100%" or (isinstance(minimum, int) and minimum >= max(least, 1))
        yield each.reference, "allows no eviction" if stuck else None


@rule("kube-linter/pdb-unhealthy-pod-eviction-policy")
def a_broken_pod_does_not_stop_a_drain(objects: Objects) -> Iterator[Verdict]:
    """By default a Pod that is not ready may not be evicted while the budget is used up."""
    for each in objects.all("PodDisruptionBudget"):
        policy = each.document["spec"].get("unhealthyPodEvictionPolicy")
        yield each.reference, None if policy == "AlwaysAllow" else "unhealthyPodEvictionPolicy is not AlwaysAllow"


@rule("polaris/hpaMaxAvailability", "polaris/hpaMinAvailability")
def an_autoscaler_has_room(objects: Objects) -> Iterator[Verdict]:
    """At least two replicas, and more at the top than at the bottom."""
    for each in objects.all("HorizontalPodAutoscaler"):
        low, high = each.document["spec"].get("minReplicas", 1), each.document["spec"]["maxReplicas"]
        yield each.reference, None if 1 < low < high else f"scales from {low} to {high}"


@rule("kube-linter/job-ttl-seconds-after-finished")
def a_finished_job_is_deleted(objects: Objects) -> Iterator[Verdict]:
    """Jobs that are not removed pile up."""
    for each in objects.all("Job"):
        yield each.reference, None if "ttlSecondsAfterFinished" in each.document["spec"] else "stays when it has ended"


@rule("kubesec/volumeClaim-accessModes", "kubesec/volumeClaim-requests-storage")
def a_claim_has_size_and_access_mode(objects: Objects) -> Iterator[Verdict]:
    """Size and access mode decide which volume is bound, and whether two nodes may write."""
    for each in objects.all("PersistentVolumeClaim"):
        spec = each.document["spec"]
        whole = spec.get("accessModes") and spec.get("resources", {}).get("requests", {}).get("storage")
        yield each.reference, None if whole else "no access mode, or no size"


@rule("polaris/sensitiveConfigmapContent")
def no_secret_is_in_a_config_map(objects: Objects) -> Iterator[Verdict]:
    """Every user who may read the namespace reads a ConfigMap."""
    for each in objects.all("ConfigMap"):
        found = [match[0] for text in texts(each.document.get("data", {})) if (match := PRIVATE.search(text))]
        yield each.reference, f"holds {found[0]!r}" if found else None


@rule("kube-linter/dangling-service")
def a_service_selects_pods(objects: Objects) -> Iterator[Verdict]:
    """Its selector selects Pods of the stack."""
    for each in objects.all("Service"):
        selector = each.document["spec"].get("selector")
        yield each.reference, None if selector and objects.selected(selector) else "selects no Pods"


@rule("kube-linter/invalid-target-ports")
def a_service_has_a_declared_target_port(objects: Objects) -> Iterator[Verdict]:
    """A named target port that no container has makes no endpoint."""
    for each in objects.all("Service"):
        hits = objects.selected(each.document["spec"].get("selector"))
        ports = {value for hit in hits for c in hit.containers for p in c.get("ports", []) for value in (p.get("name"), p["containerPort"])}
        target_ports = {port.get("targetPort", port["port"]) for port in each.document["spec"].get("ports", [])}
        missing = sorted(map(str, target_ports - ports))
        yield each.reference, f"leads to {', '.join(missing)}, which nobody has" if hits and missing else None


@rule("kube-linter/exposed-services")
def a_service_is_internal(objects: Objects) -> Iterator[Verdict]:
    """A Service must not be reachable from outside by accident."""
    for each in objects.all("Service"):
        kind = each.document["spec"].get("type", "ClusterIP")
        yield each.reference, f"is a {kind}" if kind in {"NodePort", "LoadBalancer"} else None


@rule("kube-linter/dangling-ingress")
def an_ingress_has_a_service(objects: Objects) -> Iterator[Verdict]:
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
def a_network_policy_selects_each_pod(objects: Objects) -> Iterator[Verdict]:
    """Without a NetworkPolicy every Pod of the cluster may connect."""
    isolated = [hit.reference for each in objects.all("NetworkPolicy") for hit in objects.selected(_pods(each.document))]
    for each in objects.workloads:
        yield each.reference, None if each.reference in isolated else "no NetworkPolicy selects it"


@rule("kube-linter/dangling-networkpolicy")
def a_network_policy_selects_pods(objects: Objects) -> Iterator[Verdict]:
    """A policy that selects no Pods protects nothing."""
    for each in objects.all("NetworkPolicy"):
        yield each.reference, None if objects.selected(_pods(each.document)) else "selects no Pods"


@rule("kube-linter/dangling-networkpolicypeer-podselector")
def a_peer_of_a_policy_exists(objects: Objects) -> Iterator[Verdict]:
    """A peer with a wrong name can never connect."""
    for each in objects.all("NetworkPolicy"):
        spec = each.document["spec"]
        peers = [peer for one in spec.get("ingress", []) for peer in one.get("from", [])]
        peers += [peer for one in spec.get("egress", []) for peer in one.get("to", [])]
        own = [peer["podSelector"] for peer in peers if "podSelector" in peer and "namespaceSelector" not in peer]
        unmatched = [selector for selector in own if not objects.selected(selector)]
        yield each.reference, f"nobody is {unmatched[0]}" if unmatched else None


@rule("kube-linter/dangling-servicemonitor")
def a_monitor_selects_a_target(objects: Objects) -> Iterator[Verdict]:
    """A ServiceMonitor's selector selects a Service, a PodMonitor's a Pod."""
    for each in objects.all("ServiceMonitor", "PodMonitor"):
        selector = each.document["spec"]["selector"]
        if each.kind == "PodMonitor":
            hit = bool(objects.selected(selector))
        else:
            match_labels = selector.get("matchLabels", {})
            hit = any(match_labels.items() <= service.document["metadata"].get("labels", {}).items() for service in objects.all("Service"))
        yield each.reference, None if hit else "selects nobody"


def _pods(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    selector: Mapping[str, Any] = policy["spec"].get("podSelector", {})
    return selector
