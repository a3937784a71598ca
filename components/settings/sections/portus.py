"""Portus: its version, its workloads, its first set-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.common.versions import PortusVersion
from components.settings.sections.cluster import ScaledSection, WorkloadResources
from components.settings.sections.portus_config import PortusConfig, Since
from components.settings.types.base import ChangeImpact, Section
from components.settings.types.values import Email, Username


class WebSettings(ScaledSection):
    """The web server."""

    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    """Number of copies. Sessions are cookies, so copies need no session affinity."""
    resources: WorkloadResources = WorkloadResources()
    puma_workers: Annotated[int, Field(ge=1, le=32), Since("2.3")] = 2
    """Processes (PORTUS_PUMA_WORKERS); about 110 MiB each. 2.3 on."""
    puma_max_threads: Annotated[int, Field(ge=1, le=64), Since("2.3")] = 4
    """Threads in each process (PORTUS_PUMA_MAX_THREADS); each holds a database connection. 2.3 on."""


class WorkerSettings(Section):
    """The background worker: exactly one, because it takes no locks."""

    resources: WorkloadResources = WorkloadResources()


class BootstrapSettings(Section):
    """The first administrator and the registry's record. A Job makes them if they are missing."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "password": "remove it: it is generated, and an output; one of your own goes to portus:credentials.existing.administrator",
    }

    enabled: bool = True
    """Off: you make them by hand, on the pages of Portus. 2.0 has no task that could do it."""
    username: Username = "admin"
    """Name of the first administrator. With ``enabled: false``, make this user by hand, with the password that the outputs show."""
    email: Email | None = None
    """Mail address of that user. Unset: ``<username>@<host>``."""


class PortusSettings(Section):
    """Portus."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "machine_fqdn": "remove it: it follows from portus:host",
        "secret_key_base": "remove it: it is generated; portus:credentials counts its rotations",
        "password": "remove it: it is generated; portus:credentials counts its rotations",
        "host": "write it at the top: portus:host",
        "image": "write it under portus:images",
        **dict.fromkeys(PortusConfig.model_fields, "write it under portus:portus.config"),
    }

    version: Annotated[PortusVersion, ChangeImpact("the database is backed up, then migrated; return with that backup")]
    """Version of Portus. It decides the image family: 2.0-2.2 Apache and Passenger, 2.3-2.5 Puma with a separate worker."""
    log_level: Annotated[Literal["info", "warn", "error", "fatal"], Since("2.3")] = "info"
    """PORTUS_LOG_LEVEL; ``debug`` is not offered: the images' start script would print its environment, secrets included. 2.3 on."""
    web: WebSettings = WebSettings()
    worker: Annotated[WorkerSettings, Since("2.3"), ChangeImpact("the worker restarts; events wait")] = WorkerSettings()
    bootstrap: Annotated[BootstrapSettings, ChangeImpact("nothing, if Portus has a user")] = BootstrapSettings()
    config: PortusConfig = PortusConfig()
    """Portus' own settings, under the names of its config.yml; what is not set keeps Portus' default."""
