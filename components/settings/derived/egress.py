"""The services outside the stack that its Pods connect to, as its settings name them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from components.common import names
from components.settings.sections.database import ExternalDatabase
from components.settings.sections.registry import ExternalRedis

if TYPE_CHECKING:
    from components.settings.stack import StackSettings

LDAP_PORT: Final = 389
"""Portus' own default."""
SMTP_PORT: Final = 587
"""What is exported where the stack file names none."""
CLAIR_HEALTH_PORT: Final = 6061
"""Portus' own default."""
SCHEME_PORTS: Final = {"http": 80, "https": 443}

PORTUS: Final = (names.WEB, names.WORKER)
EVERY_TASK: Final = (names.WEB, names.WORKER, names.BOOTSTRAP)


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """One service.

    Args:
        name: its key under ``network.destinations``.
        workloads: that connect to it.
        ports: where it listens.
        networks: where it is, in CIDR form; empty for everywhere.
    """

    name: str
    workloads: tuple[str, ...]
    ports: tuple[int, ...]
    networks: tuple[str, ...]


def destinations(stack: StackSettings) -> tuple[Destination, ...]:
    """Return every service outside the stack that it uses; a service has one entry for each of its servers."""
    return (
        *_database(stack),
        *_ldap(stack),
        *_smtp(stack),
        *_oauth(stack),
        *_scanners(stack),
        *_object_store(stack),
        *_redis(stack),
        *_notifications(stack),
        *_proxies(stack),
    )


def _database(stack: StackSettings) -> Iterator[Destination]:
    database = stack.database
    if isinstance(database, ExternalDatabase):
        yield Destination(
            name="database",
            workloads=(*EVERY_TASK, *([names.BACKUPS] if stack.backup.enabled else [])),
            ports=(database.port,),
            networks=_networks(stack.network.destinations.database, database.host),
        )


def _ldap(stack: StackSettings) -> Iterator[Destination]:
    ldap = stack.portus.config.ldap
    if ldap.enabled:
        networks = _networks(stack.network.destinations.ldap, ldap.hostname)
        yield Destination(name="ldap", workloads=PORTUS, ports=(ldap.port or LDAP_PORT,), networks=networks)


def _smtp(stack: StackSettings) -> Iterator[Destination]:
    smtp = stack.portus.config.email.smtp
    if smtp.enabled:
        networks = _networks(stack.network.destinations.smtp, smtp.address)
        yield Destination(name="smtp", workloads=PORTUS, ports=(smtp.port or SMTP_PORT,), networks=networks)


def _oauth(stack: StackSettings) -> Iterator[Destination]:
    oauth = stack.portus.config.oauth
    urls = [
        (oauth.gitlab.enabled, oauth.gitlab.server),
        (oauth.openid_connect.enabled, oauth.openid_connect.issuer),
        (oauth.open_id.enabled, oauth.open_id.identifier),
        (oauth.google_oauth2.enabled, None),
        (oauth.github.enabled, None),
        (oauth.bitbucket.enabled, None),
    ]
    ports = {_port(url) if url else names.HTTPS_PORT for enabled, url in urls if enabled}
    if ports:
        networks = stack.network.destinations.oauth
        yield Destination(name="oauth", workloads=(names.WEB,), ports=tuple(sorted(ports)), networks=networks)


def _scanners(stack: StackSettings) -> Iterator[Destination]:
    security = stack.portus.config.security
    for server, further in ((security.clair.server, (security.clair.health_port or CLAIR_HEALTH_PORT,)), (security.zypper.server, ())):
        if server is not None:
            networks = _networks(stack.network.destinations.scanner, urlsplit(server).hostname)
            yield Destination(name="scanner", workloads=PORTUS, ports=tuple(sorted({_port(server), *further})), networks=networks)


def _object_store(stack: StackSettings) -> Iterator[Destination]:
    connections, networks = stack.registry.storage.connections(), stack.network.destinations.object_store
    ports = {*map(_port, connections.urls), *connections.ports}
    if ports:
        yield Destination(name="object_store", workloads=(names.REGISTRY,), ports=tuple(sorted(ports)), networks=networks)
    for network, listens in connections.metadata.items():
        yield Destination(name="object_store", workloads=(names.REGISTRY,), ports=listens, networks=(network,))


def _redis(stack: StackSettings) -> Iterator[Destination]:
    redis = stack.registry.redis
    if isinstance(redis, ExternalRedis):
        host, _, port = redis.addr.rpartition(":")
        networks = _networks(stack.network.destinations.redis, host)
        yield Destination(name="redis", workloads=(names.REGISTRY,), ports=(int(port),), networks=networks)


def _notifications(stack: StackSettings) -> Iterator[Destination]:
    for extra in stack.registry.notifications.extra_endpoints:
        networks = _networks(stack.network.destinations.notifications, urlsplit(extra.url).hostname)
        yield Destination(name="notifications", workloads=(names.REGISTRY,), ports=(_port(extra.url),), networks=networks)


def _proxies(stack: StackSettings) -> Iterator[Destination]:
    proxy = stack.network.proxy
    for url in dict.fromkeys(url for url in (proxy.http, proxy.https) if url is not None):
        networks = _networks(stack.network.destinations.proxy, urlsplit(url).hostname)
        yield Destination(name="proxy", workloads=(*PORTUS, names.REGISTRY), ports=(_port(url),), networks=networks)


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or SCHEME_PORTS[parts.scheme]


def _networks(networks: tuple[str, ...], host: str | None) -> tuple[str, ...]:
    """Return the networks that are set, else the host itself if it is an address."""
    try:
        return networks or (str(ipaddress.ip_network(host or "")),)
    except ValueError:
        return ()
