"""Scopes of a token request: how they are read, judged and merged into the token's ``access``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

_PARTS: Final = 3
_SEPARATOR: Final = re.compile(r"[&;] *")


class ScopeNotHandledError(Exception):
    """The scope cannot be read, or names an unknown type: the whole request is denied without a challenge."""


@dataclass(frozen=True)
class Scope:
    """One scope as requested: ``repository:alice/app:pull,push``."""

    kind: str
    name: str
    actions: tuple[str, ...]

    @property
    def namespace(self) -> str | None:
        """The namespace's name: the part before the first slash; None is the global namespace."""
        if "/" not in self.name:
            return None
        return self.name.split("/", 1)[0].strip() or None


def requested(query: str) -> list[str | None]:
    """Return the values of every ``scope`` in a raw query string, as Rack reads it (``&`` and ``;`` separate).

    ``scope`` without ``=`` is a request without a scope when it stands alone.
    """
    values: list[str | None] = []
    for part in _SEPARATOR.split(query):
        name, equals, value = part.partition("=")
        if unquote_plus(name) == "scope":
            values.append(unquote_plus(value) if equals else None)
    return [] if values == [None] else values


def parse(text: str) -> Scope:
    """Read one scope. The name ends at the second colon, so a port in it makes the rest an (unknown) action.

    Raises:
        ScopeNotHandledError: fewer than three parts, or a type that is neither ``repository`` nor ``registry``.
    """
    parts = text.split(":", _PARTS - 1)
    if len(parts) != _PARTS:
        raise ScopeNotHandledError("Wrong format for scope string")
    kind, name, actions = parts
    if kind not in {"repository", "registry"}:
        raise ScopeNotHandledError(f"Scope not handled: {kind}")
    return Scope(kind, name, tuple(_split_actions(actions)))


def granted(scope: Scope, allows: Callable[[str], bool]) -> list[str]:
    """Return the actions of a scope that stay, in the order asked for.

    Only what is judged can be taken away, and the genuine application does not judge everything: an action behind a leading ``*``
    stays even when the ``*`` goes, and of a ``registry`` scope only ``catalog:*`` is judged at all.

    Args:
        allows: the policy's answer for one action; ``all`` asks for ``*``.
    """
    leading = scope.actions[:1]
    if scope.kind == "registry":
        judged: Iterable[str] = ("all",) if scope.name == "catalog" and leading == ("*",) else ()
    else:
        judged = ("all",) if leading == ("*",) else scope.actions
    gone = {"*" if action == "all" else action for action in judged if not allows(action)}
    return [action for action in scope.actions if action not in gone]


def merge(scopes: Iterable[tuple[Scope, list[str]]]) -> list[dict[str, Any]]:
    """Return the token's ``access``: scopes of one resource together, those without an action left out."""
    merged: dict[tuple[str, str], list[str]] = {}
    for scope, actions in scopes:
        if not actions:
            continue
        key = (scope.kind, scope.name)
        merged[key] = list(dict.fromkeys(merged[key] + actions)) if key in merged else actions
    return [{"type": kind, "name": name, "actions": actions} for (kind, name), actions in merged.items()]


def _split_actions(text: str) -> list[str]:
    actions = text.split(",")
    while actions and not actions[-1]:
        actions.pop()
    return actions
