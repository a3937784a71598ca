"""A database that somebody else runs, as the same endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components.common.base import ServiceComponent
from components.mariadb.endpoint import DatabaseEndpoint

if TYPE_CHECKING:
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
            password=pulumi.Output.secret(settings.password.get_secret_value()),
            ready=(),
        )
        self.register_outputs({"host": self.endpoint.host})
