"""A deployed stack as a client sees it: its outputs, and what the cluster says of its public Service and its database."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from kubernetes import client, config
from kubernetes.stream import stream
from urllib3.exceptions import HTTPError

from ops.errors import LabError
from ops.kube.errors import refused

PUBLIC_SERVICE: Final = "edge-public"
DATABASE_POD: Final = "mariadb-0"

TAGS: Final = (
    "SELECT namespaces.name, repositories.name, tags.name, users.username, tags.digest FROM tags"
    " JOIN repositories ON repositories.id = tags.repository_id JOIN namespaces ON namespaces.id = repositories.namespace_id"
    " LEFT JOIN users ON users.id = tags.user_id"
)
"""Every tag that Portus has recorded, with the user who pushed it."""


ANSWER_SECONDS: Final = 10
"""How long a cluster may take to say its version before it is taken for gone."""


def require_cluster(kubeconfig: Path, context: str | None) -> None:
    """Make sure that a cluster answers, before anything is begun.

    Raises:
        LabError: the kubeconfig or its context is missing, or the cluster does not answer or refuses its user.
    """
    api = connection(kubeconfig, context)
    api.configuration.retries = 1
    try:
        client.VersionApi(api).get_code(_request_timeout=ANSWER_SECONDS)
    except client.ApiException as error:
        raise refused(error) from error
    except HTTPError as error:
        said = str(error).splitlines()[0][:200]
        raise LabError(
            f"the cluster of {kubeconfig} does not answer: {said}", "Start it, or name another kubeconfig: KUBECONFIG=..."
        ) from error


def require_namespace(kubeconfig: Path, context: str | None, namespace: str, stack: str) -> None:
    """Make sure that a cluster is the one where ``stack`` was deployed, as far as the namespace of its objects tells that.

    Who may not ask for the namespace is let pass: where it is not there he is refused its objects as well, and nothing is taken for gone.

    Raises:
        LabError: the cluster has no such namespace, or does not answer.
    """
    try:
        client.CoreV1Api(connection(kubeconfig, context)).read_namespace(namespace, _request_timeout=ANSWER_SECONDS)
    except client.ApiException as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return
        if error.status != HTTPStatus.NOT_FOUND:
            raise refused(error) from error
        named = context or _current_context(kubeconfig)
        raise LabError(
            f"the cluster of {kubeconfig} (context '{named}') has no namespace '{namespace}', in which stack {stack} is deployed.",
            "Is it this cluster? If not, name the right one: KUBECONFIG=..., or cluster.context of the stack file. If it is, and all was "
            "lost: a plain 'pulumi refresh' drops that from the state (docs/operate/new-cluster.md). "
            "Nothing was changed.",
        ) from error


def _current_context(kubeconfig: Path) -> str:
    return str(config.list_kube_config_contexts(str(kubeconfig))[1]["name"])  # type: ignore[no-untyped-call]


def connection(kubeconfig: Path, context: str | None) -> client.ApiClient:
    """Return a client of a kubeconfig's cluster, which is not asked yet.

    Raises:
        LabError: the kubeconfig or its context is missing, or it is none.
    """
    if not kubeconfig.is_file():
        raise LabError(f"there is no kubeconfig {kubeconfig}.", "Name the one of your cluster: KUBECONFIG=...")
    try:
        return config.new_client_from_config(str(kubeconfig), context)  # type: ignore[no-untyped-call, no-any-return]
    except (
        config.ConfigException,
        yaml.YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
    ) as error:  # it takes a file's form for granted
        said = " ".join(str(error).split())[:200]
        raise LabError(f"{kubeconfig} cannot be used: {said}", f"It needs the context '{context}'." if context else "Mend it.") from error


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
    """

    stack: str
    outputs: Mapping[str, Any] = field(repr=False)
    kubeconfig: Path
    context: str | None = None

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
        """Whether the stack's first set-up makes the administrator whom the outputs name; a stack of before says nothing of it and did."""
        return bool(self.outputs.get("administrator_made", True))

    @property
    def administrator_password(self) -> str:
        """The first administrator's password: an output, or in a Secret of somebody else that the outputs name.

        Raises:
            LabError: that Secret is not there (any more), or does not hold it.
        """
        elsewhere = self.outputs.get("administrator_secret")
        if elsewhere is None:
            return str(self.outputs["administrator_password"])
        name, key = str(elsewhere["name"]), str(elsewhere["key"])
        remedy = "Put it back, or name another under credentials.existing.administrator and deploy."
        try:
            found = (self.api().read_namespaced_secret(name, self.namespace).data or {}).get(key)
        except client.ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            problem = f"namespace {self.namespace} has no Secret {name}, which holds the administrator's password."
            raise LabError(problem, remedy) from error
        if found is None:
            raise LabError(f"Secret {name} of namespace {self.namespace} has no key {key}, which is the administrator's password.", remedy)
        return base64.b64decode(found).decode()

    def api(self) -> client.CoreV1Api:
        """Return a client of its cluster."""
        return client.CoreV1Api(connection(self.kubeconfig, self.context))

    def node_ports(self) -> dict[str, int]:
        """Return the node ports of its public Service by name (``https``, ``http``); none where a failed deployment has not made it."""
        try:
            service = self.api().read_namespaced_service(PUBLIC_SERVICE, self.namespace)
        except client.ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}
            raise
        ports = (service.spec.ports if service.spec else None) or []
        return {str(port.name): port.node_port for port in ports if port.node_port}

    def is_ready(self, name: str) -> bool:
        """Return whether every copy of Deployment ``name`` is of its newest form and ready; so is one that the stack does not have."""
        try:
            found: Any = client.AppsV1Api(connection(self.kubeconfig, self.context)).read_namespaced_deployment(name, self.namespace)
        except client.ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return True
            raise
        found = client.ApiClient().sanitize_for_serialization(found)  # type: ignore[no-untyped-call]
        status, wanted = found.get("status") or {}, found["spec"].get("replicas", 1)
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        return bool(seen and status.get("updatedReplicas", 0) == wanted and status.get("readyReplicas", 0) == wanted)

    def has_own_database(self) -> bool:
        """Whether its database runs in its namespace, and is not one of somebody else."""
        try:
            self.api().read_namespaced_pod(DATABASE_POD, self.namespace)
        except client.ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def sql(self, statement: str) -> list[list[str]]:
        """Return the rows of a query, run as root on the database's own socket; its password stays in the Pod.

        Raises:
            LabError: the database does not answer.
        """
        database = str(self.outputs["database_name"])
        script = 'MYSQL_PWD="$(cat "$MARIADB_ROOT_PASSWORD_FILE")" exec mariadb --user=root --batch --skip-column-names "$1" --execute "$2"'
        answer = self.exec(DATABASE_POD, ["sh", "-c", script, "sh", database, statement])
        return [line.split("\t") for line in answer.splitlines()]

    def exec(self, pod: str, command: list[str]) -> str:
        """Return what ``command`` printed in ``pod``.

        Raises:
            LabError: it ended with another code than 0.
        """
        session = stream(
            self.api().connect_get_namespaced_pod_exec,
            pod,
            self.namespace,
            command=command,
            stderr=True,
            stdout=True,
            stdin=False,
            tty=False,
            _preload_content=False,
        )
        session.run_forever(timeout=60)
        if session.returncode != 0:
            raise LabError(
                f"'{command[0]}' in Pod {pod} ended with code {session.returncode}.",
                "It said:",
                session.read_stdout() + session.read_stderr(),
            )
        return str(session.read_stdout())

    def tags(self) -> list[Tag]:
        """Return every tag that Portus has recorded."""
        return [Tag(**dict(zip(Tag.__slots__, row, strict=True))) for row in self.sql(TAGS)]
