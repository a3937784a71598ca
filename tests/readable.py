"""Whether a document shows a secret, in whatever form."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

PEM_LINE = 64
"""Characters of a whole line of a private key."""


def forms(secret: str) -> set[str]:
    """Return what a secret looks like: as text, in base64, in hex, in a URL; of hex digits also the bytes, of a key also each line."""
    contents = [secret.encode()]
    if set(secret) <= set("0123456789abcdef") and len(secret) % 2 == 0:
        contents.append(bytes.fromhex(secret))
    found = {secret, quote(secret, safe=""), *(line for line in secret.splitlines() if len(line) == PEM_LINE)}
    for content in contents:
        encoded = base64.b64encode(content).decode()
        found |= {encoded, encoded.rstrip("="), quote(encoded, safe=""), content.hex(), content.hex().upper()}
        found |= {base64.urlsafe_b64encode(content).decode().rstrip("=")}
    return found


def texts(value: Any) -> Iterator[str]:
    """Yield every text inside ``value``; of a state: values, keys, ids and URNs."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def readable(state: Any, secret: str) -> list[str]:
    """Return the texts of a state that show a secret in any form."""
    wanted = forms(secret)
    return [text for text in texts(state) if any(form in text for form in wanted)]
