"""An external database, as the same endpoint; a Job checks that Portus can use it before Portus starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.batch import v1 as batch

from components.common import jobs, names, pods
from components.common.base import ServiceComponent
from components.common.objects import config_map, secret_keys
from components.mariadb.configuration import CLIENT_RESOURCES, PRIVILEGES
from components.mariadb.endpoint import DatabaseEndpoint
from components.settings.types.secrets import ExistingSecret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from components.common.stack_context import StackContext
    from components.settings.sections.database import ExternalDatabase

PREFLIGHT: Final = Path(__file__).parent / "scripts" / "preflight.sh"
SCRIPTS: Final = "/scripts"
PASSWORD: Final = "password"  # noqa: S105 - a key's name

BACKOFF_LIMIT: Final = 1
"""The script itself waits a minute for a server that does not answer; everything else it finds stays so."""


class ExternalMariaDb(ServiceComponent):
    """The endpoint that the stack file describes; ``ready`` is the Job that found it fit.

    Args:
        image: MariaDB's, for its client.
    """

    endpoint: DatabaseEndpoint

    def __init__(
        self, name: str, *, settings: ExternalDatabase, image: str, context: StackContext, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("database:ExternalMariaDb", name, opts)
        self._name = name
        self._context = context
        self._labels = context.labels(name=names.DATABASE, component=names.BOOTSTRAP)
        password = _password(settings.password)
        self.endpoint = DatabaseEndpoint(
            host=settings.host,
            port=settings.port,
            name=settings.name,
            user=settings.user,
            password=password,
            ready=(self._preflight(settings, image, self._key(password)),),
        )
        self.register_outputs({"host": self.endpoint.host})

    def revoke_previous_passwords(self, *, after: Sequence[pulumi.Resource]) -> None:
        """Do nothing: the accounts are not this stack's (docs/operate/credentials.md)."""

    def _key(self, password: pulumi.Output[str] | pods.SecretKey) -> pods.SecretKey:
        options = self.child(after=self._context.after)
        return secret_keys(f"{self._name}-account", {PASSWORD: password}, self._labels, self._context, options)[PASSWORD]

    def _preflight(self, settings: ExternalDatabase, image: str, password: pods.SecretKey) -> batch.Job:
        text = {PREFLIGHT.name: PREFLIGHT.read_text(encoding="utf-8")}
        scripts = config_map(f"{self._name}-preflight", text, self._labels, self._context, self.child(after=self._context.after))
        container = pods.container(
            "preflight",
            image,
            self._context,
            PRIVILEGES,
            resources=CLIENT_RESOURCES,
            environment={
                "HOST": settings.host,
                "PORT": str(settings.port),
                "DATABASE": settings.name,
                "ACCOUNT": settings.user,
                "MYSQL_PWD": password,
            },
            command=["/bin/sh", f"{SCRIPTS}/{PREFLIGHT.name}"],
            mounts=[pods.mount("scripts", SCRIPTS)],
        )
        spec = jobs.job_spec(
            self._labels,
            self._context,
            PRIVILEGES,
            steps=[container],
            volumes=[pods.config_volume("scripts", scripts.metadata.name, mode=pods.EXECUTABLE)],
            backoff_limit=BACKOFF_LIMIT,
        )
        return batch.Job(
            f"{self._name}-preflight", metadata=self._context.metadata(self._labels), spec=spec, opts=jobs.job_options(self, ())
        )


def _password(source: SecretStr | ExistingSecret) -> pulumi.Output[str] | pods.SecretKey:
    if isinstance(source, ExistingSecret):
        return pods.SecretKey(source.secret, source.key)
    return pulumi.Output.secret(source.get_secret_value())
