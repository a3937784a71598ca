"""Placeholders of a recording: filled in before sending, understood when comparing; the same name means the same value in a file."""

from __future__ import annotations

import re
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"<([a-z][a-z0-9+-]*(?::\d+)?)>")
_TIMESTAMP: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
_FREE: Final = {
    "timestamp": _TIMESTAMP,
    "plain-token": r"[A-Za-z0-9_-]{8,}",
    "value": r"[^;]+",
    "bcrypt": r"\$2[aby]\$\d\d\$.{53}",
    "client-addr": r"[\d.:]+",
    "client-ip": r"[\d.]+",
    "registry-addr": r"\S+",
    "jwt": r"[\w-]+\.[\w-]+\.[\w-]+",
}
_BOUND: Final = {"digest": r"[0-9a-f]{12,64}", "uuid": r"[0-9a-fA-F-]{36}"}


class Values:
    """The values of the placeholders so far.

    Args:
        known: placeholder without its brackets -> value (``registry``, ``portus``, a saved token's name ...).
    """

    def __init__(self, known: dict[str, str]) -> None:
        self._known = dict(known)

    def learn(self, name: str, value: str) -> None:
        """Let ``<name>`` mean ``value`` from now on."""
        self._known[name] = value

    def fill(self, content: Any) -> Any:
        """Return content with every known placeholder replaced, in keys and nested parts, too."""
        if isinstance(content, str):
            return _PLACEHOLDER.sub(lambda match: self._known.get(match.group(1), match.group()), content)
        if isinstance(content, list):
            return [self.fill(part) for part in content]
        if isinstance(content, dict):
            return {name: self.fill(part) for name, part in content.items()}
        return content

    def matches(self, expected: str, actual: str) -> bool:
        """Return whether a text fits one with placeholders; numbered ones are bound at first sight."""
        filled = self.fill(expected)
        names: list[str] = []
        pattern = ""
        end = 0
        for match in _PLACEHOLDER.finditer(filled):
            name = match.group(1)
            shape = _FREE.get(name) or _BOUND.get(name.rpartition("-")[0])
            if shape is None:
                continue
            pattern += re.escape(filled[end : match.start()]) + f"({shape})"
            names.append(name)
            end = match.end()
        found = re.fullmatch(pattern + re.escape(filled[end:]), actual, re.DOTALL)
        if found is None:
            return False
        for name, value in zip(names, found.groups(), strict=True):
            if name not in _FREE and self._known.setdefault(name, value) != value:
                return False
        return True
