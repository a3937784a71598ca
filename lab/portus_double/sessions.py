"""The session cookie: which user an application token logged in over Basic, signed with the secret key base."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Final

from werkzeug.wrappers import Request

from .database import Database, Row

COOKIE: Final = "_portus_session"


def make(key_base: str, user_id: int | None) -> str:
    """Return a cookie's value; None makes a session without a user."""
    payload = base64.urlsafe_b64encode(json.dumps({"user": user_id, "session": secrets.token_hex(8)}).encode()).decode()
    return f"{payload}--{_signature(key_base, payload)}"


def user_id(key_base: str, value: str) -> int | None:
    """Return the user of a cookie, None for a cookie without a user or a forged one."""
    payload, _, signature = value.partition("--")
    if not hmac.compare_digest(signature, _signature(key_base, payload)):
        return None
    found = json.loads(base64.urlsafe_b64decode(payload)).get("user")
    return found if isinstance(found, int) else None


def user(db: Database, key_base: str, request: Request) -> Row | None:
    """Return the user whom a request's cookie names; only a session that an application token opened names one."""
    cookie = request.cookies.get(COOKIE)
    found = user_id(key_base, cookie) if cookie else None
    return None if found is None else db.row("SELECT * FROM users WHERE id = %s", found)


def _signature(key_base: str, payload: str) -> str:
    return hmac.new(key_base.encode(), payload.encode(), hashlib.sha256).hexdigest()
