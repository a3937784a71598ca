"""Portus' rights as zot's access control; pure.

Keys and rules are those of zot 2's ``pkg/api/config`` and ``pkg/api/authz.go``: the longest pattern that matches a repository decides
alone; users of a policy, else every user by ``defaultPolicy``, else those without a login by ``anonymousPolicy``; ``adminPolicy`` last.
"""

from __future__ import annotations

from typing import Any, Final

from ops.export.model import Namespace, Portus, Role, Visibility

ACTIONS: Final = {
    Role.OWNER: ["read", "create", "update", "delete"],
    Role.CONTRIBUTOR: ["read", "create", "update"],
    Role.VIEWER: ["read"],
}
READ: Final = ["read"]


def configuration(portus: Portus) -> dict[str, Any]:
    """Return ``zot.json``: what is merged into zot's configuration beside address, TLS, storage and authentication.

    ``compat`` is what lets zot take Docker's own manifests, which nearly all of Portus' images are.
    """
    administrators = [user.name for user in portus.users if user.leaves and user.admin]
    return {
        "http": {
            "compat": ["docker2s2"],
            "accessControl": {
                "repositories": {_pattern(each): _policies(portus, each) for each in portus.moving},
                "adminPolicy": {"users": administrators, "actions": ACTIONS[Role.OWNER]},
            },
        }
    }


def _pattern(namespace: Namespace) -> str:
    """Return what matches a namespace's repositories, and no repository of the global one that has its name (``alice/**`` would)."""
    return "*" if namespace.is_global else f"{namespace.name}/**/*"


def _policies(portus: Portus, namespace: Namespace) -> dict[str, Any]:
    members = portus.members(namespace)
    policies = []
    for role, actions in ACTIONS.items():
        if users := [member.user for member in members if member.role is role]:
            policies.append({"users": users, "actions": actions})
    found: dict[str, Any] = {"policies": policies}
    # The two do not include each other: without defaultPolicy a login would take away what needs none.
    if namespace.readers is not Visibility.PRIVATE:
        found["defaultPolicy"] = READ
    if namespace.readers is Visibility.PUBLIC:
        found["anonymousPolicy"] = READ
    return found
