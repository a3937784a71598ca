"""When an object counts as ready: one rule a kind, as pulumi-kubernetes has them; every other kind is ready once it exists.

A fault of a Pod is reported in its own words: scheduling, image pulls, crashes, termination messages, warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.kube.cluster import Cluster
from lab.engine.plugins.kube.objects import ObjectKind, kind_of, metadata, name_of, namespace_of
from lab.engine.plugins.provider import ProviderError
from ops.kube import status
from ops.kube.status import SHOWN_PODS, is_ready, label_selector, newest_warnings

POD: Final = ObjectKind("v1", "Pod")
EVENT: Final = ObjectKind("v1", "Event")


def selected(cluster: Cluster, owner: Mapping[str, Any]) -> list[Properties]:
    """Return the Pods that a workload's selector matches; none when they cannot be listed."""
    selector = label_selector((owner.get("spec") or {}).get("selector") or {})
    if not selector:
        return []
    try:
        return cluster.list(POD, namespace_of(owner), labels=selector)
    except ProviderError:  # a caller without the right to list Pods still gets the workload's own status
        return []


def mounting(cluster: Cluster, namespace: str, claim: str) -> list[Properties]:
    """Return the Pods that mount a claim, ended ones included: each keeps it; none when they cannot be listed."""

    def mounts(pod: Mapping[str, Any]) -> bool:
        volumes = (pod.get("spec") or {}).get("volumes") or []
        return any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes)

    try:
        return [pod for pod in cluster.list(POD, namespace) if mounts(pod)]
    except ProviderError:
        return []


