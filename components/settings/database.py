"""Where Portus keeps its state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from components.settings.base import Section, broken
from components.settings.cluster import ClaimSettings, WorkloadResources
from components.settings.secrets import SafeSecretSource
from components.settings.types import NetworkHost, Port

DatabaseName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
DatabaseUser = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class InClusterDatabase(Section):
    """MariaDB as a StatefulSet of this stack with a claim of its own."""

    kind: Literal["in_cluster"] = "in_cluster"
    name: DatabaseName = "portus_production"
    """Portus' own default."""
    user: DatabaseUser = "portus"
    backup_user: DatabaseUser = "portus_backup"
    """May only read and lock: SELECT, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER."""
    claim: ClaimSettings = ClaimSettings()
    resources: WorkloadResources = WorkloadResources()
    innodb_buffer_pool_size: Annotated[str, Field(pattern=r"^[1-9][0-9]*[MG]$")] = "256M"
    """MariaDB's name and notation. Portus' data is small: 256M holds it whole."""
    max_connections: Annotated[int, Field(ge=20, le=2000)] = 150


def _no_postgresql(value: object) -> object:
    if value in {"postgresql", "postgres", "pg"}:
        raise broken(
            "is mysql2: on PostgreSQL Portus' own readiness check ends in a NameError, and no Pod gets ready (SUSE/Portus#1697)",
            "use MariaDB or MySQL",
        )
    return value


Adapter = Annotated[Literal["mysql2"], BeforeValidator(_no_postgresql)]


class ExternalDatabase(Section):
    """A MariaDB or MySQL that somebody else runs; utf8 with utf8_unicode_ci, the user owning the database."""

    kind: Literal["external"]
    adapter: Adapter = "mysql2"
    """Portus' name. PostgreSQL is refused: its readiness check ends in a NameError (SUSE/Portus#1697)."""
    host: NetworkHost
    """The server, as Portus' Pods reach it."""
    port: Port = 3306
    """Portus 2.0-2.2 cannot be told another one."""
    name: DatabaseName = "portus_production"
    user: DatabaseUser
    """Owns the database."""
    password: SafeSecretSource
    """The user's password."""


DatabaseSettings = Annotated[InClusterDatabase | ExternalDatabase, Field(discriminator="kind")]
