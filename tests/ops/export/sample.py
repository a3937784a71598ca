"""A Portus with one of everything that an export has to tell apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ops.export.model import Member, Namespace, Portus, Registry, Repository, Role, Tag, Team, User, Visibility, Webhook
from ops.export.registry_client import Image, Inventory

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def portus() -> Portus:
    return Portus(
        migration="20190314173309",
        registry=Registry(name="registry", hostname="registry.example.com", external_hostname=None, use_ssl=True),
        users=(
            User(name="portus", email="portus@portus.com", display_name=None, admin=True),
            User(name="admin", email="admin@example.com", display_name=None, admin=True),
            User(name="root.boss", email="boss@example.com", display_name="The Boss", admin=True),
            User(name="alice", email="alice@example.com", display_name="Alice"),
            User(name="bob", email="", display_name=None),
            User(name="carol", email="carol@example.com", display_name=None, ldap=True),
            User(name="gone", email="gone@example.com", display_name=None, enabled=False),
            User(name="ci", email="ci@example.com", display_name=None, bot=True),
        ),
        teams=(
            Team(name="global", hidden=True, members=(Member(user="admin", role=Role.OWNER),)),
            Team(name="portus", hidden=True, members=(Member(user="portus", role=Role.OWNER),)),
            Team(name="alice", hidden=True, members=(Member(user="alice", role=Role.OWNER),)),
            Team(
                name="devs",
                description="who ships",
                members=(
                    Member(user="alice", role=Role.OWNER),
                    Member(user="ci", role=Role.CONTRIBUTOR),
                    Member(user="bob", role=Role.VIEWER),
                    Member(user="gone", role=Role.OWNER),
                ),
            ),
        ),
        namespaces=(
            Namespace(
                name="portus_global_namespace_1",
                is_global=True,
                visibility=Visibility.PUBLIC,
                team="global",
                repositories=(Repository(name="alice", tags=(Tag(name="7", digest=digest("a")),)),),
            ),
            Namespace(name="portus", is_global=False, visibility=Visibility.PRIVATE, team="portus"),
            Namespace(
                name="alice",
                is_global=False,
                visibility=Visibility.PRIVATE,
                team="alice",
                repositories=(
                    Repository(name="alice/app", tags=(Tag(name="1.0", digest=digest("b")), Tag(name="gone", digest=digest("c")))),
                    Repository(name="alice/a/b", tags=(Tag(name="1", digest=digest("d")),)),
                ),
            ),
            Namespace(
                name="products",
                is_global=False,
                visibility=Visibility.PUBLIC,
                team="devs",
                webhooks=(
                    Webhook(
                        name="build",
                        url="https://ci.example.com/hook?token=...",
                        enabled=True,
                        method="POST",
                        content_type="application/json",
                        headers=("X-Key",),
                        has_login=True,
                    ),
                ),
            ),
            Namespace(name="tools", is_global=False, visibility=Visibility.PROTECTED, team="devs"),
        ),
        application_tokens={"alice": 2},
    )


def inventory() -> Inventory:
    return Inventory(
        images=(
            Image(repository="alice", tag="7", digest=digest("a"), media_type=DOCKER),
            Image(repository="alice/a/b", tag="1", digest=digest("d"), media_type=DOCKER),
            Image(repository="alice/app", tag="1.0", digest=digest("e"), media_type=DOCKER),
            Image(repository="products/many", tag="2", digest=digest("f"), media_type=INDEX),
            Image(repository="products/oci", tag="0o7", digest=digest("0"), media_type=OCI),
        ),
        empty=("alice/emptied",),
        unread={"nowhere/app": "Portus gives its own account no right"},
    )


PULL, PUSH = "pull", "push"
ACTIONS = {PULL: "read", PUSH: "create"}
HARBOR_PUSHES = {1, 2, 4}
"""projectAdmin, developer, maintainer; a guest (3) only pulls."""


def matches(pattern: str, repository: str) -> bool:
    """Match as doublestar 4 does the patterns that occur here: ``**/`` is any number of folders, ``*`` stops at a slash."""
    assert "**" not in pattern.replace("**/", ""), "doublestar lets a trailing ** match the folder itself"
    expression = re.escape(pattern).replace(r"\*\*/", "(?:[^/]+/)*").replace(r"\*", "[^/]*")
    return re.fullmatch(expression, repository) is not None


def zot_allows(document: Mapping[str, Any], user: str | None, repository: str, action: str) -> bool:
    control, verb = document["http"]["accessControl"], ACTIONS[action]
    found = max((each for each in control["repositories"] if matches(each, repository)), key=len, default=None)
    group = control["repositories"].get(found, {})
    if any(user in policy["users"] and verb in policy["actions"] for policy in group.get("policies", ())):
        return True
    if verb in group.get("anonymousPolicy" if user is None else "defaultPolicy", ()):
        return True
    return user in control["adminPolicy"]["users"] and verb in control["adminPolicy"]["actions"]


def harbor_allows(document: Mapping[str, Any], user: str | None, project: str, action: str) -> bool:
    if user == "admin" or user in document["system_administrators"]:
        return True
    (found,) = (each for each in document["projects"] if each["project"]["project_name"] == project)
    roles = {each["role_id"] for each in found["members"] if each["member_user"]["username"] == user}
    if action == PULL and (roles or found["project"]["metadata"]["public"] == "true"):
        return True
    return action == PUSH and bool(roles & HARBOR_PUSHES)
