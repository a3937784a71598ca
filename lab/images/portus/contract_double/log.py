"""The log: lines on standard output as the application writes them, never with a password in them."""

from __future__ import annotations

import os
import sys
from typing import Final

LEVELS: Final = ("debug", "info", "warn", "error", "fatal")


def say(message: str, *, tag: str = "", level: str = "info") -> None:
    """Write one message (``[tag] message``) unless ``PORTUS_LOG_LEVEL`` is above ``level``."""
    wanted = os.environ.get("PORTUS_LOG_LEVEL", "info")
    threshold = LEVELS.index(wanted) if wanted in LEVELS else LEVELS.index("info")
    if LEVELS.index(level) >= threshold:
        sys.stdout.write(f"[{tag}] {message}\n" if tag else f"{message}\n")
        sys.stdout.flush()
