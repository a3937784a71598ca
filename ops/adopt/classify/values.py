"""Values of the source as Portus and the registry read them, and addresses that change with the move or hold a password."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ops.adopt.model import Source

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_SERVER = re.compile(r"(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_KEPT_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9]{31,}")


def quoted(text: str) -> bool:
    """Whether quotes are part of the value: a list of Compose's keeps them (``- NAME='true'``)."""
    return len(text) > 1 and text[0] == text[-1] and text[0] in "'\""


def flag(value: Any) -> bool | None:
    """Return the switch that ``value`` is, None when it is none."""
    return {"true": True, "false": False}.get(str(value).strip().lower()) if not isinstance(value, bool) else value


def number(value: Any) -> int | None:
    """Return the number that ``value`` is; Portus ships ``587,`` with a stray comma."""
    text = str(value).strip().rstrip(",")
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


def host_and_port(text: str) -> tuple[str, str]:
    """Return host and port of a URL or an authority; the port "" when none is written."""
    authority = re.sub(r"^[a-z]+://", "", text.strip().strip("'\"")).partition("/")[0].rpartition("@")[2]
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        return host.lower(), port.lstrip(":")
    host, _, port = authority.partition(":")
    return host.lower(), port.rpartition(":")[2]


def names_a_server(host: str) -> bool:
    """Whether ``host`` is a name that the DNS can have, or an address."""
    return _SERVER.fullmatch(host) is not None


def mail_address(text: str) -> str:
    """Return the address in ``text``, which may have a person's name before it; "" for none."""
    address = text.strip().removesuffix(">").rpartition("<")[2].strip()
    local, _, domain = address.rpartition("@")
    return address if re.fullmatch(r"[\w%+-]+(\.[\w%+-]+)*", local, re.ASCII) and is_public_name(domain.lower()) else ""


def is_public_name(host: str) -> bool:
    """Whether ``host`` can be the public name of a stack: a DNS name with a dot, and no address."""
    if re.search(r"\.svc(\.|$)|\.cluster\.local$", host):
        return False  # a name inside a cluster
    return _HOST.fullmatch(host) is not None and not is_address(host) and not re.fullmatch(r"\d+", host.rpartition(".")[2])


def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def fits_kept_password(text: str) -> bool:
    """Whether the program accepts ``text`` as an adopted password: 32 letters and digits or more, a letter first."""
    return _KEPT_PASSWORD.fullmatch(text) is not None


def has_password(text: str) -> bool:
    """Whether a URL has a user's password in it."""
    return re.search(r"://[^/\s:@]*:[^/\s@]+@", text) is not None


def inner_names(source: Source) -> frozenset[str]:
    """Return the names that only the old deployment resolves: of its services, and what links call them."""
    names = {workload.name for workload in source.workloads} | source.services
    for workload in source.workloads:
        for item in workload.rest:
            if item.key.endswith(("links", ".container_name", ".hostname")):
                texts = item.value if isinstance(item.value, list) else [item.value]
                names |= {str(text).rpartition(":")[2] for text in texts}
            elif item.key.endswith(".networks") and isinstance(item.value, dict):
                names |= {str(alias) for network in item.value.values() for alias in (network or {}).get("aliases") or []}
    return frozenset(names)
