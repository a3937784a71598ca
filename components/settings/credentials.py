"""The generated secrets: their rotation counters."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

from components.settings.base import Later, Section, broken
from components.settings.secrets import UnquotedSecretSource
from components.settings.types import Generation, UnquotedSecret


def _first_only(value: int) -> int:
    if value != 1:
        raise broken(
            "database passwords do not follow a counter: MariaDB reads them at its first start only, and Portus would be locked out",
            "leave it at 1 until the rotation procedure is there",
        )
    return value


_AT_FIRST_START: Final = "MariaDB reads it at its first start only: who logs in with it would be locked out"

DatabaseGeneration = Annotated[Generation, AfterValidator(_first_only)]


class RotationSettings(Section):
    """One counter per secret; raising one makes a new value and rolls who uses it. Older values stay in the state."""

    secret_key_base: Annotated[Generation, Later("Portus rolls; every browser is logged out")] = 1
    """Signs Portus' session cookies: a new value logs every browser out, nothing else."""

    portus_password: Annotated[Generation, Later("Portus rolls")] = 1
    """Of the hidden user ``portus`` by which Portus reads the registry; set anew at each start of Portus."""

    http_secret: Annotated[Generation, Later("the registry restarts; uploads under way start again")] = 1
    """Of the registry: uploads under way at the moment of the change start again."""

    database_root: DatabaseGeneration = 1
    """Of MariaDB's administrator."""
    database_application: DatabaseGeneration = 1
    """Of Portus' account at MariaDB."""
    database_backup: DatabaseGeneration = 1
    """Of the backups' account at MariaDB."""


class ExistingCredentials(Section):
    """Secrets of a deployment that is taken over, in place of generated ones, which stay in the state unused."""

    secret_key_base: Annotated[UnquotedSecretSource | None, Later("Portus rolls; every browser is logged out")] = None
    """Signs Portus' session cookies."""
    portus_password: Annotated[UnquotedSecretSource | None, Later("Portus rolls")] = None
    """Of the hidden user ``portus``."""
    http_secret: Annotated[UnquotedSecret | None, Later("the registry restarts; uploads under way start again")] = None
    """The registry's ``http.secret``."""
    administrator: Annotated[UnquotedSecret | None, Later("nothing once there is a user")] = None
    """The first administrator's password."""
    database_root: Annotated[UnquotedSecret | None, Later(_AT_FIRST_START)] = None
    """Of MariaDB's administrator, where MariaDB runs in the cluster."""
    database_application: Annotated[UnquotedSecret | None, Later(_AT_FIRST_START)] = None
    """Of Portus' account at that MariaDB."""
    database_backup: Annotated[UnquotedSecret | None, Later(_AT_FIRST_START)] = None
    """Of the backups' account at that MariaDB."""


class CredentialSettings(Section):
    """Secrets that the stack generates and keeps in its state, or takes over."""

    rotation: RotationSettings = RotationSettings()
    existing: ExistingCredentials = ExistingCredentials()
