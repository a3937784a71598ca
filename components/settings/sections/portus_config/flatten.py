"""The settings that Portus gets as a flat list: those that the stack file sets, and those that follow from others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic.fields import FieldInfo

from components.common.versions import PortusVersion
from components.settings.types.base import Section
from components.settings.types.known_by import EVERY, Since
from components.settings.types.secrets import ExistingSecret

if TYPE_CHECKING:
    from components.settings.stack import StackSettings


@dataclass(frozen=True, slots=True)
class Leaf:
    """A setting that the stack file says, with its path and the versions that know it."""

    path: tuple[str, ...]
    value: object
    versions: Since = EVERY

    @property
    def key(self) -> str:
        """The full key in the stack file."""
        return "portus.config." + ".".join(self.path)


def leaves(section: Section, path: tuple[str, ...] = (), versions: Since = EVERY) -> Iterator[Leaf]:
    """Yield every setting under ``section`` that has a value, in the order of the models. No default has one."""
    if not section.model_fields_set:
        return
    for name, key, known in known_keys(type(section), versions):
        value = getattr(section, name)
        here = (*path, key)
        if isinstance(value, Section) and not isinstance(value, ExistingSecret):
            yield from leaves(value, here, known)
        elif value is not None:
            yield Leaf(here, value, known)


@cache
def known_keys(model: type[Section], outer: Since) -> tuple[tuple[str, str, Since], ...]:
    """Return (name, key, versions that know it) of each setting of ``model``, a section that ``outer`` knows."""
    return tuple((name, field.alias or name, versions_of(field, outer)) for name, field in model.model_fields.items())


def versions_of(field: FieldInfo, outer: Since) -> Since:
    """Return the versions that know ``field`` of a section that ``outer`` knows."""
    own = next((entry for entry in field.metadata if isinstance(entry, Since)), None)
    return own.within(outer) if own else outer


SUBMISSION_PORT: Final = 587
"""Of mail submission (RFC 6409), and what the stray comma in Portus' "587," meant."""


def all_leaves(stack: StackSettings) -> Iterator[Leaf]:
    """Yield every setting that Portus gets: what the stack file says, and what follows from it."""
    yield from leaves(stack.portus.config)
    yield from _mail(stack)  # what Portus ships in its place is wrong


def _mail(stack: StackSettings) -> Iterator[Leaf]:
    mail = stack.portus.config.email
    if not mail.smtp.enabled:
        return
    if mail.smtp.port is None:
        yield Leaf(("email", "smtp", "port"), SUBMISSION_PORT)
    if mail.smtp.domain is None:
        yield Leaf(("email", "smtp", "domain"), stack.host)
    if mail.reply_to is None and mail.from_ is not None and stack.portus.version < PortusVersion.V2_4:
        yield Leaf(("email", "reply_to"), mail.from_)
