"""A deployed stack as a client sees it: its outputs, and what the cluster says of its public Service and its database."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubernetes import client

from components.common.names import DATABASE, EDGE_PUBLIC
from ops.environment import Environment, Operator
from ops.errors import OpsError
from ops.kube.client import DEPLOYMENT, POD, SECRET, Kube
from ops.kube.jobs import Jobs
from ops.kube.pods import Done, Pods
from ops.kube.sql import as_root

DATABASE_POD: Final = f"{DATABASE}-0"

TAGS: Final = (
    "SELECT namespaces.name, repositories.name, tags.name, users.username, tags.digest FROM tags"
    " JOIN repositories ON repositories.id = tags.repository_id JOIN namespaces ON namespaces.id = repositories.namespace_id"
    " LEFT JOIN users ON users.id = tags.user_id"
)
"""Every tag that Portus has recorded, with the user who pushed it."""

EXEC_SECONDS: Final = 60.0
"""How long a command in a Pod may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """One recorded tag."""

    namespace: str
    repository: str
    tag: str
    user: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployed stack.

    Args:
        stack: its name.
        outputs: of the stack, secrets in clear.
        kubeconfig: of its cluster.
        context: of the kubeconfig, None for its current one.
        environment: from where it is used.
    """

    stack: str
    outputs: Mapping[str, Any] = field(repr=False)
    kubeconfig: Path
    context: str | None = None
    environment: Environment = field(default_factory=Operator, repr=False, compare=False)

    @property
    def portus_url(self) -> str:
        """Where Portus answers."""
        return str(self.outputs["portus_url"])

    @property
    def registry(self) -> str:
        """Host of the registry, with the port where it is not 443."""
        return str(self.outputs["registry_host"])

    @property
    def hosts(self) -> tuple[str, ...]:
        """The public names, without ports."""
        return tuple(dict.fromkeys([urlsplit(self.portus_url).hostname or "", self.registry.partition(":")[0]]))

    @property
    def https_port(self) -> int:
        """The public port."""
        return urlsplit(self.portus_url).port or 443

    @property
    def namespace(self) -> str:
        """Where its objects are."""
        return str(self.outputs["namespace"])

    @property
    def has_administrator(self) -> bool:
        """Whether the stack's first set-up makes the administrator that the outputs name. An older stack has no such output, and does."""
        return bool(self.outputs.get("administrator_made", True))

    @property
    def administrator_password(self) -> str:
        """The first administrator's password: an output, or in an existing Secret that the outputs name.

        Raises:
            OpsError: that Secret, or its key, is missing.
        """
        elsewhere = self.outputs.get("administrator_secret")
        if elsewhere is None:
            return str(self.outputs["administrator_password"])
        name, key = str(elsewhere["name"]), str(elsewhere["key"])
        fix = "restore it, or name another one under credentials.existing.administrator and deploy."
        secret = self.kube.get(SECRET, self.namespace, name)
        if secret is None:
            raise OpsError(f"namespace {self.namespace} has no Secret {name}, which holds the administrator's password.", fix)
        found = (secret.get("data") or {}).get(key)
        if found is None:
            raise OpsError(f"Secret {name} of namespace {self.namespace} has no key {key}, which is the administrator's password.", fix)
        return base64.b64decode(found).decode()

    @cached_property
    def kube(self) -> Kube:
        """Its cluster."""
        return Kube(kubeconfig=self.kubeconfig, context=self.context)

    @cached_property
    def pods(self) -> Pods:
        """The way to its Pods."""
        return Pods(kube=self.kube, namespace=self.namespace)

    @cached_property
    def jobs(self) -> Jobs:
        """Its Jobs."""
        return Jobs(self.kube, self.namespace)

    def api(self) -> client.CoreV1Api:
        """Return a client of its cluster."""
        return self.kube.core()

    def node_ports(self) -> dict[str, int]:
        """Return the node ports of its public Service by name (``https``, ``http``); none where a failed deployment has not made it."""
        try:
            service = self.api().read_namespaced_service(EDGE_PUBLIC, self.namespace)
        except client.ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}
            raise
        ports = (service.spec.ports if service.spec else None) or []
        return {str(port.name): port.node_port for port in ports if port.node_port}

    def is_ready(self, name: str) -> bool:
        """Return whether every copy of Deployment ``name`` is current and ready; true for one that the stack does not have."""
        workload = self.kube.get(DEPLOYMENT, self.namespace, name)
        if workload is None:
            return True
        status, copies = workload.get("status") or {}, workload["spec"].get("replicas", 1)
        seen = status.get("observedGeneration", 0) >= workload["metadata"]["generation"]
        return bool(seen and status.get("updatedReplicas", 0) == copies and status.get("readyReplicas", 0) == copies)

    def has_own_database(self) -> bool:
        """Whether its database runs in its namespace, and is not an external one."""
        return self.kube.get(POD, self.namespace, DATABASE_POD) is not None

    def sql(self, statement: str) -> list[list[str]]:
        """Return the rows of a query, run as root on the database's own socket.

        Raises:
            OpsError: the database does not answer.
        """
        done = as_root(self.pods, DATABASE_POD, statement, str(self.outputs["database_name"]))
        return [line.split("\t") for line in _output(done, "mariadb", DATABASE_POD).splitlines()]

    def exec(self, pod: str, command: list[str]) -> str:
        """Return what ``command`` printed in ``pod``.

        Raises:
            OpsError: it ended with another code than 0.
        """
        return _output(self.pods.execute(pod, command, EXEC_SECONDS), command[0], pod)

    def tags(self) -> list[Tag]:
        """Return every tag that Portus has recorded."""
        return [Tag(**dict(zip(Tag.__slots__, row, strict=True))) for row in self.sql(TAGS)]


def _output(done: Done, program: str, pod: str) -> str:
    if done.code != 0:
        raise OpsError(f"'{program}' in Pod {pod} ended with code {done.code}.", "correct what its output names:", done.text)
    return done.output
