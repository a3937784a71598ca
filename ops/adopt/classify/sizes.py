"""Memory for what the old deployment was given more of than the program's defaults have room for."""

from __future__ import annotations

from typing import Final

from ops.adopt import keys
from ops.adopt.model import Findings

DEFAULT_PUMA_WORKERS: Final = 2
DEFAULT_LIMIT_MIB: Final = 1024
DEFAULT_POOL_MIB: Final = 256
DEFAULT_CONNECTIONS: Final = 150


def complete(findings: Findings) -> None:
    """Write the memory of the web server and of MariaDB, where a setting that was taken needs more than the default."""
    settings = findings.settings
    workers = settings.get(keys.PUMA_WORKERS, 0)
    if workers > DEFAULT_PUMA_WORKERS:
        request = 384 + 105 * (workers - 1)  # MiB: measured, see components/common/sizes.py
        settings[keys.WEB_MEMORY_REQUEST] = f"{request}Mi"
        settings[keys.WEB_MEMORY_LIMIT] = f"{max(DEFAULT_LIMIT_MIB, 2 * request)}Mi"
    needed = (settings.get(keys.WEB_REPLICAS, 1) + 1) * max(workers, DEFAULT_PUMA_WORKERS) * settings.get(keys.PUMA_MAX_THREADS, 4) + 10
    if needed > settings.get(keys.MAX_CONNECTIONS, DEFAULT_CONNECTIONS):  # while the web server restarts there is one copy more
        settings[keys.MAX_CONNECTIONS] = min(needed, 2000)
    pool = str(settings.get(keys.BUFFER_POOL, f"{DEFAULT_POOL_MIB}M"))
    mebibytes = int(pool[:-1]) * (1024 if pool.endswith("G") else 1)
    connections = settings.get(keys.MAX_CONNECTIONS, DEFAULT_CONNECTIONS)
    if mebibytes > DEFAULT_POOL_MIB or connections > DEFAULT_CONNECTIONS:
        settings[keys.DATABASE_MEMORY_REQUEST] = f"{mebibytes + 192}Mi"
        settings[keys.DATABASE_MEMORY_LIMIT] = f"{mebibytes + connections + 512}Mi"
