"""Jobs, followed to their end; one of a CronJob is made from its template, as ``kubectl create job --from`` makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from ops.console import Step
from ops.errors import OpsError
from ops.kube.client import CRON_JOB, FOLLOW, JOB, POD, Kube, Object
from ops.kube.pods import warnings
from ops.kube.status import condition, has_ended, problems

POLL_SECONDS: Final = 0.5
START_SECONDS: Final = 180.0
"""How long a Pod may take to its first container: an image is pulled, a volume comes from another node."""
LONGEST_SECONDS: Final = 86400.0
"""The longest that a stack file lets a backup take."""
SILENCE_SECONDS: Final = 120.0
"""How long the cluster may not answer, as while its API server restarts, before a Job is left to itself."""
END_SECONDS: Final = 60.0
"""How long the cluster may take to remove a Job and its Pod."""
TAIL_LINES: Final = 15


class JobError(OpsError):
    """A Job that did not do its work.

    Args:
        code: what its last container ended with; None where it never ran.
        lines: all that this container said.
    """

    def __init__(self, job: str, code: int | None, excerpt: str, lines: Sequence[str] = ()) -> None:
        ended = "did not start" if code is None else f"ended with code {code}"
        super().__init__(f"Job {job} {ended}.", "correct what its output names:", excerpt)
        self.job = job
        self.code = code
        self.lines = lines


@dataclass(frozen=True, kw_only=True)
class Run:
    """A Job under way or ended."""

    name: str
    uid: str


@dataclass(frozen=True)
class Jobs:
    """The Jobs of a namespace."""

    kube: Kube
    namespace: str

    def start(
        self,
        cron_job: str,
        *,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        change: Callable[[dict[str, Any]], None] | None = None,
    ) -> Run:
        """Make a Job of ``cron_job``.

        Args:
            environment: set in each of its containers.
            arguments: of its last container.
            change: changes the Job's spec first.

        Raises:
            OpsError: the stack has no such CronJob, hence no backups.
        """
        template = self.kube.get(CRON_JOB, self.namespace, cron_job)
        if template is None:
            raise OpsError(
                f"namespace {self.namespace} has no CronJob {cron_job}: this stack has no backups.",
                "set backup.enabled to true and deploy (docs/operate/backup.md).",
            )
        job = template["spec"]["jobTemplate"]
        if change is not None:
            change(job["spec"])
        pod = job["spec"]["template"]["spec"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            kept = [variable for variable in container.get("env", []) if variable["name"] not in (environment or {})]
            container["env"] = [*kept, *({"name": name, "value": value} for name, value in (environment or {}).items())]
        pod["containers"][0]["args"] = list(arguments)
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": cron_job, "uid": template["metadata"]["uid"], "controller": True}
        metadata = {
            "generateName": f"{cron_job}-by-hand-",
            "labels": (job.get("metadata") or {}).get("labels", {}),
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [owner],  # so that its history's limits hold for these Jobs too
        }
        return self.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job["spec"]})

    def create(self, job: Object) -> Run:
        """Make ``job``.

        Raises:
            ApiException: the cluster refuses it, with 409 where one of its name exists.
        """
        made = self.kube.create(JOB, self.namespace, job)
        return Run(name=made["metadata"]["name"], uid=made["metadata"]["uid"])

    def wait(self, run: Run, step: Step, *, follow: bool = False) -> list[str]:
        """Follow ``run`` to its end; return what its last container printed.

        Args:
            follow: show each line as it comes. They are read once: a log too large for its node is returned whole, too.

        Raises:
            JobError: it did not do its work.
        """
        began, started, answered = time.monotonic(), False, time.monotonic()
        log: list[str] | None = None
        while True:
            try:
                job, pod = self._look(run)
            except (HTTPError, ApiException) as error:
                if isinstance(error, ApiException) and (error.status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                if time.monotonic() - answered > SILENCE_SECONDS:
                    problem = f"the cluster does not answer; Job {run.name} continues unobserved."
                    raise OpsError(problem, "repeat this command when it answers again.", str(error)[:200]) from error
                time.sleep(POLL_SECONDS)
                continue
            answered = time.monotonic()
            if follow and log is None and pod is not None and _has_begun(pod, pod["spec"]["containers"][-1]["name"]):
                log = self._followed(pod, pod["spec"]["containers"][-1]["name"], step)
            if condition(job, "Complete").get("status") == "True" and pod is not None:
                return log if log is not None else self._log(pod, pod["spec"]["containers"][-1]["name"])
            if condition(job, "Failed").get("status") == "True":
                raise self._failure(run, job, pod, log)
            container = None if pod is None else _running(pod)
            started = started or container is not None or (pod is not None and bool(_ended(pod)))
            if container is not None:
                step.say(f"{run.name}: {container}")
            if time.monotonic() - began > (LONGEST_SECONDS if started else START_SECONDS):
                failure = self._failure(run, job, pod, log)
                self.delete(run)  # or it would begin when it is not expected any more
                raise failure
            time.sleep(POLL_SECONDS)

    def container(self, run: Run, name: str, step: Step) -> str:
        """Return the Pod of ``run`` as soon as its container ``name`` runs.

        Raises:
            JobError: it did not start, or ended at once.
        """
        for _ in polls(START_SECONDS):
            job, pod = self._look(run)
            if pod is not None and _running(pod) == name:
                return str(pod["metadata"]["name"])
            if condition(job, "Failed").get("status") == "True":
                raise self._failure(run, job, pod, None)
            step.say(f"{run.name}: waiting for {name}")
        raise self._failure(run, *self._look(run), None)

    def delete(self, run: Run) -> None:
        """Remove ``run`` with its Pods."""
        self.kube.delete(JOB, self.namespace, run.name)

    def remove(self, name: str) -> None:
        """Remove Job ``name`` and wait until its Pod is gone, so that it does nothing any more.

        Raises:
            OpsError: it stays.
        """
        self.kube.delete(JOB, self.namespace, name, propagation="Foreground")
        late = OpsError(f"Job {name} is still there.", f"delete it: kubectl delete job -n {self.namespace} {name}")
        until(lambda: self.find(name) is None and not self.pods(name), END_SECONDS, late)

    def find(self, name: str) -> dict[str, Any] | None:
        """Return Job ``name``; None where there is none."""
        return self.kube.get(JOB, self.namespace, name)

    def pods(self, name: str) -> list[dict[str, Any]]:
        """Return the Pods of Job ``name``, also of one that is on its way out."""
        return self.kube.list(POD, self.namespace, labels=f"job-name={name}")

    def active(self, cron_job: str) -> list[str]:
        """Return the names of the Jobs of ``cron_job`` that are under way."""
        return [
            str(job["metadata"]["name"])
            for job in self.kube.list(JOB, self.namespace)
            if any(owner["kind"] == "CronJob" and owner["name"] == cron_job for owner in job["metadata"].get("ownerReferences") or ())
            and not has_ended(job)
        ]

    def _look(self, run: Run) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return ``run`` as it is now, and its newest Pod."""
        job = self.find(run.name)
        if job is None:
            raise OpsError(f"Job {run.name} was removed before its end.", "repeat this command: the Job may have stopped at any step.")
        pods = self.kube.list(POD, self.namespace, labels=f"batch.kubernetes.io/controller-uid={run.uid}")
        return job, max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)

    def _log(self, pod: Object, container: str) -> list[str]:
        text = self.kube.core().read_namespaced_pod_log(pod["metadata"]["name"], self.namespace, container=container)
        return str(text).splitlines()

    def _followed(self, pod: Object, container: str, step: Step) -> list[str] | None:
        """Return what ``container`` says until its end; None where the connection was lost. The Job goes on."""
        lines: list[str] = []
        try:
            stream: Any = self.kube.core().read_namespaced_pod_log(
                pod["metadata"]["name"],
                self.namespace,
                container=container,
                follow=True,
                _preload_content=False,
                _request_timeout=FOLLOW,
            )
            for line in stream:
                lines.append(line.decode(errors="replace").rstrip("\n"))
                step.say(lines[-1])
        except (ApiException, HTTPError, OSError):
            return None
        return lines

    def _failure(self, run: Run, job: Object, pod: Object | None, log: list[str] | None) -> JobError:
        if pod is None:
            refused = "no Pod was made: a quota or an admission controller of the namespace may refuse it"
            excerpt = condition(job, "Failed").get("message") or refused
            return JobError(run.name, None, f"{excerpt}\nkubectl --namespace {self.namespace} describe job {run.name}")
        failed = [status for status in _ended(pod) if status["state"]["terminated"].get("exitCode")]
        if not failed:
            return JobError(run.name, None, "\n".join(dict.fromkeys((*problems([pod]), *warnings(self.kube, [pod])))))
        name = failed[-1]["name"]
        lines = log if log is not None and name == pod["spec"]["containers"][-1]["name"] else self._log(pod, name)
        return JobError(run.name, failed[-1]["state"]["terminated"]["exitCode"], "\n".join(lines[-TAIL_LINES:]), lines)


def _statuses(pod: Object) -> list[dict[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _ended(pod: Object) -> list[dict[str, Any]]:
    return [status for status in _statuses(pod) if (status.get("state") or {}).get("terminated")]


def _has_begun(pod: Object, container: str) -> bool:
    """Tell whether ``container`` runs or has run: it has a log."""
    return any(status["name"] == container and {"running", "terminated"} & (status.get("state") or {}).keys() for status in _statuses(pod))


def _running(pod: Object) -> str | None:
    return next((str(status["name"]) for status in _statuses(pod) if (status.get("state") or {}).get("running") is not None), None)


def polls(seconds: float | None) -> Iterator[None]:
    """Yield now and every `POLL_SECONDS`, for ``seconds`` at most."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        yield
        if end is not None and time.monotonic() > end:
            return
        time.sleep(POLL_SECONDS)


def until(holds: Callable[[], bool], seconds: float, late: OpsError) -> None:
    """Wait until ``holds`` does; raise ``late`` when it does not within ``seconds``."""
    for _ in polls(seconds):
        if holds():
            return
    raise late
