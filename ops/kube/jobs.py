"""Jobs made from a CronJob's template, as ``kubectl create job --from`` makes them, and followed to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

from kubernetes import client
from urllib3.exceptions import HTTPError

from ops.console import Step
from ops.deployment import Deployment
from ops.errors import LabError

POLL_SECONDS: Final = 0.5
START_SECONDS: Final = 180.0
"""How long a Pod may take to its first container: an image is pulled, a volume comes from another node."""
LONGEST_SECONDS: Final = 86400.0
"""The longest that a stack file lets a backup take."""
SILENCE_SECONDS: Final = 120.0
"""How long the cluster may not answer, as while its API server restarts, before a Job is left to itself."""
TAIL_LINES: Final = 15


class JobError(LabError):
    """A Job that did not do its work.

    Args:
        code: what its last container ended with; None where it never ran.
    """

    def __init__(self, job: str, code: int | None, excerpt: str) -> None:
        ended = "did not start" if code is None else f"ended with code {code}"
        super().__init__(f"Job {job} {ended}.", "What it said:", excerpt)
        self.job = job
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Run:
    """A Job under way or ended."""

    name: str
    uid: str


@dataclass(frozen=True)
class Jobs:
    """The Jobs of a deployed stack."""

    deployment: Deployment

    @cached_property
    def _core(self) -> client.CoreV1Api:
        return self.deployment.api()

    @cached_property
    def _batch(self) -> client.BatchV1Api:
        return client.BatchV1Api(self._core.api_client)

    def start(self, cron_job: str, *, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()) -> Run:
        """Make a Job of ``cron_job``.

        Args:
            environment: set in each of its containers.
            arguments: of its last container.

        Raises:
            LabError: the stack has no such CronJob, hence no backups.
        """
        namespace = self.deployment.namespace
        try:
            template = self._batch.read_namespaced_cron_job(cron_job, namespace)
        except client.ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise LabError(
                f"namespace {namespace} has no CronJob {cron_job}: this stack has no backups.",
                "Set backup.enabled and deploy (docs/operate/backup.md).",
            ) from error
        job = self._core.api_client.sanitize_for_serialization(template)["spec"]["jobTemplate"]
        pod = job["spec"]["template"]["spec"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            kept = [variable for variable in container.get("env", []) if variable["name"] not in (environment or {})]
            container["env"] = [*kept, *({"name": name, "value": value} for name, value in (environment or {}).items())]
        pod["containers"][0]["args"] = list(arguments)
        assert template.metadata is not None
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": cron_job, "uid": template.metadata.uid, "controller": True}
        metadata = {
            "generateName": f"{cron_job}-by-hand-",
            "labels": (job.get("metadata") or {}).get("labels", {}),
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [owner],  # so that its history's limits hold for these Jobs too
        }
        body: Any = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job["spec"]}
        made = self._batch.create_namespaced_job(namespace, body)
        assert made.metadata is not None
        return Run(name=str(made.metadata.name), uid=str(made.metadata.uid))

    def wait(self, run: Run, step: Step) -> list[str]:
        """Follow ``run`` to its end; return what its last container said.

        Raises:
            JobError: it did not do its work.
        """
        began, started, answered = time.monotonic(), False, time.monotonic()
        while True:
            try:
                states, pod = self._look(run)
            except (HTTPError, client.ApiException) as error:
                if isinstance(error, client.ApiException) and (error.status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                if time.monotonic() - answered > SILENCE_SECONDS:
                    problem = f"the cluster does not answer; Job {run.name} goes on without being watched."
                    raise LabError(problem, "When it answers again run this again.", str(error)[:200]) from error
                time.sleep(POLL_SECONDS)
                continue
            answered = time.monotonic()
            if "Complete" in states and pod is not None:
                return self._log(pod, pod.spec.containers[-1].name)
            if "Failed" in states:
                raise self._failure(run, pod)
            container = None if pod is None else _running(pod)
            started = started or container is not None
            if container is not None:
                step.say(f"{run.name}: {container}")
            if time.monotonic() - began > (LONGEST_SECONDS if started else START_SECONDS):
                failure = self._failure(run, pod)
                self.forget(run)  # or it would begin when nobody counts on it any more
                raise failure
            time.sleep(POLL_SECONDS)

    def _look(self, run: Run) -> tuple[set[str], Any]:
        """Return the conditions that hold of ``run``, and its newest Pod."""
        job = self._batch.read_namespaced_job(run.name, self.deployment.namespace)
        states = {str(condition.type) for condition in (job.status and job.status.conditions) or [] if condition.status == "True"}
        return states, self._newest_pod(run)

    def forget(self, run: Run) -> None:
        """Remove ``run`` with its Pods."""
        try:
            self._batch.delete_namespaced_job(run.name, self.deployment.namespace, propagation_policy="Background")
        except client.ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def active(self, cron_job: str) -> list[str]:
        """Return the names of the Jobs of ``cron_job`` that are under way."""
        found = self._batch.list_namespaced_job(self.deployment.namespace).items
        return [
            str(job.metadata.name)
            for job in found
            if job.metadata
            and any(owner.kind == "CronJob" and owner.name == cron_job for owner in job.metadata.owner_references or [])
            and not any(condition.status == "True" for condition in (job.status and job.status.conditions) or [])
        ]

    def _newest_pod(self, run: Run) -> Any:
        label = f"batch.kubernetes.io/controller-uid={run.uid}"
        found: list[Any] = self._core.list_namespaced_pod(self.deployment.namespace, label_selector=label).items
        return max(found, key=lambda pod: pod.metadata.creation_timestamp, default=None)

    def _log(self, pod: Any, container: str) -> list[str]:
        text = self._core.read_namespaced_pod_log(pod.metadata.name, self.deployment.namespace, container=container)
        return str(text).splitlines()

    def _failure(self, run: Run, pod: Any) -> JobError:
        if pod is None:
            return JobError(run.name, None, f"kubectl --namespace {self.deployment.namespace} describe job {run.name}")
        ended = [status for status in _statuses(pod) if status.state.terminated is not None and status.state.terminated.exit_code != 0]
        if not ended:
            waiting = [status.state.waiting.message or status.state.waiting.reason for status in _statuses(pod) if status.state.waiting]
            conditions = [condition.message for condition in pod.status.conditions or [] if condition.message]
            return JobError(run.name, None, "\n".join([*conditions, *(text for text in waiting if text)]))
        lines = self._log(pod, ended[-1].name)
        return JobError(run.name, ended[-1].state.terminated.exit_code, "\n".join(lines[-TAIL_LINES:]))


def _statuses(pod: Any) -> list[Any]:
    return [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]


def _running(pod: Any) -> str | None:
    return next((str(status.name) for status in _statuses(pod) if status.state.running is not None), None)


def until(condition: Callable[[], bool], seconds: float, late: LabError) -> None:
    """Wait for ``condition`` to hold; raise ``late`` when it does not within ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise late
        time.sleep(POLL_SECONDS)
