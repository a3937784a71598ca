"""Portus' config.yml, key by key, with the versions that know each.

An unset key (None) is not exported, so Portus keeps its own default: nothing empty ever reaches the environment, where any
non-empty text counts as true. Source: config/config.yml of branches v2.0-v2.5 (contract.md, "config.yml settings").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from components.common.versions import PortusVersion
from components.settings.base import Section


@dataclass(frozen=True, slots=True)
class Since:
    """The first (and last, if gone since) version that knows a setting."""

    first: str
    last: str = "2.5"

    def knows(self, version: PortusVersion) -> bool:
        """Whether ``version`` reads the setting."""
        return self.first <= version.value <= self.last

    def __str__(self) -> str:
        """Return the range in words."""
        return f"{self.first} to {self.last}" if self.first != self.last else self.first


Enabled = bool | None


class Switch(Section):
    """A feature that is on or off."""

    enabled: Enabled = None


class SignUp(Switch):
    """Whether visitors may make themselves an account. Portus' default: on."""


class FirstUserAdmin(Switch):
    """Whether the first user becomes an administrator. Portus' default: on; the first set-up needs it."""


class Gravatar(Switch):
    """Pictures from gravatar.com. Portus' default: on."""


class Delete(Switch):
    """Deletion of images and tags. Portus' default: off."""


class AnonymousBrowsing(Switch):
    """Whether visitors see the public images. Portus' default: on."""


class Minutes(Section):
    """A number of minutes."""

    value: Annotated[int, Field(ge=1, le=24 * 60)] | None = None


class Count(Section):
    """A number of items."""

    value: Annotated[int, Field(ge=1, le=1000)] | None = None


class Seconds(Section):
    """A number of seconds."""

    value: Annotated[int, Field(ge=1, le=3600)] | None = None


class DisplayName(Section):
    """How users appear."""

    enabled: Enabled = None


class RegistryClient(Section):
    """Portus as the registry's client and token issuer."""

    jwt_expiration_time: Minutes = Minutes()
    """Minutes a token lives: a push that lasts longer ends in "authentication required" (SUSE/Portus#510). Portus' default: 15 from 2.4
    on, 5 before."""
    catalog_page: Count = Count()
    timeout: Annotated[Seconds, Since("2.3")] = Seconds()
    read_timeout: Annotated[Seconds, Since("2.3")] = Seconds()


class PortusConfig(Section):
    """Portus' own settings."""

    signup: SignUp = SignUp()
    first_user_admin: FirstUserAdmin = FirstUserAdmin()
    gravatar: Gravatar = Gravatar()
    display_name: Annotated[DisplayName, Since("2.1")] = DisplayName()
    delete: Annotated[Delete, Since("2.1")] = Delete()
    anonymous_browsing: Annotated[AnonymousBrowsing, Since("2.2")] = AnonymousBrowsing()
    registry: Annotated[RegistryClient, Since("2.1")] = RegistryClient()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A setting that the stack file says, with its path and the versions that know it."""

    path: tuple[str, ...]
    value: object
    versions: Since


def leaves(section: Section, path: tuple[str, ...] = (), versions: Since | None = None) -> Iterator[Leaf]:
    """Yield every setting under ``section`` that has a value, in the order of the models."""
    inherited = versions or Since("2.0")
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        known = _versions(field) or inherited
        if isinstance(value, Section):
            yield from leaves(value, (*path, name), known)
        elif value is not None:
            yield Leaf((*path, name), value, known)


def _versions(field: FieldInfo) -> Since | None:
    return next((entry for entry in field.metadata if isinstance(entry, Since)), None)
