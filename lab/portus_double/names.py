"""How user names become namespace names, and which namespace names are allowed: the rules without a database."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

NAMESPACE: Final = re.compile(r"[a-z0-9]+(?:[._\\-][a-z0-9]+)*")
LONGEST: Final = 255
BAD_NAMESPACE: Final = "can only contain lower case alphanumeric characters, with optional underscores and dashes in the middle."
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
PASSWORD_LENGTH: Final = (8, 128)


def namespace_name(username: str, taken: Callable[[str], bool] = lambda _name: False) -> str | None:
    """Return the name of a user's personal namespace: lower case, trimmed to letters and digits, other characters as ``_``.

    Args:
        taken: whether a name is in use; then 0, 1, 2 ... is appended.

    Returns:
        None when no letter or digit is left to make a name of.
    """
    kept = re.search(r"[a-z0-9](?:.*[a-z0-9])?", username.lower(), re.DOTALL)
    if kept is None:
        return None
    plain = re.sub(r"[^a-z0-9\\._-]", "_", kept.group())
    name = re.sub(r"[._\\-]{2,}", "_", plain)[: LONGEST + 1]
    return None if not NAMESPACE.fullmatch(name) else free_name(name, taken)


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """Return ``name``, or ``name`` with the first number from 0 that makes it free."""
    candidate, number = name, 0
    while taken(candidate):
        candidate, number = f"{name}{number}", number + 1
    return candidate


def namespace_problems(name: str | None) -> list[str]:
    """Return what is wrong with a namespace's name, its uniqueness apart."""
    if not (name or "").strip():
        return ["can't be blank", *([BAD_NAMESPACE] if name is not None else [])]
    problems = [] if len(name or "") <= LONGEST else [f"is too long (maximum is {LONGEST} characters)"]
    return problems if NAMESPACE.fullmatch(name or "") else [*problems, BAD_NAMESPACE]


def password_problems(password: str | None) -> list[str]:
    """Return what is wrong with a password."""
    shortest, longest = PASSWORD_LENGTH
    if not (password or "").strip():
        return ["can't be blank"]
    if len(password or "") < shortest:
        return [f"is too short (minimum is {shortest} characters)"]
    return [f"is too long (maximum is {longest} characters)"] if len(password or "") > longest else []
