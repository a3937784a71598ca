"""The processes that run Portus' code."""

from __future__ import annotations

from enum import StrEnum


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
