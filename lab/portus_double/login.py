"""Logging in over HTTP Basic: application tokens first, then the password with its lock, in Devise's words."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from . import users
from .core import Core
from .database import Database, Row, now
from .errors import RefusalError
from .release import Release

MAXIMUM_ATTEMPTS: Final = 10
NOT_SIGNED_IN: Final = "You need to sign in or sign up before continuing."
INVALID: Final = "Invalid Username or password."
LAST_ATTEMPT: Final = "You have one more attempt before your account is locked."
LOCKED: Final = "Your account is locked."
DISABLED: Final = "Sorry, this account has been disabled."


@dataclass(frozen=True)
class Login:
    """What came of it.

    Args:
        user: who is in, None for no user.
        error: why not, None without a try or with a user.
        by_token: an application token was used, which opens a session that ``/api`` accepts.
    """

    user: Row | None = None
    error: str | None = None
    by_token: bool = False


def credentials(header: str) -> tuple[str, str | None] | None:
    """Return user and password of a Basic header, None for any other header; the password is None without a colon."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    # As Ruby decodes: what is not base64 is skipped, and a half group at the end dropped.
    kept = re.sub(r"[^A-Za-z0-9+/]", "", encoded)
    text = base64.b64decode(kept[: -1 if len(kept) % 4 == 1 else None] + "==").decode("utf-8", "replace")
    user, colon, password = text.partition(":")
    return user, password if colon else None


def authenticate(core: Core, header: str | None, address: str, *, tokens: bool, account: str | None = None) -> Login:
    """Judge an Authorization header.

    Ten wrong passwords in a row lock the user, application tokens included; every further try counts on.

    Args:
        header: None when there was none, which is a success without a user.
        address: the client's, kept with the user's last sign-in.
        tokens: whether an application token is as good as the password (it is for ``/v2/token`` only).
        account: the request's parameter of that name.
    """
    db = core.db
    if header is None:
        return Login()
    name, password = credentials(header) or ("", None)
    if not name.strip():
        return Login(error=NOT_SIGNED_IN)
    if not password:
        return Login(error=INVALID)
    user = users.by_name(db, name)
    by_token = tokens and user is not None and users.token_valid(db, user, password)
    try:
        let_in = None if by_token or not core.settings.enabled("ldap") else _by_directory(core, name, password, account)
    except RefusalError as refusal:
        return Login(error=str(refusal))
    found = _local(core, user, password, by_token=by_token) if let_in is None else Login(user=let_in)
    if found.user is not None:
        _signed_in(db, found.user, address)
    return found


def _by_directory(core: Core, name: str, password: str, account: str | None) -> Row | None:
    from . import directory  # noqa: PLC0415 - a fifth of the double's start, for a few installations

    return directory.login(core, name, password, account)


def _local(core: Core, user: Row | None, password: str, *, by_token: bool) -> Login:
    if user is None:
        return Login(error=INVALID)
    error = _refusal(Lock(core.db, core.release, user), user, password, by_token=by_token)
    return Login(user=user if error is None else None, error=error, by_token=by_token)


def _refusal(lock: Lock, user: Row, password: str, *, by_token: bool) -> str | None:
    if by_token:
        return DISABLED if lock.closed() or not user["enabled"] else None
    error = lock.judge(users.matches(password, user["encrypted_password"]))
    return DISABLED if error is None and not user["enabled"] else error


def from_token_header(db: Database, headers: Mapping[str, str]) -> Row | None:
    """Return the user of a ``Portus-Auth: user:token`` header, None without a valid one."""
    name, *rest = headers.get("Portus-Auth", "").split(":")
    user = users.by_name(db, name) if name else None
    return user if user is not None and users.token_valid(db, user, rest[0] if rest else None) else None


class Lock:
    """The lock of one user."""

    def __init__(self, db: Database, release: Release, user: Row) -> None:
        self._db = db
        self._user = user
        self._minutes = release.lock_minutes

    def closed(self) -> bool:
        """Return whether the user is locked now."""
        locked = self._user["locked_at"]
        return locked is not None and locked > now() - timedelta(minutes=self._minutes)

    def judge(self, right: bool) -> str | None:  # noqa: FBT001 - the one fact it judges
        """Count a try and return the message about it, None for a success."""
        if self._user["locked_at"] is not None and not self.closed():
            self._save(failed_attempts=0, locked_at=None)
        if right and not self.closed():
            if self._user["failed_attempts"]:
                self._save(failed_attempts=0)
            return None
        attempts = (self._user["failed_attempts"] or 0) + 1
        self._save(failed_attempts=attempts)
        if attempts >= MAXIMUM_ATTEMPTS and not self.closed():
            self._save(locked_at=now())
        if self.closed() or attempts >= MAXIMUM_ATTEMPTS:
            return LOCKED
        return LAST_ATTEMPT if attempts == MAXIMUM_ATTEMPTS - 1 else INVALID

    def _save(self, **values: object) -> None:
        self._db.update("users", self._user["id"], **values)
        self._user.update(values)


def _signed_in(db: Database, user: Row, address: str) -> None:
    moment = now()
    db.update(
        "users",
        user["id"],
        sign_in_count=(user["sign_in_count"] or 0) + 1,
        last_sign_in_at=user["current_sign_in_at"] or moment,
        current_sign_in_at=moment,
        last_sign_in_ip=user["current_sign_in_ip"] or address,
        current_sign_in_ip=address,
        updated_at=moment,
    )
