"""Addresses on the web."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from components.settings.types.base import broken
from components.settings.types.hosts import ascii_name, names_a_server, refuse_own_pod


def _url(value: str) -> str:
    """An address on the web."""
    if "://" not in value:
        raise broken(
            "must be a URL that begins with http:// or https://",
            "put https:// before it, or http://" if value.strip() else "write e.g. https://example.com",
        )
    parts = _split(value)
    if parts is None and re.match("https?://", value):
        host = value.partition("://")[2].partition("/")[0]
        bare = host.count(":") > 1 and "[" not in host
        fix = "put the IPv6 address in square brackets" if bare else "write the host and, if it is not the default, a port up to 65535"
        raise broken("must be a URL with a host name or an address, and a port from 1 to 65535", fix)
    if parts is None or parts.scheme not in {"http", "https"} or not value.isprintable() or " " in value:
        near = re.sub(r"^(?!https?://)[a-z0-9+]+://", "https://", value.strip())
        inner = _split(near)
        fits = inner is not None and _is_url_host(inner) and near.isprintable() and " " not in near
        raise broken("must be a URL that begins with http:// or https://", f"write {near if fits else 'e.g. https://example.com'}")
    if parts.fragment:
        raise broken("must be a URL without '#': clients never send what follows it", f"write {value.partition('#')[0]}")
    if not _is_url_host(parts):
        raise broken("must be a URL with a host name or an address", _nearest_url(value, parts))
    refuse_own_pod(parts.hostname or "")
    return parts.scheme + value[len(parts.scheme) :]  # in lower case: HTTPS:// is the same to every program but to ours


def _nearest_url(value: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host.isascii() and names_a_server(ascii_name(host)):
        return f"write {value.replace(parts.netloc, parts.netloc.lower().replace(host, ascii_name(host)))}"
    near = re.sub(r"[^a-z0-9.-]+", "-", host).strip("-.")
    if ":" not in value.partition("://")[2].replace(parts.netloc, "") and near != host and names_a_server(near):
        return f"write {value.replace(parts.netloc, parts.netloc.lower().replace(host, near))}, if the server has that name in the DNS"
    return "write e.g. https://example.com, or https://[fd00::10] for an IPv6 address"


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _is_url_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return names_a_server(host) and (":" in host) == parts.netloc.rpartition("@")[2].startswith("[")


def _base_url(value: str) -> str:
    """A URL that paths are appended to."""
    if "?" in value:
        raise broken("must be a URL without a query: the program appends paths to it", f"write {value.partition('?')[0]}")
    if value.endswith("/"):
        raise broken("must be a URL without a '/' at its end: the program appends paths to it", f"write {value.rstrip('/')}")
    return value


def _unqueried(value: str) -> str:
    """A server's URL, to which a driver of the registry appends paths; they drop a '/' at its end."""
    if "?" in value:
        raise broken("must be a URL without a query: the driver appends paths to it", f"write {value.partition('?')[0]}")
    return value


Url = Annotated[str, AfterValidator(_url)]
"""An address on the web, with a query where it needs one."""

BaseUrl = Annotated[Url, AfterValidator(_base_url)]
"""The part of addresses that all share."""

DriverUrl = Annotated[Url, AfterValidator(_unqueried)]
"""The server of a storage driver."""
