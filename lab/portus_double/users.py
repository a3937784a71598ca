"""Users, their passwords and application tokens, and the personal namespaces that come with them: which names are allowed, too."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any, Final

import bcrypt

from . import activities
from .database import Database, Row, now
from .errors import InvalidRecordError, RecordNotFoundError

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


HIDDEN_USER: Final = "portus"
TOKENS_PER_USER: Final = 5
OWNER: Final = 2
PRIVATE: Final = 0
_BCRYPT_BYTES: Final = 72
_BCRYPT_COST: Final = 10


def digest(password: str) -> str:
    """Return the bcrypt hash of a password, as Devise stores it (cost 10)."""
    return bcrypt.hashpw(password.encode()[:_BCRYPT_BYTES], bcrypt.gensalt(_BCRYPT_COST, b"2a")).decode()


def matches(password: str, hashed: str) -> bool:
    """Return whether a password belongs to a bcrypt hash; nothing belongs to an empty one."""
    try:
        return bool(hashed) and bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], hashed.encode())
    except ValueError:
        return False


def by_name(db: Database, username: Any) -> Row | None:
    """Return the user of that name, compared by the database's collation."""
    return None if username is None else db.row("SELECT * FROM users WHERE username = %s", str(username))


def by_id(db: Database, user_id: int) -> Row:
    """Return a user.

    Raises:
        RecordNotFoundError: there is none.
    """
    user = db.row("SELECT * FROM users WHERE id = %s", user_id)
    if user is None:
        raise RecordNotFoundError
    return user


def any_but_hidden(db: Database) -> bool:
    """Return whether a user has an account."""
    return db.row("SELECT id FROM users WHERE username <> %s LIMIT 1", HIDDEN_USER) is not None


def create(db: Database, values: dict[str, Any], *, hidden: bool = False) -> Row:
    """Create a user with its personal namespace (once a registry exists; a bot gets none).

    Args:
        values: ``username``, ``email``, ``password`` and, if wanted, ``admin``, ``display_name``, ``bot``.
        hidden: make the user ``portus`` itself.

    Raises:
        InvalidRecordError: with the reasons by field.
    """
    email = _email(values.get("email"))
    problems = _problems(db, {**values, "email": email}, None)
    username = values["username"]
    if not hidden and namespace_name(username or "") is None:
        problems.setdefault("username", []).append(f"'{username}' cannot be transformed into a valid namespace name")
    if problems:
        raise InvalidRecordError(problems)
    moment = now()
    columns: dict[str, Any] = {name: values[name] for name in ("admin", "display_name", "bot") if name in values}
    user_id = db.insert(
        "users",
        username=username,
        email=email,
        encrypted_password=digest(values["password"]),
        created_at=moment,
        updated_at=moment,
        **columns,
    )
    make_personal_namespace(db, by_id(db, user_id))
    return by_id(db, user_id)


def change(db: Database, user_id: int, values: dict[str, Any]) -> Row:
    """Change what ``values`` names of a user.

    Raises:
        RecordNotFoundError: no such user.
        InvalidRecordError: with the reasons by field.
    """
    user = by_id(db, user_id)
    if "email" in values:
        values = {**values, "email": _email(values["email"])}
    problems = _problems(db, values, user_id)
    if values and user["username"] == HIDDEN_USER:
        problems.setdefault("username", []).append("cannot be updated")
    if problems:
        raise InvalidRecordError(problems)
    columns: dict[str, Any] = {name: values[name] for name in ("username", "email", "display_name") if name in values}
    if "password" in values:
        columns["encrypted_password"] = digest(values["password"])
    if columns:
        db.update("users", user_id, **columns, updated_at=now())
    return by_id(db, user_id)


def remove(db: Database, user_id: int, by: Row) -> None:
    """Remove a user: its tokens and memberships go, its tags keep its name, its namespace and team stay.

    Raises:
        RecordNotFoundError: no such user.
    """
    user = by_id(db, user_id)
    with db.transaction():
        db.run("UPDATE activities SET owner_id = NULL, owner_type = NULL WHERE owner_id = %s AND owner_type = 'User'", user_id)
        activities.note(db, "user.delete", ("User", user_id), by, parameters={"username": user["username"]})
        db.run("UPDATE tags SET user_id = NULL, username = %s WHERE user_id = %s", user["username"], user_id)
        db.run("DELETE FROM team_users WHERE user_id = %s", user_id)
        db.run("DELETE FROM application_tokens WHERE user_id = %s", user_id)
        db.run("DELETE FROM users WHERE id = %s", user_id)


