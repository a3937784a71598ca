"""Merges what the stack file adds to config.yml; the settings' rules have refused what it may not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def merged(document: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``document`` with ``extra`` on top: sections are joined key by key, everything else is replaced."""
    result = dict(document)
    for key, value in extra.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
