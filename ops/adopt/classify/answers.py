"""What the user answers on the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    """Answers to what a source cannot say, or says unusably."""

    host: str = ""
    registry_host: str = ""
    version: str = ""
