"""Runs the collection's Job: shows what it says, keeps it in a log, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from kubernetes.client import ApiException

from ops.console import Step
from ops.errors import LabError
from ops.gc.job import NAME
from ops.kube.client import Object
from ops.kube.jobs import JobError, Jobs
from ops.kube.status import has_ended

SHOWN_LINES: Final = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner:
    """Runs Jobs in one namespace.

    Args:
        log: file that keeps what every Job printed.
    """

    jobs: Jobs
    log: Path

    def run(self, job: Object, step: Step) -> str:
        """Run ``job`` to its end and return what it printed; whatever happens, it is removed.

        Raises:
            LabError: another collection runs, or it did not start, or it failed (with what it said).
        """
        self.clear()
        try:
            run = self.jobs.create(job)
        except ApiException as error:
            if error.status == HTTPStatus.CONFLICT:  # another command was quicker
                raise _running(self.jobs.namespace) from error
            raise
        try:
            lines = self.jobs.wait(run, step, follow=True)
        except JobError as error:
            self._keep(error.lines)
            raise _failed(error) from error
        finally:
            self.jobs.remove(NAME)
        self._keep(lines)
        return "\n".join(lines)

    def clear(self) -> None:
        """Remove what a garbage collection has left whose command was killed.

        Raises:
            LabError: it runs still.
        """
        left = self.jobs.find(NAME)
        if left is None:
            return
        if not has_ended(left):
            raise _running(self.jobs.namespace)
        self.jobs.remove(NAME)

    def _keep(self, lines: Sequence[str]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as kept:
            kept.writelines(f"{line}\n" for line in lines)


def _failed(error: JobError) -> LabError:
    if error.code is None:
        return LabError("the collection's Pod did not start; nothing was deleted.", "correct what the cluster reports:", error.excerpt)
    said = [line for line in error.lines if line.strip()][-SHOWN_LINES:]
    problem = "the collection failed; the registry still has everything that its images need."
    return LabError(problem, "correct what the registry reports:", "\n".join(said) or error.excerpt)


def _running(namespace: str) -> LabError:
    stop = f"kubectl delete job -n {namespace} {NAME}"
    return LabError("a collection is already running.", f"wait until it ends, or stop it, which is harmless: {stop}")
