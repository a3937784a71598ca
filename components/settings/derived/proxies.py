"""HTTP proxies: the hosts that must be reached without one, and the variables of the workloads.

Portus (Ruby's ``URI::Generic#find_proxy``) and the registry (Go's ``httpproxy``) read HTTP_PROXY, HTTPS_PROXY and NO_PROXY in capitals or
in small letters. Both take an entry of NO_PROXY as a name and all names that end in it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from components.common import names

if TYPE_CHECKING:
    from components.settings.stack import StackSettings

PROXIED: Final = (names.WEB, names.WORKER, names.REGISTRY)
"""The workloads that open HTTP connections to the outside."""

LOCAL: Final = ("localhost", "127.0.0.1", "svc", "cluster.local")
"""The Pod itself, and every Service by its full name."""

METADATA: Final = ("169.254.169.254", "metadata.google.internal")
"""Addresses at which clouds give a Pod its identity."""


def variables(stack: StackSettings) -> Mapping[str, str]:
    """Return the variables of ``network.proxy``, none where it is not set."""
    proxy = stack.network.proxy
    urls = {"HTTP_PROXY": proxy.http, "HTTPS_PROXY": proxy.https}
    proxies = {name: value for name, value in urls.items() if value is not None}
    return {**proxies, "NO_PROXY": completed("", stack, proxy.no_proxy)} if proxies else {}


def is_proxy_variable(name: str) -> bool:
    """Whether a program takes its proxy from this variable."""
    return re.fullmatch(r"(http|https|all)_proxy", name.lower()) is not None


def is_exception_variable(name: str) -> bool:
    """Whether a program takes from this variable the hosts that it reaches without a proxy."""
    return name.lower() == "no_proxy"


def completed(no_proxy: str, stack: StackSettings, further: tuple[str, ...] = ()) -> str:
    """Return ``no_proxy``, a value of NO_PROXY, with everything added that this stack needs."""
    entries = [entry.strip() for entry in no_proxy.split(",") if entry.strip()]
    direct_hosts = (*LOCAL, *own_hosts(stack), *further)
    return ",".join((*entries, *(host for host in dict.fromkeys(direct_hosts) if not covers(no_proxy, host))))


def covers(no_proxy: str, host: str, *, stars: bool = False) -> bool:
    """Whether the value ``no_proxy`` of NO_PROXY covers ``host``.

    Args:
        stars: whether the program knows ``*.example.com``: Go's do, and Ruby compares the star itself (URI, ``use_proxy?``).
    """
    entries = [re.sub(r"^\*?\." if stars else r"^\.", "", entry.strip().lower()) for entry in no_proxy.split(",")]
    return any(entry and (host == entry or host.endswith(f".{entry}")) for entry in entries)


def own_hosts(stack: StackSettings) -> tuple[str, ...]:
    """Return the hosts that Portus and the registry must reach without a proxy: the stack's own, and those that no proxy can reach."""
    return tuple(dict.fromkeys((*stack.hosts, *(host for host in _servers(stack) if _is_inside(host)), *_metadata(stack))))


def _servers(stack: StackSettings) -> Iterator[str]:
    config = stack.portus.config
    urls = [
        config.security.clair.server,
        config.security.zypper.server,
        config.oauth.gitlab.server,
        config.oauth.openid_connect.issuer,
        *stack.registry.storage.connections().urls,
        *(extra.url for extra in stack.registry.notifications.extra_endpoints),
    ]
    for url in urls:
        if url is not None and (host := urlsplit(url).hostname):
            yield host


def _is_inside(host: str) -> bool:
    """Whether ``host`` is a Service by its short name, by a name with its namespace, or a private address."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".svc", ".cluster.local"))


def _metadata(stack: StackSettings) -> tuple[str, ...]:
    return METADATA if stack.registry.storage.connections().metadata else ()
