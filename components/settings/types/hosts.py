"""Names and addresses of servers, and what to write for one that was pasted with something around it."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from components.settings.types.base import broken

LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
DNS_LABEL: Final = re.compile(LABEL)
DNS_NAME_LENGTH: Final = 253
"""Characters in a DNS name (RFC 1035)."""
EXAMPLE: Final = "write the full name with its domain, e.g. portus.example.com"
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d"
_INVISIBLE: Final = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp"})
"""Unicode's categories of characters that a screen shows as nothing, or as a space."""


def is_dns_name(value: str) -> bool:
    """Whether ``value`` is a lower-case DNS name of two labels or more, and no address."""
    labels = value.split(".")
    return (
        len(value) <= DNS_NAME_LENGTH
        and len(labels) > 1
        and not labels[-1].isdigit()
        and all(DNS_LABEL.fullmatch(label) for label in labels)
    )


def names_a_server(value: str) -> bool:
    """Whether ``value`` is a DNS name, a Service's name or an address."""
    is_name = DNS_LABEL.fullmatch(value) is not None and not value.isdigit()  # programs read 3306 as the address 0.0.12.234
    return is_name or is_dns_name(value) or is_address(value)


def is_address(value: str) -> bool:
    """Whether ``value`` is an IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def ascii_name(value: str) -> str:
    """Return a host name as the DNS has it: each label outside ASCII in its xn-- form.

    As IDNA 2008 has it, hence not by Python's codec, which still writes another domain's name for one with ß or ς (RFC 5891, RFC 3492).
    """
    labels = unicodedata.normalize("NFKC", value.lower()).replace("\u3002", ".").split(".")  # the full stop of Chinese and Japanese
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def refuse_own_pod(host: str) -> None:
    """Refuse a name or address by which a Pod reaches only itself."""
    loopback = is_address(host) and (ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified)
    if loopback or host == "localhost" or host.endswith(".localhost"):
        raise broken(
            "must be a server that Pods can reach: this is the Pod itself", "write the server's DNS name, its Service's name or its address"
        )


def nearest_name(value: str, test: Callable[[str], bool], foreign: str = r"[_\s]+") -> str | None:
    """Return what to write for a name with capitals, '_', or quotes or spaces around it; None where that is not all that is wrong.

    Args:
        foreign: what becomes a '-'.
    """
    plain = value.strip().strip(_QUOTES).strip()
    if re.search(r"[^\w\s.-]", plain):
        return None
    near = re.sub(foreign, "-", plain.rstrip(".").lower()).strip("-.")
    return f"write '{near}'" if near != value and test(near) else None


def _host_in(value: str) -> str:
    """Return the host of a URL, or of a host with an account or a port; "" for none."""
    rest = re.split("[/?#]", re.sub(r"^\s*([A-Za-z][A-Za-z0-9+.-]*:)?//", "", value))[0].rpartition("@")[2].strip().lower()
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest if is_address(rest) else rest.partition(":")[0]


def _refuse_several(value: str) -> None:
    parts = [part for part in re.split(r"[\s,;]+", value) if part]
    if len(parts) > 1 and all(is_dns_name(part.lower()) or is_address(part) for part in parts):
        raise broken("must be one host", f"write one of them: {' or '.join(parts)}".lower())


def _refuse_unseen(value: str, test: Callable[[str], bool]) -> None:
    """Refuse characters that no screen shows, as a copy from a page or a document brings them."""
    unseen = sorted({each for each in value.strip(" \t\r\n") if unicodedata.category(each) in _INVISIBLE and each != " "})
    if unseen:
        near = "".join(each for each in value if unicodedata.category(each) not in _INVISIBLE).lower()
        names = ", ".join(f"U+{ord(each):04X}" for each in unseen)
        raise broken(f"must have no invisible characters: it has {names}", f"write '{near}'" if test(near) else "type it again")


def _in_another_script(value: str) -> PydanticCustomError:
    """Return the refusal of a host name outside ASCII, with its form in the DNS: certificates, the registry and clients know no other."""
    near, rule = ascii_name(value), "must be written as in the DNS, in ASCII letters"
    fix = f"write '{near}'" if is_dns_name(near) else "write the name's xn-- form"
    latin = {label for label in value.split(".") if re.search("[A-Za-z]", label)}
    strange = [each for label in latin for each in label if each.isalpha() and not unicodedata.name(each, "").startswith("LATIN")]
    if strange:
        looks = f"type '{strange[0]}' again: it is U+{ord(strange[0]):04X}, {unicodedata.name(strange[0], '').lower()}"
        return broken(rule, f"{looks}; if it is meant, {fix}")
    return broken(rule, fix)


def _host(value: str) -> str:
    """A DNS name in lower case, without scheme, port and path."""
    if is_dns_name(value):
        return value
    _refuse_unseen(value, is_dns_name)
    near = _host_in(value)
    fix = f"write '{near}'" if is_dns_name(near) else EXAMPLE
    if "://" in value or "/" in value:
        raise broken("must be only a host name, without scheme or path", fix)
    if "@" in value:
        exposed = "; change the password: it is exposed" if ":" in value.rpartition("@")[0] else ""
        raise broken("must be only a host name, without an account", f"{fix}{exposed}")
    if ":" in value:
        raise broken("must be only a host name, without a port", f"{fix}; the port follows from 'exposure'")
    _refuse_several(value)
    if not value.isascii() and not nearest_name(value, is_dns_name):
        raise _in_another_script(value)
    rule = "must be a DNS name in lower case with a domain, e.g. portus.example.com"
    raise broken(rule, nearest_name(value, is_dns_name) or EXAMPLE)


_HOST_PART: Final = r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
REGISTRY: Final = rf"{_HOST_PART}(\.{_HOST_PART})*(:[1-9][0-9]{{0,4}})?"
"""Host of a registry with its port, in the reference of an image; the highest port is for `has_port` to judge."""
REPOSITORY: Final = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
"""Path of an image in its registry (distribution/reference)."""
HIGHEST_PORT: Final = 65535


def has_port(text: str) -> bool:
    """Whether every port in ``text``, behind a colon, is one that exists."""
    return all(0 < int(port) <= HIGHEST_PORT for port in re.findall(r":([0-9]+)(?=$|/)", text))


def _network_host(value: str) -> str:
    """A host name, a Service's name or an IP address."""
    bare = value.strip().partition("://")[2] or value.strip()
    if is_address(_host_in(bare)) and ":" in _host_in(bare):
        raise broken("must be a host name, a Service's name or an IPv4 address", "write the server's name: IPv6 addresses are not tested")
    refuse_own_pod(value)
    if names_a_server(value):
        return value
    _refuse_unseen(value, names_a_server)
    near = _host_in(value)
    if "://" in value or "/" in value or ":" in value:
        fix = "the port has its own key"
        if re.match(r"/(?!/)|[a-z+]+:///|(?:unix|ldapi|file):", value):
            raise broken(
                "must be only a host, without scheme, port or path", "write the server's DNS name or address: a Pod cannot reach its socket"
            )
        is_known = names_a_server(near) and ":" not in near
        raise broken("must be only a host, without scheme, port or path", f"write '{near}'; {fix}" if is_known else fix)
    account, at, _ = value.rpartition("@")
    if at and names_a_server(near):
        raise broken("must be only a host, without an account", f"write '{near}'; '{account}' has its own key")
    _refuse_several(value)
    if not value.isascii() and not nearest_name(value, names_a_server):
        raise _in_another_script(value)
    close = nearest_name(value, names_a_server)
    docker = ": '_' is allowed in Docker's names, not in the DNS" if "_" in value else ""
    fix = f"{close}, if the DNS has that name{docker}" if close else "write the server's DNS name or address"
    raise broken("must be a host name in lower case, a Service's name or an IP address", fix)


Fqdn = Annotated[str, AfterValidator(_host)]
"""A public host name: no scheme, port, path or address."""

NetworkHost = Annotated[str, AfterValidator(_network_host)]
"""A server that Portus connects to: a DNS name, the name of a Service, or an address."""