def make_personal_namespace(db: Database, user: Row) -> None:
    """Give a user a team and a private namespace named after it, unless it has one, is a bot, or no registry exists yet."""
    registry_id = db.one("SELECT id FROM registries ORDER BY id LIMIT 1")
    if registry_id is None or user["namespace_id"] is not None or user.get("bot"):
        return
    moment = now()
    name = namespace_name(user["username"], lambda taken: db.row("SELECT id FROM namespaces WHERE name = %s", taken) is not None)
    team_name = free_name(user["username"], lambda taken: db.row("SELECT id FROM teams WHERE name = %s", taken) is not None)
    team_id = db.insert("teams", name=team_name, hidden=1, created_at=moment, updated_at=moment)
    db.insert("team_users", user_id=user["id"], team_id=team_id, role=OWNER, created_at=moment, updated_at=moment)
    namespace_id = db.insert(
        "namespaces",
        name=name,
        team_id=team_id,
        registry_id=registry_id,
        visibility=PRIVATE,
        description=f"This personal namespace belongs to {user['username']}.",
        created_at=moment,
        updated_at=moment,
    )
    db.update("users", user["id"], namespace_id=namespace_id, updated_at=moment)


def create_token(db: Database, user_id: int, application: str, by: Row) -> tuple[int, str]:
    """Make an application token for a user; return its id and the plain token, which is stored nowhere.

    The owner is not checked against ``by``: the genuine application does not either.

    Raises:
        RecordNotFoundError: no such user.
        InvalidRecordError: the name is taken, or the user has five tokens.
    """
    by_id(db, user_id)
    problems: dict[str, list[str]] = {}
    if db.row("SELECT id FROM application_tokens WHERE user_id = %s AND application = %s", user_id, application):
        problems["application"] = ["has already been taken"]
    if db.one("SELECT COUNT(*) FROM application_tokens WHERE user_id = %s", user_id) >= TOKENS_PER_USER:
        problems["base"] = [f"Users cannot have more than {TOKENS_PER_USER} application tokens"]
    if problems:
        raise InvalidRecordError(problems)
    plain = secrets.token_urlsafe(15)
    salt = bcrypt.gensalt(_BCRYPT_COST, b"2a")
    token_id = db.insert(
        "application_tokens",
        application=application,
        token_hash=bcrypt.hashpw(plain.encode(), salt).decode(),
        token_salt=salt.decode(),
        user_id=user_id,
    )
    activities.note(db, "application_token.create", ("ApplicationToken", token_id), by, parameters={"application": application})
    return token_id, plain


def token_valid(db: Database, user: Row, plain: str | None) -> bool:
    """Return whether ``plain`` is one of the user's application tokens; being locked or disabled does not matter here."""
    tokens = db.rows("SELECT token_hash FROM application_tokens WHERE user_id = %s ORDER BY id", user["id"])
    return any(matches(plain or "", token["token_hash"]) for token in tokens)


def _email(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _problems(db: Database, values: dict[str, Any], user_id: int | None) -> dict[str, list[str]]:
    checks = {"username": _name_problems, "email": _email_problems}
    found = {name: check(db, values[name], user_id) for name, check in checks.items() if name in values}
    if "password" in values:
        found["password"] = password_problems(values["password"])
    return {name: problems for name, problems in found.items() if problems}


def _name_problems(db: Database, username: Any, user_id: int | None) -> list[str]:
    if not str(username or "").strip():
        return ["can't be blank"]
    taken = db.row("SELECT id FROM users WHERE username = %s AND id <> %s", username, user_id or 0)
    return ["has already been taken"] if taken else []


def _email_problems(db: Database, email: Any, user_id: int | None) -> list[str]:
    if not email:
        return ["can't be blank"]
    problems = [] if EMAIL.fullmatch(email) else ["is invalid"]
    if db.row("SELECT id FROM users WHERE email = %s AND id <> %s", email, user_id or 0):
        problems.append("has already been taken")
    return problems
