"""Every physical name that something addresses, and every port, once.

A name that nothing addresses is left to Pulumi (auto-naming). The names here are a contract: a change moves data or breaks
clients, needs an alias and a changelog line, and shows in ``tests/golden``. With service links on, Services called
``registry-storage``, ``registry-auth``, ``portus-db`` or ``portus-ldap`` would break the registry and Portus by the variables
that Kubernetes injects; the links are off in every Pod, and ``tests/test_contracts.py`` still refuses the names.
"""

from __future__ import annotations

from typing import Final

DATABASE: Final = "mariadb"
DATABASE_PEERS: Final = "mariadb-peers"
"""Headless Service that governs the StatefulSet."""
DATABASE_CLAIM: Final = "mariadb-data"
DATABASE_PORT: Final = 3306
"""Portus 2.0-2.2 has no port key in its database.yml: always 3306 (portus-images.md)."""

PORTUS: Final = "portus"
PORTUS_WORKER: Final = "portus-worker"

REGISTRY: Final = "registry"
REGISTRY_CLAIM: Final = "registry-data"
REGISTRY_PORT: Final = 5000
REGISTRY_DEBUG_PORT: Final = 5001
REGISTRY_CACHE: Final = "registry-cache"
"""Redis. Not ``registry-redis``: the registry would read the variables of service links."""
REGISTRY_CACHE_PORT: Final = 6379

BACKUP: Final = "portus-backup"
RESTORE: Final = "portus-restore"
"""CronJobs. The second never runs by itself: `make restore` makes its Jobs."""
BACKUP_CLAIM: Final = "portus-backups"

TLS: Final = "portus-tls"
"""Secret that cert-manager keeps the certificate in."""

EDGE: Final = "edge"
"""The front proxy."""
EDGE_PUBLIC: Final = "edge-public"

WEB: Final = "web"
WORKER: Final = "worker"
BOOTSTRAP: Final = "bootstrap"
ACCOUNTS: Final = "accounts"
DATABASE_SERVER: Final = "database"
CACHE: Final = "cache"
BACKUPS: Final = "backup"
"""Roles (``app.kubernetes.io/component``), beside ``registry`` and ``edge`` which are both application and role."""

HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443

EVENTS_PATH: Final = "/v2/webhooks/events"
TOKEN_PATH: Final = "/v2/token"  # noqa: S105 - a path


def in_cluster(service: str, namespace: str) -> str:
    """Return the DNS name of a Service without the cluster domain, which clusters may choose."""
    return f"{service}.{namespace}.svc"


SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}
"""For Services whose Pods need the Service's address first: waiting for endpoints would never end. The Pods are waited for."""
