"""What is exported: Portus' records as plain values, and the document that ``portus.schema.json`` describes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

FORMAT: Final = "portus-export"
VERSION: Final = 1
"""Of the document ``portus.json``, whose schema names exactly its keys: other keys, or another meaning of one, are another version."""

SYSTEM_USER: Final = "portus"
"""Portus' own account, by which it asks the registry for its catalog; it ends with Portus."""


class Visibility(StrEnum):
    """Who pulls from a namespace beside its members: none, every user who is logged in, every client."""

    PRIVATE = "private"
    PROTECTED = "protected"
    PUBLIC = "public"


class Role(StrEnum):
    """What a member may do: pull; push, too; manage the team and its namespaces, too."""

    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    OWNER = "owner"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """Portus' record of the registry."""

    name: str
    hostname: str
    external_hostname: str | None
    use_ssl: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """An account, without what proves it.

    Args:
        ldap: whether a directory authenticates the user: Portus noted its name there, or holds neither a password nor a provider for it.
        provider: of OAuth or OpenID, None for none.
    """

    name: str
    email: str | None
    display_name: str | None
    admin: bool = False
    enabled: bool = True
    bot: bool = False
    ldap: bool = False
    provider: str | None = None

    @property
    def leaves(self) -> bool:
        """Whether it is a user of another registry, too."""
        return self.enabled and self.name != SYSTEM_USER


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A user's role in a team."""

    user: str
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """A team; a hidden one is a user's own, or that of the global namespace."""

    name: str
    description: str | None = None
    hidden: bool = False
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A tag as Portus recorded it.

    Args:
        size: of the image in bytes; only 2.5 knows it.
        pushed_at: of the last push, UTC.
        pushed_by: the user, or the name of one who is gone.
    """

    name: str
    digest: str | None
    size: int | None = None
    pushed_at: str | None = None
    pushed_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """A repository; ``name`` as the registry has it, with its namespace."""

    name: str
    description: str | None = None
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """A namespace's webhook.

    Args:
        url: without login and without the values of its query: both may be secrets.
        headers: their names.
        has_login: whether Portus logs in there.
    """

    name: str | None
    url: str
    enabled: bool
    method: str
    content_type: str
    headers: tuple[str, ...] = ()
    has_login: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Namespace:
    """A namespace with what is in it.

    Args:
        is_global: whether its repositories are those without a namespace in their names.
    """

    name: str
    is_global: bool
    visibility: Visibility
    description: str | None = None
    team: str | None = None
    repositories: tuple[Repository, ...] = ()
    webhooks: tuple[Webhook, ...] = ()

    @property
    def readers(self) -> Visibility:
        """Who can really pull: from the global namespace every user who is logged in, whatever its visibility."""
        return Visibility.PROTECTED if self.is_global and self.visibility is Visibility.PRIVATE else self.visibility


@dataclass(frozen=True, kw_only=True, slots=True)
class Portus:
    """All that Portus knows.

    Args:
        migration: of the schema, the newest.
        application_tokens: user -> how many; they cannot be taken along.
        events_waiting: pushes and deletions that Portus has not handled yet, so that its records are behind the registry.
    """

    migration: str | None
    registry: Registry | None
    users: tuple[User, ...] = ()
    teams: tuple[Team, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    application_tokens: Mapping[str, int] = field(default_factory=dict)
    events_waiting: int = 0

    def members(self, namespace: Namespace) -> tuple[Member, ...]:
        """Return the users with a role in a namespace; disabled users and Portus' own have none elsewhere."""
        leaving = {user.name for user in self.users if user.leaves}
        team = next((team for team in self.teams if team.name == namespace.team), None)
        return tuple(member for member in (team.members if team else ()) if member.user in leaving)

    @property
    def moving(self) -> tuple[Namespace, ...]:
        """The namespaces that move: all but the one of Portus' own account, as long as that is empty."""
        return tuple(each for each in self.namespaces if each.name != SYSTEM_USER or each.repositories)


def document(portus: Portus, *, stack: str, version: str, registry_host: str, exported_at: str) -> dict[str, Any]:
    """Return ``portus.json``.

    Args:
        version: of Portus.
        registry_host: the registry's public name, with the port where it is not 443.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": exported_at,
        "stack": stack,
        "portus_version": version,
        "registry_host": registry_host,
        **dataclasses.asdict(portus),
    }
