"""The log: lines on standard output as the application writes them, never with a password in them."""

from __future__ import annotations

import os
import sys
from typing import Final

LEVELS: Final = ("debug", "info", "warn", "error", "fatal")
BLOCK: Final = 8192
"""Bytes that Ruby gathers before it writes to a pipe."""

_gathered: list[str] | None = None


def gather() -> None:
    """Write blocks from now on, as Ruby does without ``$stdout.sync``."""
    global _gathered  # noqa: PLW0603 - one standard output a process
    _gathered = []


def say(message: str, *, tag: str = "", level: str = "info") -> None:
    """Write one message (``[tag] message``) unless ``PORTUS_LOG_LEVEL`` is above ``level``."""
    configured = os.environ.get("PORTUS_LOG_LEVEL", "info")
    threshold = LEVELS.index(configured) if configured in LEVELS else LEVELS.index("info")
    if LEVELS.index(level) < threshold:
        return
    line = f"[{tag}] {message}\n" if tag else f"{message}\n"
    if _gathered is None:
        sys.stdout.write(line)
        sys.stdout.flush()
        return
    _gathered.append(line)
    if sum(map(len, _gathered)) >= BLOCK:
        flush()


def flush() -> None:
    """Write what was gathered, as Ruby does when it ends."""
    if _gathered:
        sys.stdout.write("".join(_gathered))
        sys.stdout.flush()
        _gathered.clear()
