"""What comes before everything that lets clients push: no garbage collection deletes blobs meanwhile, be its command alive or killed.

A ``make collect CONFIRM=yes`` that is killed leaves its Job, which goes on. While it runs a push loses layers. After it the registry's
Redis may still hold descriptors of deleted blobs, because the command that empties it is gone: clients then leave those layers out.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from lab.engine.plugins.kube.cluster import ApiError, Cluster
from ops.console import errors, step
from ops.doctor.objects import connected
from ops.errors import LabError
from ops.gc import job as jobs
from ops.gc.cache import flush
from ops.gc.registry import registry_of
from ops.gc.run import JOB, POD, Runner, has_ended, polls
from ops.gc.verb import told
from ops.kube.pods import Wire

WAIT_SECONDS: Final = 120.0
"""How long a collection is waited for before the user is told; one of a large store takes hours."""
OWN_SECONDS: Final = 15.0
"""How long its own command, if it still runs, has to clear it away after its end."""
DRY_RUN: Final = "--dry-run"
"""Of the registry's own command: deletes nothing."""


def require_no_sweep(stack: str, namespace: str, kubeconfig: Path, context: str | None) -> None:
    """Wait until no garbage collection of ``stack`` deletes anything, and finish one whose command was killed.

    Raises:
        LabError: it goes on, or it has to be finished by hand, or the cluster does not answer.
    """
    wire = Wire(kubeconfig=kubeconfig, context=context, namespace=namespace)
    with told(kubeconfig, namespace):
        cluster = connected(kubeconfig, context)
        try:
            sweep = _sweep(cluster, namespace)
        except ApiError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            errors.print(f"note: whether a garbage collection runs cannot be seen: {error.message}")
            return
        if sweep is not None:
            _wait(cluster, namespace, stack, since=str(sweep["metadata"].get("creationTimestamp", "")))
            _finish(cluster, wire, stack)


def _sweep(cluster: Cluster, namespace: str) -> dict[str, Any] | None:
    """Return the Job of a collection that deletes or has deleted; a Job that is on its way out counts until its Pod has ended."""
    found = cluster.get(JOB, namespace, jobs.NAME)
    if found is not None:
        return found if _deletes(found["spec"]["template"]) else None
    pods = cluster.list(POD, namespace, labels=f"job-name={jobs.NAME}")
    return next((pod for pod in pods if _deletes(pod) and _runs(pod)), None)


def _deletes(template: dict[str, Any]) -> bool:
    return DRY_RUN not in template["spec"]["containers"][0].get("args", ())


def _runs(pod: dict[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _goes_on(cluster: Cluster, namespace: str) -> bool:
    job = cluster.get(JOB, namespace, jobs.NAME)
    if job is not None and not has_ended(job) and not job["metadata"].get("deletionTimestamp"):
        return True
    return any(_runs(pod) for pod in cluster.list(POD, namespace, labels=f"job-name={jobs.NAME}"))


def _wait(cluster: Cluster, namespace: str, stack: str, *, since: str) -> None:
    with step(f"waiting until the garbage collection has ended (Job {jobs.NAME}, since {since})") as current:
        for _ in polls(WAIT_SECONDS):
            if not _goes_on(cluster, namespace):
                return
            current.say("it deletes blobs, and a push beside it loses layers")
        raise LabError(
            f"a garbage collection of stack {stack} deletes blobs (Job {jobs.NAME}, since {since}): a push beside it loses layers.",
            f"Wait for its end, then run this again; or stop it, which does no harm: kubectl delete job -n {namespace} {jobs.NAME}",
        )


def _finish(cluster: Cluster, wire: Wire, stack: str) -> None:
    """Do what its command has not done: empty the registry's Redis, remove the Job."""
    for _ in polls(OWN_SECONDS):
        if cluster.get(JOB, wire.namespace, jobs.NAME) is None:
            return
    with step("finishing a garbage collection whose command was killed"):
        registry = registry_of(cluster, wire.namespace, stack)
        if registry.has_foreign_redis:
            raise LabError(
                f"a garbage collection was cut off before the descriptors in Redis {registry.redis_address} were flushed: clients would "
                "leave out layers that it has deleted.",
                f"Flush them, then: kubectl delete job -n {wire.namespace} {jobs.NAME}; and run this again.",
            )
        flush(registry, wire)
        Runner(cluster=cluster, api=wire.api, namespace=wire.namespace, log=Path()).remove()
