"""A deployed stack as a client sees it: its outputs, and what the cluster says of its public Service and its database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubernetes import client, config
from kubernetes.stream import stream
from urllib3.exceptions import HTTPError

from lab.errors import LabError

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
        LabError: the kubeconfig or its context is missing, or the cluster does not answer.
    """
    if not kubeconfig.is_file():
        raise LabError(f"there is no kubeconfig {kubeconfig}.", "Name the one of your cluster: KUBECONFIG=...")
    try:
        api = config.new_client_from_config(str(kubeconfig), context)  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        raise LabError(f"{kubeconfig} cannot be used: {error}", f"It needs the context '{context}'." if context else "Mend it.") from error
    api.configuration.retries = 1
    try:
        client.VersionApi(api).get_code(_request_timeout=ANSWER_SECONDS)
    except (client.ApiException, HTTPError) as error:
        said = str(error).splitlines()[0][:200]
        raise LabError(
            f"the cluster of {kubeconfig} does not answer: {said}", "Start it, or name another kubeconfig: KUBECONFIG=..."
        ) from error


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
        outputs: of the stack, secrets in clear.
        kubeconfig: of its cluster.
        context: of the kubeconfig, None for its current one.
    """

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

    def api(self) -> client.CoreV1Api:
        """Return a client of its cluster."""
        return client.CoreV1Api(config.new_client_from_config(str(self.kubeconfig), self.context))  # type: ignore[no-untyped-call]

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
