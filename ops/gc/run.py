"""Runs the collection's Job: waits for its Pod, shows what it says, returns it all, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubernetes.client import ApiException, CoreV1Api
from urllib3.exceptions import HTTPError

from lab.engine.plugins.kube import pods as pod_facts
from lab.engine.plugins.kube.cluster import ApiError, Cluster
from lab.engine.plugins.kube.objects import ObjectKind
from ops.console import Step
from ops.errors import LabError
from ops.gc import job as jobs

JOB: Final = ObjectKind("batch/v1", "Job")
POD: Final = ObjectKind("v1", "Pod")

START_SECONDS: Final = 120.0
"""How long its Pod may take to run: the image is on the node already, a volume may have to be mounted."""
END_SECONDS: Final = 60.0
"""How long the cluster may take to see that a Pod has ended, or to remove one."""
POLL_SECONDS: Final = 0.5
SHOWN_LINES: Final = 15

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner:
    """Runs Jobs in one namespace.

    Args:
        api: gives a client for logs, which are followed.
        log: file that keeps what every Job printed.
    """

    cluster: Cluster
    api: Callable[[], CoreV1Api]
    namespace: str
    log: Path

    def run(self, job: Object, step: Step) -> str:
        """Run ``job`` to its end and return what it printed; whatever happens, it is removed.

        Raises:
            LabError: another collection runs, or it did not start, or it failed (with what it said).
        """
        self.clear()
        try:
            self.cluster.request("POST", self.cluster.api(JOB).path(self.namespace), body=dict(job))
        except ApiError as error:
            if error.status == 409:  # noqa: PLR2004 - HTTP: somebody was quicker
                raise _running(self.namespace) from error
            raise
        try:
            pod = self._started(step)
            text = self._said(pod, step)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a", encoding="utf-8") as kept:
                kept.write(f"{text}\n")
            self._require_success(text)
            return text
        finally:
            self.remove()

    def clear(self) -> None:
        """Remove what a ``make collect`` that was killed has left.

        Raises:
            LabError: it runs still.
        """
        left = self.cluster.get(JOB, self.namespace, jobs.NAME)
        if left is None:
            return
        if not has_ended(left):
            raise _running(self.namespace)
        self.remove()

    def remove(self) -> None:
        """Remove the Job and wait until its Pod is gone, so that nothing collects any more."""
        try:
            path = self.cluster.api(JOB).path(self.namespace, jobs.NAME)
            self.cluster.request("DELETE", path, query={"propagationPolicy": "Foreground"})
        except ApiError as error:
            if error.status != 404:  # noqa: PLR2004 - HTTP: gone already
                raise
        for _ in polls(END_SECONDS):
            if self.cluster.get(JOB, self.namespace, jobs.NAME) is None and not self._pods():
                return
        raise LabError(f"Job {jobs.NAME} is still there.", f"Remove it: kubectl delete job -n {self.namespace} {jobs.NAME}")

    def _pods(self) -> list[dict[str, Any]]:
        return self.cluster.list(POD, self.namespace, labels=f"job-name={jobs.NAME}")

    def _started(self, step: Step) -> str:
        """Return the name of the Job's Pod once it runs, or has run."""
        for _ in polls(START_SECONDS):
            found = self._pods()
            if found and found[0]["status"].get("phase") in ("Running", "Succeeded", "Failed"):
                return str(found[0]["metadata"]["name"])
            step.say(next(iter(pod_facts.problems(found)), "waiting for its Pod"))
        found = self._pods()
        excerpt = "\n".join((*pod_facts.problems(found), *pod_facts.warnings(self.cluster, found)))
        raise LabError(
            f"the collection's Pod did not start within {START_SECONDS:.0f} s.",
            "Nothing was deleted. What the cluster says:",
            excerpt or "no Pod was made: a quota or an admission controller of the namespace may refuse it",
        )

    def _said(self, pod: str, step: Step) -> str:
        """Return the Pod's whole output, shown line by line as it comes."""
        lines: list[str] = []
        try:
            stream: Any = self.api().read_namespaced_pod_log(pod, self.namespace, follow=True, _preload_content=False)
            for line in stream:
                lines.append(line.decode(errors="replace").rstrip("\n"))
                step.say(lines[-1])
        except (ApiException, HTTPError, OSError):  # the connection, not the collection: it goes on, and its log is read below
            lines.clear()
        for _ in polls(None):
            job = self.cluster.get(JOB, self.namespace, jobs.NAME)
            if job is None or has_ended(job):
                break
        return "\n".join(lines) if lines else str(self.api().read_namespaced_pod_log(pod, self.namespace))

    def _require_success(self, text: str) -> None:
        job = self.cluster.get(JOB, self.namespace, jobs.NAME)
        if job is None:
            raise LabError(f"Job {jobs.NAME} was removed by somebody else.", "Run it again: a collection may stop anywhere.")
        if pod_facts.condition(job, "Failed").get("status") == "True":
            said = [line for line in text.splitlines() if line.strip()][-SHOWN_LINES:]
            raise LabError(
                "the collection failed; the registry holds everything that any image needs.",
                "What the registry said:",
                "\n".join([*said, *pod_facts.problems(self._pods())]),
            )


def has_ended(job: Object) -> bool:
    """Return whether ``job`` has succeeded or failed."""
    return any(pod_facts.condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))


def _running(namespace: str) -> LabError:
    stop = f"kubectl delete job -n {namespace} {jobs.NAME}"
    return LabError("a collection runs already.", f"Wait for its end, or stop it, which does no harm: {stop}")


def polls(seconds: float | None) -> Iterator[None]:
    """Give a turn now and every `POLL_SECONDS`, for ``seconds`` at most."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        yield
        if end is not None and time.monotonic() > end:
            return
        time.sleep(POLL_SECONDS)
