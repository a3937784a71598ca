"""A database that somebody else runs, as the same endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components.common.base import ServiceComponent
from components.common.pods import SecretKey
from components.mariadb.endpoint import DatabaseEndpoint
from components.settings.secrets import ExistingSecret

if TYPE_CHECKING:
    from pydantic import SecretStr

    from components.settings.database import ExternalDatabase


class ExternalMariaDb(ServiceComponent):
    """The endpoint that the stack file describes; creates nothing."""

    endpoint: DatabaseEndpoint

    def __init__(self, name: str, *, settings: ExternalDatabase, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("database:ExternalMariaDb", name, opts)
        self.endpoint = DatabaseEndpoint(
            host=settings.host,
            port=settings.port,
            name=settings.name,
            user=settings.user,
            password=_password(settings.password),
            ready=(),
        )
        self.register_outputs({"host": self.endpoint.host})


def _password(source: SecretStr | ExistingSecret) -> pulumi.Output[str] | SecretKey:
    if isinstance(source, ExistingSecret):
        return SecretKey(source.secret, source.key)
    return pulumi.Output.secret(source.get_secret_value())
