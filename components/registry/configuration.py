"""The registry's config.yml as a typed document; pure.

Rendered as a file: the variables ``REGISTRY_NOTIFICATIONS_ENDPOINTS_*`` are ignored by 2.8 and end 3.x in a panic
(portus-images.md). Token authentication is always on; there is no mode without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from components.common import names
from components.common.versions import RegistryVersion
from components.registry.document import Cache
from components.settings.sections.registry import ExternalRedis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.registry.document import Configuration, Endpoint, Http, Redis, Storage, StorageOptions, Token
    from components.settings.sections.registry import ExtraEndpoint, RegistrySettings
    from components.settings.stack import StackSettings


PATHS: Final = {
    RegistryVersion.V2_8: "/etc/docker/registry/config.yml",
    RegistryVersion.V3_1: "/etc/distribution/config.yml",
}
"""Where each series' own image has it, so that its other commands find it without an argument."""

TLS: Final = "/run/secrets/registry-tls"
TRUST: Final = "/run/registry-trust"
BUNDLE: Final = f"{TRUST}/token-signers.crt"
JWKS: Final = f"{TRUST}/token-signers.json"
REDIS_CA: Final = f"{TRUST}/redis-ca.crt"

IGNORED_MEDIA_TYPES: Final = ("application/octet-stream",)
"""Blobs: no Portus keeps their events, and each would be a request (portus-images.md: safe for every version)."""

CIPHER_SUITES: Final = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""Of TLS 1.2, by Go's names: the front proxy's own list. Those of TLS 1.3 cannot be chosen."""

_TOKEN: Final = re.compile(r"\?|(?<!/)/(?=[^/]*\d)[^/]{16,}")
"""A query, or a part of the path that is as long as a token and has a digit, as in Slack's webhooks and those with a UUID."""

