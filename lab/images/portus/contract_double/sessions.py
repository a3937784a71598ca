"""The session cookie: which user an application token logged in over Basic, signed with the secret key base."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Final

COOKIE: Final = "_portus_session"


def make(key_base: str, user_id: int | None) -> str:
    """Return a cookie's value; None makes the session of nobody."""
    payload = base64.urlsafe_b64encode(json.dumps({"user": user_id, "session": secrets.token_hex(8)}).encode()).decode()
    return f"{payload}--{_signature(key_base, payload)}"


def user_id(key_base: str, value: str) -> int | None:
    """Return the user of a cookie, None for nobody's or a forged one."""
    payload, _, signature = value.partition("--")
    if not hmac.compare_digest(signature, _signature(key_base, payload)):
        return None
    found = json.loads(base64.urlsafe_b64decode(payload)).get("user")
    return found if isinstance(found, int) else None


def _signature(key_base: str, payload: str) -> str:
    return hmac.new(key_base.encode(), payload.encode(), hashlib.sha256).hexdigest()
