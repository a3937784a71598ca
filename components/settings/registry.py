"""The registry: its public name, its storage, its notifications."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import Later, Section
from components.settings.cluster import ClaimSettings, WorkloadResources
from components.settings.types import Duration, Fqdn


class FilesystemStorage(Section):
    """Blobs on a claim of this stack."""

    driver: Annotated[Literal["filesystem"], Later("another, empty store: copy the blobs first")] = "filesystem"
    """``storage``'s own word."""
    claim: ClaimSettings = ClaimSettings(size="50Gi")


class NotificationSettings(Section):
    """How the registry tells Portus of a push.

    One event that fails is sent again for ever and blocks the later ones; the queue is in memory.
    """

    timeout: Duration | None = None
    """Of one request. None: 2000ms, and 10s for Portus 2.0-2.2, which handles the event inside the request."""
    threshold: Annotated[int, Field(ge=1, le=100)] = 5
    """Failures in a row before the registry backs off."""
    backoff: Duration = "1s"
    """How long it then waits."""


class RegistrySettings(Section):
    """The registry (distribution 2.8)."""

    host: Annotated[Fqdn | None, Later("renames every image; Portus' record of the registry has to be renamed by hand")] = None
    """Public name. None: the same as ``host``; then one name serves both by path. Part of every image's name: a later change
    renames all."""
    log_level: Literal["error", "warn", "info", "debug"] = "info"
    """``log.level``."""
    storage: FilesystemStorage = FilesystemStorage()
    delete_enabled: bool = True
    """``storage.delete.enabled``: without it Portus cannot delete."""
    notifications: NotificationSettings = NotificationSettings()
    resources: WorkloadResources = WorkloadResources()
    catalog_max_entries: Annotated[int, Field(ge=100, le=100000)] = 1000
    """``catalog.maxentries``; at least Portus' ``registry.catalog_page``."""
