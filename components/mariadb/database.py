"""The one place that chooses where the database runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from components.mariadb.external import ExternalMariaDb
from components.mariadb.in_cluster import InClusterMariaDb
from components.mariadb.passwords import MariaDbPasswords
from components.settings.sections.database import ExternalDatabase, InClusterDatabase

if TYPE_CHECKING:
    import pulumi

    from components.common.stack_context import StackContext
    from components.credentials import Credentials
    from components.mariadb.endpoint import Database
    from components.settings.sections.database import DatabaseSettings


def database(
    name: str,
    settings: DatabaseSettings,
    *,
    image: str,
    credentials: Credentials,
    context: StackContext,
    opts: pulumi.ResourceOptions | None = None,
) -> Database:
    """Return the database that the stack file asks for."""
    match settings:
        case InClusterDatabase():
            passwords = MariaDbPasswords(
                root=credentials.root_versions,
                application=credentials.application_versions,
                backup=credentials.backup_versions,
            )
            return InClusterMariaDb(name, settings=settings, image=image, passwords=passwords, context=context, opts=opts)
        case ExternalDatabase():
            return ExternalMariaDb(name, settings=settings, image=image, context=context, opts=opts)
        case _:
            assert_never(settings)
