"""The generated passwords of a stack: where their values are in the cluster, and each as the state notes it."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import bcrypt

from ops.errors import OpsError
from ops.state.values import Resource, Secret, name_of

PASSWORD: Final = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type
META: Final = '{"schema_version":"3"}'
"""Of the Terraform resource behind it. A state without it counts as an old one, and the plugin replaces the password."""
DEFAULTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("lower", "upper", "numeric", "special"), True),
    **dict.fromkeys(("minLower", "minUpper", "minNumeric", "minSpecial"), 0),
}
SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
HASHED_BYTES: Final = 72
COST: Final = 10
"""As the plugin makes ``bcryptHash``, which this program does not use."""

CURRENT: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "credentials-secret-key-base": [("portus-credentials", "secret-key-base")],
    "credentials-portus-password": [("portus-credentials", "portus-password")],
    "credentials-http-secret": [("registry-http", "http-secret")],
    "credentials-database-root": [("mariadb-credentials", "root-password")],
    "credentials-database-application": [("mariadb-credentials", "password")],
    "credentials-database-backup": [("mariadb-credentials", "backup-password"), ("backup-accounts", "reader")],
    "credentials-administrator": [("portus-credentials", "administrator-password")],
    "registry-cache-password": [("registry-cache-credentials", "password")],
}
"""Password without its number -> Secret and key that hold the value in use, by logical names."""
PREVIOUS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "credentials-database-root": [("mariadb-credentials", "previous-root-password")]
}
"""Where the value before it is."""
LOGINS: Final = ("credentials-database-root", "mariadb-rotation-files", "login-{:02}")
"""Password, Secret and key: the Secret of a rotation holds each value that root has had."""

_NUMBERED: Final = re.compile(r"(.+?)(?:-(\d+))?$")


def places(name: str, newest: int) -> list[tuple[str, str]]:
    """Return the Secrets and keys that hold the value of the password ``name``.

    Args:
        newest: the highest number of its kind.
    """
    role, number = _numbered(name)
    found = list(CURRENT.get(role, ())) if number == newest else []
    found += PREVIOUS.get(role, ()) if number == newest - 1 else ()
    if role == LOGINS[0]:
        found.append((LOGINS[1], LOGINS[2].format(number)))
    return found


def recovered(planned: Sequence[Resource], content: Callable[[str, str], str | None]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the passwords by URN as the state notes them, and the names of those that got a new value.

    A password on which no object depends is one of a rotation before, or is replaced by one of the stack file. Nothing reads it, so it gets
    a new value.

    Args:
        planned: all resources of the program.
        content: gives the text of a Secret at a key.

    Raises:
        OpsError: the cluster does not hold a password that is in use.
    """
    passwords = [each for each in planned if each["type"] == PASSWORD]
    used = {urn for each in planned if str(each["type"]).startswith("kubernetes:") for urn in each.get("dependencies") or ()}
    newest: dict[str, int] = {}
    for role, number in map(_numbered, map(name_of, passwords)):
        newest[role] = max(newest.get(role, 0), number)
    made, new = {}, []
    for each in passwords:
        name = name_of(each)
        if each["urn"] in used:
            value = _found(name, places(name, newest[_numbered(name)[0]]), content)
        else:
            value = generated({**DEFAULTS, **each["inputs"]})
            new.append(name)
        made[str(each["urn"])] = noted(each["inputs"], value)
    return made, new


def _found(name: str, where: Sequence[tuple[str, str]], content: Callable[[str, str], str | None]) -> str:
    for secret, key in where:
        if (value := content(secret, key)) is not None:
            return value
    places = " or ".join(f"key {key} of Secret {secret}-..." for secret, key in where) or "no Secret that this command knows"
    raise OpsError(
        f"the password {name} must be in the cluster, in {places}, and is not.",
        "restore that Secret with the old value (docs/operate/lost.md#secrets-that-the-cluster-does-not-have). Nothing was changed.",
    )


def noted(inputs: Mapping[str, Any], value: str) -> dict[str, Any]:
    """Return id, inputs and outputs of a password. The id says nothing of the value: Pulumi encrypts no id."""
    meant = {**DEFAULTS, **inputs}
    hashed = bcrypt.hashpw(value.encode()[:HASHED_BYTES], bcrypt.gensalt(COST, prefix=b"2a")).decode()
    outputs = {**meant, "number": meant["numeric"], "id": "none", "__meta": META, "result": Secret(value), "bcryptHash": Secret(hashed)}
    return {"id": "none", "inputs": dict(inputs), "outputs": outputs}


def generated(inputs: Mapping[str, Any]) -> str:
    """Return a new value of the characters that complete ``inputs`` allow."""
    classes = {
        "lower": string.ascii_lowercase,
        "upper": string.ascii_uppercase,
        "numeric": string.digits,
        "special": inputs.get("overrideSpecial") or SPECIAL,
    }
    characters = "".join(text for name, text in classes.items() if inputs[name])
    return "".join(secrets.choice(characters) for _ in range(int(inputs["length"])))


def _numbered(name: str) -> tuple[str, int]:
    """Return a name without its number, and the number; the first registry cache has none."""
    found = _NUMBERED.fullmatch(name)
    assert found is not None
    return found[1], int(found[2] or 1)
