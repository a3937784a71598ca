"""What comes before everything that lets clients push: no garbage collection deletes blobs meanwhile, be its command alive or killed.

A ``make gc CONFIRM=yes`` that is killed leaves its Job, which goes on. While it runs a push loses layers. After it the registry's
Redis may still hold descriptors of deleted blobs, because the command that empties it is gone: clients then leave those layers out.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from kubernetes.client import ApiException

from ops.console import errors, step
from ops.errors import OpsError
from ops.gc.job import NAME
from ops.gc.registry import Registry, registry_of
from ops.kube.client import Kube
from ops.kube.errors import message_of
from ops.kube.http import NotChecked
from ops.kube.jobs import Jobs, polls
from ops.kube.pods import Pods
from ops.kube.status import has_ended

FLUSH_SECONDS: Final = 30.0


def flush(registry: Registry, pods: Pods) -> None:
    """Empty the stack's own Redis.

    Raises:
        OpsError: it could not be emptied.
    """
    for pod in registry.redis_pods:
        done = pods.run(pod, ["redis-cli", "flushall"], FLUSH_SECONDS)
        if isinstance(done, NotChecked) or done != (0, "OK"):
            reason = done.reason if isinstance(done, NotChecked) else done[1]
            raise OpsError(
                f"the registry's cache in Pod {pod} could not be emptied: {reason}",
                "keep the registry read-only until this command succeeds: pushes would leave out layers.",
            )


WAIT_SECONDS: Final = 120.0
"""How long a collection is waited for before the user gets a message; one of a large store takes hours."""
OWN_SECONDS: Final = 15.0
"""How long its own command, if it still runs, has to clear it away after its end."""
DRY_RUN: Final = "--dry-run"
"""Of the registry's own command: deletes nothing."""


def require_no_sweep(stack: str, namespace: str, kube: Kube) -> None:
    """Wait until no garbage collection of ``stack`` deletes anything, and finish one whose command was killed.

    Raises:
        OpsError: it goes on, or it has to be finished by hand, or the cluster does not answer.
    """
    jobs = Jobs(kube, namespace)
    try:
        sweep = _sweep(jobs)
    except ApiException as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        errors.print(f"note: whether a garbage collection runs cannot be seen: {message_of(error)}")
        return
    if sweep is not None:
        _wait(jobs, stack, since=str(sweep["metadata"].get("creationTimestamp", "")))
        _finish(jobs, stack)


def _sweep(jobs: Jobs) -> dict[str, Any] | None:
    """Return the Job of a collection that deletes or has deleted; a Job that is on its way out counts until its Pod has ended."""
    job = jobs.find(NAME)
    if job is not None:
        return job if _deletes(job["spec"]["template"]) else None
    return next((pod for pod in jobs.pods(NAME) if _deletes(pod) and _runs(pod)), None)


def _deletes(template: dict[str, Any]) -> bool:
    return DRY_RUN not in template["spec"]["containers"][0].get("args", ())


def _runs(pod: dict[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _goes_on(jobs: Jobs) -> bool:
    job = jobs.find(NAME)
    if job is not None and not has_ended(job) and not job["metadata"].get("deletionTimestamp"):
        return True
    return any(_runs(pod) for pod in jobs.pods(NAME))


def _wait(jobs: Jobs, stack: str, *, since: str) -> None:
    with step(f"waiting until the garbage collection has ended (Job {NAME}, since {since})") as current:
        for _ in polls(WAIT_SECONDS):
            if not _goes_on(jobs):
                return
            current.say("it deletes blobs, and a push beside it loses layers")
        raise OpsError(
            f"a garbage collection of stack {stack} deletes blobs (Job {NAME}, since {since}): a push during it loses layers.",
            f"wait until it ends, then repeat this command; or stop it, which is harmless: kubectl delete job -n {jobs.namespace} {NAME}",
        )


def _finish(jobs: Jobs, stack: str) -> None:
    """Do what its command has not done: empty the registry's Redis, remove the Job."""
    for _ in polls(OWN_SECONDS):
        if jobs.find(NAME) is None:
            return
    with step("finishing a garbage collection whose command was killed"):
        registry = registry_of(jobs.kube, jobs.namespace, stack)
        if registry.has_foreign_redis:
            raise OpsError(
                f"a garbage collection was interrupted before the descriptors in Redis {registry.redis_address} were flushed: "
                "clients would leave out layers that it has deleted.",
                f"flush them, then: kubectl delete job -n {jobs.namespace} {NAME}; then repeat this command.",
            )
        flush(registry, Pods(kube=jobs.kube, namespace=jobs.namespace))
        jobs.remove(NAME)