REDIS_TIMEOUT: Final = "1s"
"""A cache that does not answer must not hold up a pull; 2.8 would wait without end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wiring:
    """What ties the registry to Portus; every part follows from the stack's hosts.

    Args:
        authority: the registry's public host, with the port where it is not 443: the token's service and audience.
        realm: where clients get their token.
        issuer: that signs it: Portus' ``machine_fqdn``.
        events_url: where Portus takes notifications, inside the cluster.
        notification_timeout: Go duration; the image family's own where the stack file says nothing.
        faces_clients: whether clients speak TLS with the registry itself.
    """

    authority: str
    realm: str
    issuer: str
    events_url: str
    notification_timeout: str
    faces_clients: bool = False


def configuration(settings: RegistrySettings, wiring: Wiring) -> Configuration:
    """Return the config.yml that the settings make; ``extraConfig`` is not in it yet."""
    document: Configuration = {
        "version": "0.1",
        "log": {"level": settings.log_level, "formatter": "text"},
        "storage": _storage(settings),
        "http": _http(settings, wiring),
        "auth": {"token": _token(settings.version, wiring)},
        "notifications": {
            "endpoints": [_endpoint(settings, wiring), *(_extra_endpoint(extra) for extra in settings.notifications.extra_endpoints)]
        },
        "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
        "catalog": {"maxentries": settings.catalog_max_entries},
    }
    if settings.redis is not None:
        document["redis"] = _redis(settings)
    return document


def _storage(settings: RegistrySettings) -> Storage:
    options: StorageOptions = {
        "delete": {"enabled": settings.delete_enabled},
        "redirect": {"disable": settings.redirect.disable},
        "maintenance": {
            "uploadpurging": {
                "enabled": settings.maintenance.uploadpurging.enabled,
                "age": settings.maintenance.uploadpurging.age,
                "interval": settings.maintenance.uploadpurging.interval,
                "dryrun": settings.maintenance.uploadpurging.dryrun,
            },
            "readonly": {"enabled": settings.maintenance.readonly.enabled},
        },
    }
    document: Storage = {**options, settings.storage.driver: settings.storage.parameters(settings.version)}
    if settings.redis is not None:
        document["cache"] = Cache(blobdescriptor="redis")
    elif settings.most_replicas == 1:  # of what another replica deletes, a cache of one's own would know nothing
        document["cache"] = Cache(blobdescriptor="inmemory")
    return document


def _http(settings: RegistrySettings, wiring: Wiring) -> Http:
    document: Http = {
        "addr": f":{names.REGISTRY_PORT}",
        "host": f"https://{wiring.authority}",
        "draintimeout": settings.http.draintimeout,
        "tls": {
            "certificate": f"{TLS}/tls.crt",
            "key": f"{TLS}/tls.key",
            "minimumtls": "tls1.2",
            "ciphersuites": list(CIPHER_SUITES),
        },
        "headers": {"X-Content-Type-Options": ["nosniff"], **_lists(settings.http.headers)},
        "debug": {"addr": f":{names.REGISTRY_DEBUG_PORT}", "prometheus": {"enabled": True, "path": "/metrics"}},
    }
    # One certificate holds both names: a client may use an HTTP/2 connection to the registry for Portus' pages, which are not here.
    if settings.http.http2.disabled or wiring.faces_clients:
        document["http2"] = {"disabled": True}
    return document


def _token(version: RegistryVersion, wiring: Wiring) -> Token:
    document: Token = {"realm": wiring.realm, "service": wiring.authority, "issuer": wiring.issuer}
    if version is RegistryVersion.V2_8:
        document["rootcertbundle"] = BUNDLE
    else:
        document["jwks"] = JWKS
        document["signingalgorithms"] = ["RS256"]
    return document


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


def _extra_endpoint(extra: ExtraEndpoint) -> Endpoint:
    headers = _lists(extra.headers)
    if extra.authorization is not None:
        headers["Authorization"] = [extra.authorization.get_secret_value()]
    return {
        "name": extra.name,
        "url": extra.url,
        "disabled": extra.disabled,
        "headers": headers,
        "timeout": extra.timeout,
        "threshold": extra.threshold,
        "backoff": extra.backoff,
        "ignoredmediatypes": list(extra.ignoredmediatypes),
        "ignore": {"actions": list(extra.ignoredactions)},
    }


def _redis(settings: RegistrySettings) -> Redis:
    redis = settings.redis
    external = redis if isinstance(redis, ExternalRedis) else None
    address = f"{names.REGISTRY_CACHE}:{names.REGISTRY_CACHE_PORT}" if external is None else external.addr
    document: Redis = {
        "db": 0 if external is None else external.db,
        "dialtimeout": REDIS_TIMEOUT,
        "readtimeout": REDIS_TIMEOUT,
        "writetimeout": REDIS_TIMEOUT,
    }
    if settings.version is RegistryVersion.V2_8:
        document["addr"] = address
        document["pool"] = {"maxidle": 16, "maxactive": 64, "idletimeout": "300s"}
        return document
    document["addrs"] = [address]
    document["maxidleconns"], document["poolsize"], document["connmaxidletime"] = 16, 64, "300s"
    if external is not None and external.username is not None:
        document["username"] = external.username
    if external is not None and external.tls is not None:
        document["tls"] = {"rootcas": [REDIS_CA]}
    return document


def _lists(headers: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {name: list(values) for name, values in headers.items()}


def holds_a_secret(settings: RegistrySettings) -> bool:
    """Whether config.yml must be in a Secret: a receiver often knows its senders by a token in the URL's query or path."""
    return any(extra.authorization is not None or _TOKEN.search(extra.url) for extra in settings.notifications.extra_endpoints)


def as_yaml(document: Configuration, extra: Mapping[str, Any]) -> str:
    """Return ``document`` with ``extra`` merged into it, as the registry reads it."""
    return yaml.safe_dump(merged(document, extra), sort_keys=False)


def wiring(stack: StackSettings, *, plain_events: bool, notification_timeout: str) -> Wiring:
    """Return what connects the registry to Portus, computed from the stack's hosts.

    Args:
        plain_events: whether Portus takes events on port 80 of its Service (2.0-2.2), which needs no trust; else they go to its public
            name, which inside the registry's Pod leads to Portus' Service.
        notification_timeout: the image family's.
    """
    events = f"http://{names.in_cluster(names.PORTUS, stack.cluster.namespace)}" if plain_events else stack.portus_url
    return Wiring(
        authority=stack.registry_authority,
        realm=f"{stack.portus_url}{names.TOKEN_PATH}",
        issuer=stack.host,
        events_url=f"{events}{names.EVENTS_PATH}",
        notification_timeout=notification_timeout,
        faces_clients=stack.passes_registry_through,
    )


def merged(document: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``document`` with ``extra`` on top: sections are joined key by key, everything else is replaced.

    The settings' rules refuse what ``extra`` must not set.
    """
    result = dict(document)
    for key, value in extra.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