def warnings(cluster: Cluster, pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the newest warnings of Pods that are not ready."""
    lines = []
    for pod in [pod for pod in pods if not is_ready(pod)][:SHOWN_PODS]:
        fields = f"involvedObject.name={name_of(pod)},type=Warning"
        try:
            events = cluster.list(EVENT, namespace_of(pod), fields=fields)
        except ProviderError:
            continue
        lines += newest_warnings(pod, events)
    return lines


NO_PODS_SECONDS: Final = 2.0
"""How long a Service that selects no Pod at all waits for one to appear; then it counts as ready (its workload may come after it)."""

SLICE: Final = ObjectKind("discovery.k8s.io/v1", "EndpointSlice")
SERVICE: Final = ObjectKind("v1", "Service")
STORAGE_CLASS: Final = ObjectKind("storage.k8s.io/v1", "StorageClass")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an object is."""

    ready: bool
    message: str
    problems: Sequence[str] = field(default=())
    failed: bool = False
    """It cannot become ready any more."""


@dataclass(frozen=True, slots=True)
class Look:
    """An object at one moment, and what is needed to judge it."""

    cluster: Cluster
    obj: Mapping[str, Any]
    seconds: float
    """Seconds since the wait began."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """The object's spec."""
        return self.obj.get("spec") or {}

    @property
    def status(self) -> Mapping[str, Any]:
        """The object's status."""
        return self.obj.get("status") or {}

    @property
    def observed(self) -> bool:
        """The controller has seen the newest spec: before that its status speaks of an older one."""
        return int(self.status.get("observedGeneration") or 0) >= int(metadata(self.obj).get("generation") or 0)

    def pods(self) -> list[Properties]:
        """Return the Pods of a workload."""
        return selected(self.cluster, self.obj)


Rule = Callable[[Look], Progress]


def _workload(look: Look, *, ready: bool, message: str) -> Progress:
    return Progress(ready, message, () if ready else status.problems(look.pods()))


def _deployment(look: Look) -> Progress:
    desired = int(look.spec.get("replicas", 1))
    updated, total, available = (int(look.status.get(key) or 0) for key in ("updatedReplicas", "replicas", "availableReplicas"))
    ready = look.observed and updated >= desired and total == updated and available >= desired
    progress = _workload(look, ready=ready, message=f"waiting for its Pods ({min(available, updated)}/{desired} updated and available)")
    stalled = status.condition(look.obj, "Progressing")
    if not ready and look.observed and stalled.get("reason") == "ProgressDeadlineExceeded":
        return Progress(ready=False, message=str(stalled.get("message")), problems=progress.problems, failed=True)
    return progress


def _stateful_set(look: Look) -> Progress:
    desired = int(look.spec.get("replicas", 1))
    strategy = look.spec.get("updateStrategy") or {}
    kept = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    ready_pods, updated = int(look.status.get("readyReplicas") or 0), int(look.status.get("updatedReplicas") or 0)
    same_revision = look.status.get("currentRevision") == look.status.get("updateRevision")
    rolled_out = strategy.get("type") == "OnDelete" or same_revision or (kept > 0 and updated >= desired - kept)
    ready = look.observed and ready_pods >= desired and int(look.status.get("replicas") or 0) == desired and rolled_out
    return _workload(look, ready=ready, message=f"waiting for its Pods ({ready_pods}/{desired} ready, {updated}/{desired} updated)")


def _daemon_set(look: Look) -> Progress:
    desired = int(look.status.get("desiredNumberScheduled") or 0)
    updated, available = int(look.status.get("updatedNumberScheduled") or 0), int(look.status.get("numberAvailable") or 0)
    ready = look.observed and updated >= desired and available >= desired
    return _workload(look, ready=ready, message=f"waiting for its Pods ({available}/{desired} available, {updated}/{desired} updated)")


def _job(look: Look) -> Progress:
    failed = status.condition(look.obj, "Failed")
    if failed.get("status") == "True":
        message = f"the Job failed: {failed.get('message') or failed.get('reason')}"
        return Progress(ready=False, message=message, problems=status.problems(look.pods()), failed=True)
    done = status.condition(look.obj, "Complete").get("status") == "True" or look.spec.get("suspend") is True
    succeeded, completions = int(look.status.get("succeeded") or 0), int(look.spec.get("completions") or 1)
    return _workload(look, ready=done, message=f"waiting for the Job to succeed ({succeeded}/{completions} completions)")


def _pod(look: Look) -> Progress:
    phase = look.status.get("phase")
    return Progress(
        status.is_ready(look.obj), f"waiting for the Pod ({phase or 'Pending'})", status.problems([look.obj]), failed=phase == "Failed"
    )


def _service(look: Look) -> Progress:
    balanced = look.spec.get("type") != "LoadBalancer" or bool((look.status.get("loadBalancer") or {}).get("ingress"))
    selector = look.spec.get("selector") or {}
    if look.spec.get("type") == "ExternalName" or look.spec.get("clusterIP") == "None" or not selector:
        return Progress(balanced, "waiting for an address from the load balancer")
    endpoints = _endpoints(look.cluster, namespace_of(look.obj), name_of(look.obj))
    if endpoints and not all(endpoints):
        return Progress(ready=False, message=f"waiting for the Pods behind it ({sum(endpoints)}/{len(endpoints)} ready)")
    if not endpoints and (look.seconds < NO_PODS_SECONDS or _matching_pods(look, selector)):
        return Progress(ready=False, message="waiting for Pods behind it", problems=("it selects no ready Pod: see '.spec.selector'",))
    return Progress(balanced, "waiting for an address from the load balancer")


def _endpoints(cluster: Cluster, namespace: str, service: str) -> list[bool]:
    """Return for each endpoint of a Service whether it is ready."""
    slices = cluster.list(SLICE, namespace, labels=f"kubernetes.io/service-name={service}")
    return [(endpoint.get("conditions") or {}).get("ready") is not False for found in slices for endpoint in found.get("endpoints") or []]


def _matching_pods(look: Look, selector: Mapping[str, str]) -> bool:
    """Tell whether living Pods match a Service's selector."""
    pods = look.cluster.list(POD, namespace_of(look.obj), labels=status.label_selector({"matchLabels": selector}))
    return any(
        (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed") and "deletionTimestamp" not in metadata(pod) for pod in pods
    )


def _ingress(look: Look) -> Progress:
    missing = [name for name in sorted(_backends(look.spec)) if not _has_endpoints(look.cluster, namespace_of(look.obj), name)]
    if missing:
        return Progress(ready=False, message=f"waiting for endpoints of the Services {', '.join(missing)}")
    balanced = bool((look.status.get("loadBalancer") or {}).get("ingress"))
    return Progress(
        balanced, "waiting for an address in .status.loadBalancer; a controller that writes none needs the skipAwait annotation"
    )


def _backends(spec: Mapping[str, Any]) -> set[str]:
    paths = [path for rule in spec.get("rules") or [] for path in (rule.get("http") or {}).get("paths") or []]
    backends = [spec.get("defaultBackend") or {}, *(path.get("backend") or {} for path in paths)]
    return {backend["service"]["name"] for backend in backends if backend.get("service")}


def _has_endpoints(cluster: Cluster, namespace: str, service: str) -> bool:
    found = cluster.get(SERVICE, namespace, service)
    return found is not None and (found["spec"].get("type") == "ExternalName" or any(_endpoints(cluster, namespace, service)))


def _claim(look: Look) -> Progress:
    phase = look.status.get("phase")
    if phase == "Pending" and _waits_for_consumer(look):
        return Progress(ready=True, message="its volume is made with its first Pod")
    return Progress(phase == "Bound", f"waiting for a volume ({phase or 'Pending'})", failed=phase == "Lost")


def _waits_for_consumer(look: Look) -> bool:
    name = look.spec.get("storageClassName")
    try:
        found = look.cluster.get(STORAGE_CLASS, "", name) if name else None
    except ProviderError:
        return False
    return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"


def _volume(look: Look) -> Progress:
    phase = look.status.get("phase")
    return Progress(phase in ("Available", "Bound"), f"waiting for the volume ({phase or 'Pending'})", failed=phase == "Failed")


def _secret(look: Look) -> Progress:
    is_token = look.obj.get("type") == "kubernetes.io/service-account-token"
    return Progress(not is_token or bool(look.obj.get("data")), "waiting for its token")


RULES: Final[Mapping[ObjectKind, Rule]] = {
    ObjectKind("apps/v1", "Deployment"): _deployment,
    ObjectKind("apps/v1", "StatefulSet"): _stateful_set,
    ObjectKind("apps/v1", "DaemonSet"): _daemon_set,
    ObjectKind("batch/v1", "Job"): _job,
    ObjectKind("networking.k8s.io/v1", "Ingress"): _ingress,
    POD: _pod,
    SERVICE: _service,
    ObjectKind("v1", "PersistentVolumeClaim"): _claim,
    ObjectKind("v1", "PersistentVolume"): _volume,
    ObjectKind("v1", "Secret"): _secret,
}
SKIP_DELETE_WAIT: Final = frozenset(
    {
        *(ObjectKind("apps/v1", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet")),
        ObjectKind("batch/v1", "Job"),
        POD,
        ObjectKind("v1", "Namespace"),
    }
)
"""Kinds for which skipAwait skips the wait of a delete too (pulumi-kubernetes#1232)."""

READ_RULES: Final = frozenset({*SKIP_DELETE_WAIT, SERVICE, ObjectKind("networking.k8s.io/v1", "Ingress")})
"""Kinds whose readiness a refresh looks at."""


def rule_for(obj: Mapping[str, Any]) -> Rule | None:
    """Return the rule of the object's kind, None when existing is enough."""
    return RULES.get(kind_of(obj))
