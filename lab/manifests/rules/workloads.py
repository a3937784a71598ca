"""Rules over workloads: replicas, budgets, spreading, storage, configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lab.manifests.objects import Objects, Workload, texts
from lab.manifests.rules.rule import Verdict, pod_rule, rule

OLD_APIS: Final = ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2")
PRIVATE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|(?<![a-z])(password|passwd|secret_key|aws_secret_access_key)\s*[:=]\s*[\"']?[^\s\"'$]",
    re.IGNORECASE,
)


@rule("kube-linter/no-extensions-v1beta")
def an_api_is_a_stable_one(objects: Objects) -> Iterator[Verdict]:
    """Objects of APIs that clusters have dropped cannot be made."""
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
def an_object_says_whose_it_is(objects: Objects) -> Iterator[Verdict]:
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
    """A node may go without the service going."""
    for each in objects.workloads:
        if each.kind == "Deployment":
            yield each.reference, None if each.replicas > 1 else "one replica"


@pod_rule("kube-linter/no-anti-affinity")
def replicas_stand_on_different_nodes(workload: Workload) -> str | None:
    """Two replicas on one node are lost together."""
    apart = workload.pod.get("affinity", {}).get("podAntiAffinity") or workload.pod.get("topologySpreadConstraints")
    return None if workload.kind in {"Job", "CronJob"} or workload.replicas < 2 or apart else "replicas may share a node"  # noqa: PLR2004


@pod_rule("polaris/topologySpreadConstraint")
def pods_are_spread(workload: Workload) -> str | None:
    """Replicas lie apart by a topology key."""
    if workload.kind in {"Job", "CronJob"} or workload.pod.get("topologySpreadConstraints"):
        return None
    return "no topology spread constraint"


@rule("polaris/missingPodDisruptionBudget")
def a_drain_waits_for_the_service(objects: Objects) -> Iterator[Verdict]:
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
def a_finished_job_goes_by_itself(objects: Objects) -> Iterator[Verdict]:
    """Jobs that are not removed pile up."""
    for each in objects.all("Job"):
        yield each.reference, None if "ttlSecondsAfterFinished" in each.document["spec"] else "stays when it has ended"


@rule("kubesec/volumeClaim-accessModes", "kubesec/volumeClaim-requests-storage")
def a_claim_says_what_it_needs(objects: Objects) -> Iterator[Verdict]:
    """Size and access mode decide which volume is bound, and whether two nodes may write."""
    for each in objects.all("PersistentVolumeClaim"):
        spec = each.document["spec"]
        whole = spec.get("accessModes") and spec.get("resources", {}).get("requests", {}).get("storage")
        yield each.reference, None if whole else "no access mode, or no size"


@rule("polaris/sensitiveConfigmapContent")
def no_secret_stands_in_a_config_map(objects: Objects) -> Iterator[Verdict]:
    """A ConfigMap is read by everybody who may look at the namespace."""
    for each in objects.all("ConfigMap"):
        found = [match[0] for text in texts(each.document.get("data", {})) if (match := PRIVATE.search(text))]
        yield each.reference, f"holds {found[0]!r}" if found else None
