"""The registry's config.yml as a typed document; pure.

Rendered as a file: the variables ``REGISTRY_NOTIFICATIONS_ENDPOINTS_*`` are ignored in silence by 2.8 and end 3.x in a panic (contract.md,
"Registry"). Token authentication is always on; there is no mode without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from components.common import names
from components.registry.document import Configuration, Endpoint

if TYPE_CHECKING:
    from components.settings.registry import RegistrySettings

PATH: Final = "/etc/docker/registry/config.yml"
DATA: Final = "/var/lib/registry"
TLS: Final = "/run/secrets/registry-tls"
TRUST: Final = "/run/registry-trust"
BUNDLE: Final = f"{TRUST}/token-signers.crt"

IGNORED_MEDIA_TYPES: Final = ("application/octet-stream",)
"""Blobs: no Portus keeps their events, and each would be a request (contract.md: safe for every version)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wiring:
    """What ties the registry to Portus; every part follows from the stack's hosts.

    Args:
        authority: the registry's public host, with the port where it is not 443: the token's service and audience.
        realm: where clients get their token.
        issuer: who signs it: Portus' ``machine_fqdn``.
        events_url: where Portus takes notifications, inside the cluster.
        notification_timeout: Go duration; the Portus generation's own where the stack file says nothing.
    """

    authority: str
    realm: str
    issuer: str
    events_url: str
    notification_timeout: str


def configuration(settings: RegistrySettings, wiring: Wiring) -> Configuration:
    """Return the whole config.yml."""
    return Configuration(
        version="0.1",
        log={"level": settings.log_level, "formatter": "text"},
        storage={
            "filesystem": {"rootdirectory": DATA},
            "delete": {"enabled": settings.delete_enabled},
            "cache": {"blobdescriptor": "inmemory"},
        },
        http={
            "addr": f":{names.REGISTRY_PORT}",
            "host": f"https://{wiring.authority}",
            "tls": {"certificate": f"{TLS}/tls.crt", "key": f"{TLS}/tls.key", "minimumtls": "tls1.2"},
            "headers": {"X-Content-Type-Options": ["nosniff"]},
            "debug": {"addr": f":{names.REGISTRY_DEBUG_PORT}", "prometheus": {"enabled": True, "path": "/metrics"}},
        },
        auth={"token": {"realm": wiring.realm, "service": wiring.authority, "issuer": wiring.issuer, "rootcertbundle": BUNDLE}},
        notifications={"endpoints": [_endpoint(settings, wiring)]},
        health={"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
        catalog={"maxentries": settings.catalog_max_entries},
    )


def _endpoint(settings: RegistrySettings, wiring: Wiring) -> Endpoint:
    notifications = settings.notifications
    return {
        "name": "portus",
        "url": wiring.events_url,
        "timeout": notifications.timeout or wiring.notification_timeout,
        "threshold": notifications.threshold,
        "backoff": notifications.backoff,
        "ignoredmediatypes": list(IGNORED_MEDIA_TYPES),
    }


def as_yaml(document: Configuration) -> str:
    """Return ``document`` as the registry reads it."""
    return yaml.safe_dump(document, sort_keys=False)
