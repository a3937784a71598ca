"""What an environment table of Portus is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.common.pods import SecretKey
    from components.common.trust import TlsFiles
    from components.mariadb import DatabaseEndpoint
    from components.settings.stack import StackSettings

SECRET_KEY_BASE: Final = "secret-key-base"  # noqa: S105 - a key's name
PORTUS_PASSWORD: Final = "portus-password"  # noqa: S105 - a key's name
ADMINISTRATOR: Final = "administrator-password"
DATABASE_PASSWORD: Final = "database-password"  # noqa: S105 - a key's name


@dataclass(frozen=True, kw_only=True, slots=True)
class PortusSecrets:
    """The Secrets that Portus' containers read.

    Args:
        keys: where each secret stands: SECRET_KEY_BASE, PORTUS_PASSWORD, DATABASE_PASSWORD and those of Portus' own settings.
        administrator: where the first administrator's password stands.
        tls: where certificate, keys and trusted authorities stand.
    """

    keys: Mapping[str, SecretKey]
    administrator: SecretKey
    tls: TlsFiles


@dataclass(frozen=True, kw_only=True, slots=True)
class PortusInputs:
    """The facts behind a container's environment.

    Args:
        stack: the stack file.
        database: where Portus keeps its state.
        secrets: the Secrets its containers read.
    """

    stack: StackSettings
    database: DatabaseEndpoint
    secrets: PortusSecrets
