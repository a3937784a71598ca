"""Portus' namespaces, users and roles as requests to Harbor's API 2.0; pure.

Bodies and limits are those of Harbor's ``api/v2.0/swagger.yaml`` and its own checks (src/server/v2.0/handler/user.go,
src/pkg/project/manager.go) as of 2026-08.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ops.export.model import Namespace, Portus, Role, User, Visibility

ROLE_IDS: Final = {Role.OWNER: 1, Role.CONTRIBUTOR: 2, Role.VIEWER: 3}
"""projectAdmin, developer, guest."""

PROJECT_NAME: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
ILLEGAL_IN_NAMES: Final = set(',"~#%$')
EMAIL: Final = re.compile(r"[^<>()\[\].,;:\s@\"\\]+(\.[^<>()\[\].,;:\s@\"\\]+)*@([a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}")
LONGEST: Final = 255
OWN_ADMINISTRATOR: Final = "admin"
"""Harbor has this account from its beginning."""
GLOBAL_PROJECTS: Final = ("library", "global")
"""Harbor has no repository outside a project, and ``library`` from its beginning."""


def projects(portus: Portus) -> dict[str, str]:
    """Return the namespace's name -> the project that takes its repositories."""
    taken = {each.name for each in portus.moving if not each.is_global}
    top = next(name for name in (*GLOBAL_PROJECTS, *(f"global-{number}" for number in range(len(taken) + 1))) if name not in taken)
    return {each.name: top if each.is_global else each.name for each in portus.moving}


def plan(portus: Portus) -> dict[str, Any]:
    """Return ``harbor.json``.

    The keys: ``users`` (bodies of ``POST /users``, each still without its ``password``), ``system_administrators`` (``PUT
    /users/{user_id}/sysadmin``), ``projects`` (``project``: body of ``POST /projects``; ``members``: bodies of ``POST
    /projects/{project_name}/members``), ``by_directory`` (users who are not made but come with their first login), and ``look_at``
    (what has no equivalent, or what Harbor would refuse).
    """
    names = projects(portus)
    leaving = [user for user in portus.users if user.leaves]
    local = [user for user in leaving if not user.ldap and not user.provider]
    return {
        "api": "/api/v2.0",
        "users": [_user(user) for user in local if user.name != OWN_ADMINISTRATOR],
        "system_administrators": [user.name for user in leaving if user.admin and user.name != OWN_ADMINISTRATOR],
        "by_directory": [user.name for user in leaving if user not in local],
        "projects": [_project(portus, each, names[each.name]) for each in portus.moving],
        "look_at": [*_accounts_to_look_at(portus, local), *_namespaces_to_look_at(portus, names)],
    }


def _user(user: User) -> dict[str, Any]:
    return {"username": user.name, "email": user.email or "", "realname": user.display_name or user.name}


def _project(portus: Portus, namespace: Namespace, name: str) -> dict[str, Any]:
    public = namespace.readers is Visibility.PUBLIC
    return {
        "project": {"project_name": name, "metadata": {"public": "true" if public else "false"}},
        "members": [{"role_id": ROLE_IDS[member.role], "member_user": {"username": member.user}} for member in portus.members(namespace)],
    }


def _accounts_to_look_at(portus: Portus, local: Iterable[User]) -> Iterator[str]:
    for user in portus.users:
        if not user.enabled:
            yield f"user {user.name} is disabled: neither made nor made a member."
    for user in local:
        if user.name == OWN_ADMINISTRATOR:
            yield f"user {user.name}: Harbor has its own of that name, with the password that it was installed with."
            continue
        if not user.email or not EMAIL.fullmatch(user.email):
            yield f"user {user.name}: Harbor wants an e-mail address, not '{user.email or ''}'."
        for what, text in (("name", user.name), ("display name", user.display_name or user.name)):
            if len(text) > LONGEST or ILLEGAL_IN_NAMES & set(text):
                yield f"user {user.name}: Harbor refuses this {what}."
        if user.bot:
            yield f"user {user.name} is a bot: here an ordinary user, so that its login keeps its name; a robot account would have another."


def _namespaces_to_look_at(portus: Portus, names: dict[str, str]) -> Iterator[str]:
    for namespace in portus.moving:
        project = names[namespace.name]
        if namespace.is_global:
            yield f"the global namespace becomes project {project}: its images get '{project}/' in front of their names."
        elif len(project) > LONGEST or not PROJECT_NAME.fullmatch(project):
            yield f"namespace {namespace.name}: Harbor refuses this name for a project."
        if namespace.readers is Visibility.PROTECTED:
            yield f"namespace {namespace.name} is open to all users; Harbor knows no such thing: project {project} is private, add members."
        if namespace.webhooks:
            yield f"namespace {namespace.name} has {len(namespace.webhooks)} webhooks: Harbor's have another content, make them by hand."
