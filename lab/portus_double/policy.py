"""Who may do what with a namespace or the registry's catalogue: pure rules over plain facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from .release import Release


class Visibility(IntEnum):
    """A namespace's visibility, as stored."""

    PRIVATE = 0
    PROTECTED = 1
    PUBLIC = 2


class Role(IntEnum):
    """A member's role in a team, as stored."""

    VIEWER = 0
    CONTRIBUTOR = 1
    OWNER = 2


@dataclass(frozen=True)
class Actor:
    """The one who asks. ``namespace_id`` is the personal namespace, None for a bot."""

    username: str
    admin: bool = False
    namespace_id: int | None = None


@dataclass(frozen=True)
class Place:
    """A namespace as its rules see it.

    Args:
        namespace_id: None for a name that no namespace has.
        role: the asker's role in the namespace's team, None for a stranger.
    """

    namespace_id: int | None = None
    visibility: Visibility | None = Visibility.PRIVATE
    is_global: bool = False
    role: Role | None = None


@dataclass(frozen=True)
class Limits:
    """The settings that limit what users may do."""

    push_policy: str = "allow-teams"
    delete_enabled: bool = True
    contributors_delete: bool = False
    create_namespace: bool = True
    manage_namespace: bool = True
    change_visibility: bool = True


class Policy:
    """One asker, one place. Each method answers for one action; asking for an unknown action answers no.

    Args:
        actor: None for an anonymous client.
    """

    def __init__(self, release: Release, limits: Limits, actor: Actor | None, place: Place) -> None:
        self._release = release
        self._limits = limits
        self._actor = actor
        self._place = place

    def allows(self, action: str) -> bool:
        """Return whether the action is allowed.

        A scope may name any action the genuine policy has a rule for, not only a registry's own: ``show`` or ``owner`` end in the
        token as well, where no registry looks for them.
        """
        if action in {"delete", "destroy"} and not self._release.delete_exists:
            return False
        rules: dict[str, Callable[[], bool]] = {
            "pull": self.pull,
            "show": self.pull,
            "push": self.push,
            "index": lambda: self._admin or self._place.role is not None,
            "create": lambda: (self._limits.create_namespace or self._admin) and self.push(),
            "update": self.update,
            "all": self.delete if self._release.delete_exists else self.push,
            "delete": self.delete,
            "destroy": lambda: not self._place.is_global and self.delete(),
            "change_visibility": self.change_visibility,
            "change_team": lambda: self._admin or (self._limits.manage_namespace and self._owner),
            "owner": lambda: self._owner,
            "contributor": lambda: self._place.role is Role.CONTRIBUTOR,
            "viewer": lambda: self._place.role is Role.VIEWER,
            "member": lambda: self._place.role is not None,
        }
        rule = rules.get(action)
        if rule is None or (self._actor is None and action not in {"pull", "show"}):
            return False
        return rule()

    def pull(self) -> bool:
        """Everybody from a public namespace, every user from a protected or the global one, members and admins from the rest."""
        place = self._place
        if self._release.portus_pulls_all and self._actor is not None and self._actor.username == HIDDEN_USER:
            return True
        if place.visibility is Visibility.PUBLIC:
            return True
        if self._actor is None:
            return False
        return place.visibility is Visibility.PROTECTED or place.is_global or self._admin or place.role is not None

    def push(self) -> bool:
        """Admins, and whom ``user_permission.push_images.policy`` lets; an unknown policy lets no user, not even admins."""
        policy = self._limits.push_policy
        if self._actor is None or policy not in PUSH_POLICIES:
            return False
        if self._admin:
            return True
        if policy == "allow-personal":
            return self._actor.namespace_id is not None and self._actor.namespace_id == self._place.namespace_id
        return policy == "allow-teams" and self._place.role in {Role.OWNER, Role.CONTRIBUTOR}

    def delete(self) -> bool:
        """Admins and owners if deletion is on; contributors if ``delete.contributors`` is, too."""
        if self._actor is None or not self._limits.delete_enabled:
            return False
        return self._admin or self._owner or (self._limits.contributors_delete and self._place.role is Role.CONTRIBUTOR)

    def update(self) -> bool:
        """Admins, and owners where users may manage namespaces, as far as they may push."""
        return (self._admin or (self._limits.manage_namespace and self._owner)) and self.push()

    def change_visibility(self) -> bool:
        """Admins, and owners where users may change it; never a user for the global namespace."""
        return self._admin or (self._limits.change_visibility and not self._place.is_global and self._owner)

    @property
    def _admin(self) -> bool:
        return self._actor is not None and self._actor.admin

    @property
    def _owner(self) -> bool:
        return self._actor is not None and self._place.role is Role.OWNER


HIDDEN_USER: Final = "portus"
PUSH_POLICIES: Final = frozenset({"allow-personal", "allow-teams", "admin-only"})
