"""What Portus has to know of a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from components.common.pods import SecretInput


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseEndpoint:
    """Where the database is and as whom to connect.

    Args:
        password: secret, or the key of an existing Secret.
        ready: resources that have to be up before a client starts: an endpoint answers only then, and Portus gives up after 90 s.
    """

    host: str
    port: int
    name: str
    user: str
    password: SecretInput
    ready: tuple[pulumi.Resource, ...]


class Database(Protocol):
    """Something that offers an endpoint."""

    endpoint: DatabaseEndpoint

    def revoke_previous_passwords(self, *, after: Sequence[pulumi.Resource]) -> None:
        """Revoke the previous passwords of a rotation, once ``after``, all clients, are ready with the new ones."""
