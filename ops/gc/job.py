"""The Job that collects, made from the registry's own Pods. Its output is kept in a log, and it is removed after its run.

Same image, settings, keys, volumes and account as they have, so that it reads the same store the same way; and the labels by which the
stack's NetworkPolicies let the registry reach it. But another ``name``: else the registry's Service would send it clients.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from kubernetes.client import ApiException

from ops.console import Step
from ops.errors import OpsError
from ops.kube.client import Object
from ops.kube.jobs import JobError, Jobs
from ops.kube.status import has_ended

NAME: Final = "registry-collection"
"""One name: two collections at once exclude each other."""

NAME_LABEL: Final = "app.kubernetes.io/name"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
KEPT_SECONDS: Final = 86400
"""How long a Job stays whose ``make gc`` was killed: it shows the next command that the registry's cache was not emptied after it."""
GRACE_SECONDS: Final = 10
"""A sweep may stop anywhere: what is left is garbage still."""

OF_SERVERS: Final = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports")
OF_PLACES: Final = ("affinity", "topologySpreadConstraints", "nodeName")

SCRIPT: Final = """\
folder="$1"; shift
registry garbage-collect "$@" || exit
if [ -n "$folder" ] && [ -d "$folder" ]; then cd "$folder" && find . -name data -type f -exec stat -c 'bytes %s %n' {} +; fi; true
"""
"""The collection, and then the size of each blob in the store, where its driver keeps files."""


def job(deployment: Object, *, config: str, blobs: str, node: str, dry_run: bool, untagged: bool) -> dict[str, Any]:
    """Return the Job.

    Args:
        deployment: the registry's, as the cluster has it.
        config: path of config.yml in its container.
        blobs: folder of the blobs in it; '' where the storage keeps no files.
        node: where it has to run: where the claim is that one node alone mounts; '' for any.
        dry_run: whether it only reports.
        untagged: whether manifests without a tag go as well.
    """
    template = copy.deepcopy(dict(deployment["spec"]["template"]))
    labels = {**template["metadata"]["labels"], NAME_LABEL: NAME, MANAGED_BY: "make-collect"}
    pod = {key: value for key, value in template["spec"].items() if key not in OF_PLACES}
    flags = [*(["--dry-run"] if dry_run else []), *(["--delete-untagged"] if untagged else [])]
    container = {key: value for key, value in pod["containers"][0].items() if key not in OF_SERVERS}
    pod |= {
        "containers": [container | {"command": ["/bin/sh", "-c", SCRIPT, "sh"], "args": [blobs, *flags, config]}],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
    }
    if node:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        pod["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    metadata = {"labels": labels, "annotations": template["metadata"].get("annotations") or {}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": NAME,
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "ownerReferences": [_owner(deployment)],
        },
        "spec": {
            "backoffLimit": 0,  # a failure is reported, not tried again
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": metadata, "spec": pod},
        },
    }


def _owner(deployment: Object) -> dict[str, Any]:
    """Return the reference by which the Job goes with the registry: its Pod, ended or not, would keep the claim from being deleted."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
        "uid": deployment["metadata"]["uid"],
    }


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
            OpsError: another collection runs, or it did not start, or it failed (with what it said).
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
            OpsError: it runs still.
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


def _failed(error: JobError) -> OpsError:
    if error.code is None:
        return OpsError("the collection's Pod did not start; nothing was deleted.", "correct what the cluster reports:", error.excerpt)
    last_lines = [line for line in error.lines if line.strip()][-SHOWN_LINES:]
    problem = "the collection failed; the registry still has everything that its images need."
    return OpsError(problem, "correct what the registry reports:", "\n".join(last_lines) or error.excerpt)


def _running(namespace: str) -> OpsError:
    stop = f"kubectl delete job -n {namespace} {NAME}"
    return OpsError("a collection is already running.", f"wait until it ends, or stop it, which is harmless: {stop}")
