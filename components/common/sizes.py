"""What each workload's container gets where the stack file says nothing, and what it is known to need, once.

Measured on the genuine images (portus-images.md) or computed from what the stack file allows; the settings' rules hold the stack
file to it, the components take the defaults.
"""

from __future__ import annotations

from typing import Final

from components.common.pods import Resources

MIB: Final = 1024 * 1024

WEB: Final = Resources(
    requests={"cpu": "200m", "memory": "448Mi", "ephemeral-storage": "128Mi"},
    limits={"cpu": "2", "memory": "1Gi", "ephemeral-storage": "1Gi"},
)
"""302 MiB at the first ``/api/v1/health`` with one Puma worker, about 105 MiB for each further one (the genuine 2.4.3 and 2.5), and room
for Rails' growth."""
WEB_NEEDS: Final = 320 * MIB
WEB_NEEDS_FOR_EACH_FURTHER: Final = 105 * MIB

WORKER: Final = Resources(
    requests={"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
    limits={"cpu": "1", "memory": "512Mi", "ephemeral-storage": "512Mi"},
)
"""215 MiB at its peak (the genuine 2.4.3 and 2.5), and room for a synchronization's lists. With too little its first process lives on and
starts one after the other that the kernel ends."""
WORKER_NEEDS: Final = 230 * MIB

DATABASE: Final = Resources(
    requests={"cpu": "100m", "memory": "384Mi", "ephemeral-storage": "64Mi"},
    limits={"cpu": "2", "memory": "768Mi", "ephemeral-storage": "512Mi"},
)
"""256M buffer pool, 150 connections at about 1 MiB, the rest for sorting and dumps."""
DATABASE_NEEDS: Final = 96 * MIB
"""The server besides its buffer pool: dictionary, log buffers, performance schema."""
DATABASE_NEEDS_FOR_A_CONNECTION: Final = MIB

REGISTRY: Final = Resources(
    requests={"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    limits={"cpu": "2", "memory": "512Mi", "ephemeral-storage": "512Mi"},
)
"""Uploads are streamed; memory goes into descriptors and TLS. An object store's driver takes ``chunksize`` for each upload under way."""
REGISTRY_NEEDS: Final = 32 * MIB

EDGE: Final = Resources(
    requests={"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
    limits={"cpu": "1", "memory": "256Mi", "ephemeral-storage": "64Mi"},
)
EDGE_NEEDS: Final = 32 * MIB

BACKUP: Final = Resources(
    requests={"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
    limits={"cpu": "1", "memory": "256Mi", "ephemeral-storage": "128Mi"},
)
"""Of a backup's and a restore's steps: a row at a time, through gzip."""
BACKUP_SERVER_MEMORY: Final = {"requests": "192Mi", "limits": "512Mi"}
"""Of the one that loads the dump into a throw-away server: 64M buffer pool and the dictionary."""

REDIS_NEEDS_BESIDE_ENTRIES: Final = 64 * MIB
"""Buffers, fragmentation and the program itself."""


def redis(max_memory_mb: int) -> Resources:
    """Return what a Redis of that size gets."""
    return Resources(
        requests={"cpu": "20m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
        limits={
            "cpu": "500m",
            "memory": f"{max_memory_mb + REDIS_NEEDS_BESIDE_ENTRIES // MIB}Mi",
            "ephemeral-storage": "64Mi",
        },
    )


def backup_server(scratch_size: str) -> Resources:
    """Return what the step with the throw-away server gets, which lays its data on ``scratch_size`` of the node's disk."""
    return Resources(
        requests={**BACKUP.requests, "memory": BACKUP_SERVER_MEMORY["requests"]},
        limits={**BACKUP.limits, "memory": BACKUP_SERVER_MEMORY["limits"], "ephemeral-storage": scratch_size},
    )
