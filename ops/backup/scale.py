"""Stops what writes to Portus' database and starts it again with as many copies as before.

The Deployment itself keeps the number, so that the next command can restore it even if the first one was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from kubernetes import client

from components.common.names import PORTUS, PORTUS_WORKER
from ops.console import Step
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.kube.client import DEPLOYMENT, POD
from ops.kube.jobs import until
from ops.kube.status import label_selector

COPIES: Final = "portus.operations/copies"
"""Annotation: how many copies ran before."""
VERSION: Final = "app.kubernetes.io/version"
MANAGER: Final = "portus-restore"
"""Name of this program in Kubernetes' record of who changed a Deployment."""
STOP_SECONDS: Final = 180.0
"""The web server's grace period and a slow kubelet."""
START_SECONDS: Final = 900.0
"""Portus boots for minutes on a small node, and migrates first where the database is of an older version."""


@dataclass(frozen=True)
class Writers:
    """Portus' web server and, where there is one, its worker."""

    deployment: Deployment

    def stop(self) -> None:
        """Stop them, the worker first; returns when the last Pod is gone.

        Raises:
            OpsError: a Pod stays.
        """
        there = [name for name in (PORTUS_WORKER, PORTUS) if self._read(name) is not None]
        for name in there:
            current = self._read(name)
            kept = (current.metadata.annotations or {}).get(COPIES)
            before = kept if kept is not None and not current.spec.replicas else str(current.spec.replicas)
            self._patch(name, {"metadata": {"annotations": {COPIES: before}}, "spec": {"replicas": 0}})
        for name in there:
            look = f"find the cause: kubectl describe pods -n {self.deployment.namespace}; then repeat this command."
            late = OpsError(f"a Pod of Deployment {name} does not terminate.", look)
            until(lambda name=name: not self._pods(name), STOP_SECONDS, late)  # type: ignore[misc]

    def start(self, step: Step) -> None:
        """Start as many as before, the web server first: it sets up what a database of an older version lacks.

        Raises:
            OpsError: one does not get ready.
        """
        for name in (PORTUS, PORTUS_WORKER):
            current = self._read(name)
            copies = None if current is None else (current.metadata.annotations or {}).get(COPIES)
            if copies is None:
                continue
            self._patch(name, {"metadata": {"annotations": {COPIES: None}}, "spec": {"replicas": int(copies)}})
            self._clear_owner(name)
            step.say(f"waiting for {copies} of {name}")
            look = f"read its log: kubectl logs -n {self.deployment.namespace} deployment/{name}"
            late = OpsError(f"Deployment {name} does not become ready.", look)
            until(lambda name=name: self._is_ready(name), START_SECONDS, late)  # type: ignore[misc]

    def version(self) -> str | None:
        """Return the version of Portus that the web server is deployed with; None where nothing says it."""
        current = self._read(PORTUS)
        return None if current is None else (current.metadata.labels or {}).get(VERSION)

    def stopped(self) -> dict[str, int]:
        """Return those that a restore has stopped, with the number of copies before."""
        workloads = {name: self._read(name) for name in (PORTUS, PORTUS_WORKER)}
        kept = {name: (each.metadata.annotations or {}).get(COPIES) for name, each in workloads.items() if each is not None}
        return {name: int(copies) for name, copies in kept.items() if copies is not None}

    def _read(self, name: str) -> Any:
        try:
            return self.deployment.kube.apps.read_namespaced_deployment(name, self.deployment.namespace)
        except client.ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _patch(self, name: str, body: Any) -> None:
        self.deployment.kube.apps.patch_namespaced_deployment(name, self.deployment.namespace, body, field_manager=MANAGER)

    def _clear_owner(self, name: str) -> None:
        """Take this program out of the record of managers: else the next deployment that changes the number is a conflict with it."""
        current = self._read(name)
        entries = self.deployment.kube.apps.api_client.sanitize_for_serialization(current.metadata.managed_fields or [])
        kept = [entry for entry in entries if entry.get("manager") != MANAGER]
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": current.metadata.resource_version}
        body: Any = [version, {"op": "replace", "path": "/metadata/managedFields", "value": kept}]
        try:
            self.deployment.kube.apps.patch_namespaced_deployment(name, self.deployment.namespace, body)
        except client.ApiException as error:
            if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
                raise
            self._clear_owner(name)  # its status changed in between

    def _pods(self, name: str) -> list[dict[str, Any]]:
        kube, namespace = self.deployment.kube, self.deployment.namespace
        owner = kube.get(DEPLOYMENT, namespace, name)
        return [] if owner is None else kube.list(POD, namespace, labels=label_selector(owner["spec"]["selector"]))

    def _is_ready(self, name: str) -> bool:
        current = self._read(name)
        seen = (current.status.observed_generation or 0) >= current.metadata.generation
        return bool(seen and (current.status.ready_replicas or 0) == current.spec.replicas)
