"""How zot 2 and Harbor 2 decide, by their own published sources: zot's pkg/api/authz.go, Harbor's src/common/rbac."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
