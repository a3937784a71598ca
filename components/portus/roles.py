"""The processes that run Portus' code."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

START_SECONDS: Final = 600
"""How long an image may take to start before it is ended: it boots Rails up to four times, and waits three minutes for its database."""

READY_SECONDS: Final = START_SECONDS + 180
"""What ``pulumi up`` waits for a copy: its start, the image's download, and the old one's end."""

UTF_8: Final = "C.UTF-8"
"""LANG of every container: without one Ruby takes texts of the environment for ASCII, and a filter of the directory with other letters
fails at every login (Encoding::CompatibilityError)."""


class Role(StrEnum):
    """What a container of Portus does."""

    WEB = "web"
    WORKER = "worker"
    TASK = "task"
    """A rake task, run once."""


class FirstSetUp(StrEnum):
    """How the first administrator and the registry's record are made."""

    API = "api"
    """``POST /api/v1/users/bootstrap`` and ``/api/v1/registries`` (2.4 on)."""
    RAKE = "rake"
    """``portusctl rake portus:create_registry`` and ``portus:create_user`` (2.1 on)."""
    BY_HAND = "by_hand"
    """On the pages of Portus (2.0)."""
