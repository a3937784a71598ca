"""The processes that run Portus' code, and what an environment table of them is made from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.common.pods import SecretKey
    from components.common.trust import TlsFiles
    from components.mariadb import DatabaseEndpoint
    from components.settings.stack import StackSettings


START_SECONDS: Final = 600
"""How long an image may take to start before it is ended: it boots Rails up to four times, and waits three minutes for its database."""

READY_SECONDS: Final = START_SECONDS + 180
"""What ``pulumi up`` waits for a copy: its start, the image's download, and the old one's end."""

UTF_8: Final = "C.UTF-8"
"""LANG of every container: without one Ruby takes texts of the environment for ASCII, and a filter of the directory with other letters
fails at every login (Encoding::CompatibilityError)."""


class Role(StrEnum):
    """What a container of Portus does."""

    WEB = "web"
    WORKER = "worker"
    TASK = "task"
    """A rake task, run once."""


class FirstSetUp(StrEnum):
    """How the first administrator and the registry's record are made."""

    API = "api"
    """``POST /api/v1/users/bootstrap`` and ``/api/v1/registries`` (2.4 on)."""
    RAKE = "rake"
    """``portusctl rake portus:create_registry`` and ``portus:create_user`` (2.1 on)."""
    BY_HAND = "by_hand"
    """On the pages of Portus (2.0)."""


SECRET_KEY_BASE: Final = "secret-key-base"  # noqa: S105 - a key's name
PORTUS_PASSWORD: Final = "portus-password"  # noqa: S105 - a key's name
ADMINISTRATOR: Final = "administrator-password"
DATABASE_PASSWORD: Final = "database-password"  # noqa: S105 - a key's name


@dataclass(frozen=True, kw_only=True, slots=True)
class PortusSecrets:
    """The Secrets that Portus' containers read.

    Args:
        keys: where each secret is: SECRET_KEY_BASE, PORTUS_PASSWORD, DATABASE_PASSWORD and those of Portus' own settings.
        administrator: where the first administrator's password is.
        tls: where certificate, keys and trusted authorities are.
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
