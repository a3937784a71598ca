"""The types of values: each says its rule and the fix in the user's words."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from components.settings.types.base import Checked, Matching, broken
from components.settings.types.hosts import (
    DNS_LABEL,
    DNS_NAME_LENGTH,
    REGISTRY,
    REPOSITORY,
    ascii_name,
    has_port,
    is_address,
    names_a_server,
    nearest_name,
)
from components.settings.types.sealed import is_sealed

_IMAGE: Final = re.compile(
    rf"(?P<registry>{REGISTRY}/)?{REPOSITORY}(?P<tag>:[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?P<digest>@sha256:[0-9a-f]{{64}})?"
)
_SAFE_SECRET: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{31,}")
_RUBY_ONLY: Final = re.compile(r"\\[hHzZAGRKX]|\\[pP]\{\^?\w+\}")


def _regexp(value: str) -> str:
    """A regular expression of Ruby's."""
    if re.fullmatch(r"/.+/[a-z]*", value):
        raise broken("must be a regular expression without '/' around it", f"write {value.strip('/imx')}")
    try:
        re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", _RUBY_ONLY.sub("x", value)))
    except re.error as error:
        if re.fullmatch(r"[\w.-]*(\*[\w.-]*)+", value):  # a pattern of a shell
            near = re.escape(value).replace(r"\*", ".*").replace(r"\-", "-")
            raise broken("must be a regular expression", f"write ^{near}$, which is '{value}' of a shell") from error
        at = "" if error.pos is None else f" at character {error.pos + 1}"
        what = f"Ruby cannot read it{at}: {error.msg}"
        raise broken("must be a regular expression", f"{what}; write '\\' before a character that is meant literally") from error
    return value


def _one_line(value: str) -> bool:
    return bool(value) and value == value.strip() and value.isprintable()


def _cidr(value: str) -> str:
    """A network in CIDR form."""
    if not re.search("/[0-9]+$", value):
        fix = "end it with '/' and the prefix's length; one address is 10.1.2.3/32"
        if names_a_server(value) and not is_address(value):
            fix = "write the addresses of that host, each with its prefix, e.g. 10.1.2.3/32: a name is not possible here"
        if re.fullmatch(r"[0-9.]+/255[0-9.]+", value):
            with contextlib.suppress(ValueError):
                fix = f"write {ipaddress.ip_network(value, strict=False)}"
        raise broken("must be a network in CIDR form, e.g. 10.0.0.0/8", fix)
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise broken("must be a network in CIDR form, e.g. 10.0.0.0/8", "write e.g. 10.0.0.0/8 or fd00::/8") from None
    if value.partition("/")[0] != str(network.network_address):
        raise broken("must be a network in CIDR form, e.g. 10.0.0.0/8", f"write {network}")
    return value


def _address(value: str) -> str:
    """An IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise broken("must be an IP address", "write e.g. 10.1.2.3") from None
    return value


def image_tag(image: str) -> str | None:
    """Return the tag of an image reference, None when it has only a digest."""
    match = _IMAGE.fullmatch(image)
    tag = match["tag"] if match else None
    return tag[1:] if tag else None


def image_digest(image: str) -> str | None:
    """Return the digest of an image reference, None when it has only a tag."""
    match = _IMAGE.fullmatch(image)
    digest = match["digest"] if match else None
    return digest[1:] if digest else None


def _image(value: str) -> str:
    """An image reference with tag or digest."""
    match = _IMAGE.fullmatch(value)
    if match is None or not has_port(match["registry"] or ""):
        near = re.sub(r"^hub\.docker\.com/(r|_|layers)/", "", re.sub(r"^[a-z]+://", "", value.strip()))
        path, colon, tag = near.partition(":") if "/" not in near.rpartition(":")[2] else (near, "", "")
        near = path.lower() + colon + tag
        tag = "" if re.search(r"[:@][^/]*$", near) else ":<tag>, with its tag"
        fix = f"write {near}{tag}" if _IMAGE.fullmatch(near) and near != value else "write e.g. registry.example.com/team/portus:2.5"
        raise broken("must be an image reference: registry/name:tag, optionally @sha256:digest", fix)
    if not match["tag"] and not match["digest"]:
        is_tag = re.fullmatch("v?[0-9][0-9.]*", value)
        fix = f"write the image before it: <image>:{value}" if is_tag else f"write '{value}:<tag>' or '{value}@sha256:<digest>'"
        raise broken("must have a tag or a digest", fix)
    return value


def _label(value: str) -> str:
    """A Kubernetes name: lower case letters, digits and '-', at most 63 characters."""
    if not DNS_LABEL.fullmatch(value):
        near = nearest_name(value, lambda name: DNS_LABEL.fullmatch(name) is not None, r"[^a-z0-9]+")
        rule = "must be a Kubernetes name: lower case letters, digits and '-', at most 63 characters"
        raise broken(rule, near or "write e.g. portus")
    return value


_PART: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""Kubernetes limits the whole name, and no part of it to the 63 characters of the DNS."""


def is_object_name(value: str) -> bool:
    """Whether ``value`` is a DNS subdomain (RFC 1123), which the names of most Kubernetes objects are."""
    return len(value) <= DNS_NAME_LENGTH and all(_PART.fullmatch(part) for part in value.split("."))


def _object_name(value: str) -> str:
    """A Kubernetes name: lower case letters, digits, '-' and '.', at most 253 characters."""
    if not is_object_name(value):
        rule = "must be a Kubernetes name: lower case letters, digits, '-' and '.', at most 253 characters"
        raise broken(rule, nearest_name(value, is_object_name, r"[^a-z0-9.-]+") or "write the name as kubectl get shows it")
    return value


def _class_name(value: str) -> str:
    """Name of a StorageClass, or "" for none."""
    return _object_name(value) if value else value


ClassName = Annotated[str, AfterValidator(_class_name)]
"""Name of a StorageClass; "" asks for an existing volume."""

DnsLabel = Annotated[str, AfterValidator(_label)]
"""Name of a Namespace or of a volume in a Pod."""

ObjectName = Annotated[str, AfterValidator(_object_name)]
"""Name of any other object: Secret, claim, ServiceAccount, class, issuer, Gateway."""

_UNITS: Final = {"ms": "ms", "s": "s", "sec": "s", "second": "s", "m": "m", "min": "m", "minute": "m", "h": "h", "hr": "h", "hour": "h"}
_HOURS: Final = {"d": 24, "day": 24, "w": 168, "week": 168}
LONGEST: Final = 2562047
"""Hours: Go counts a duration in nanoseconds, in 64 bits."""


def _nearest_duration(value: str) -> str:
    """Return what to write for a duration with its unit in words, or in days, which Go does not know."""
    match = re.fullmatch(r"([0-9]+)\s*([A-Za-z]+)", value.strip())
    unit = match[2].lower() if match else ""
    unit = unit if unit in _UNITS or unit in _HOURS else unit.removesuffix("s")
    if match and unit in _HOURS:
        return f"write {int(match[1]) * _HOURS[unit]}h"
    if match and unit in _UNITS:
        return f"write {match[1]}{_UNITS[unit]}"
    return "write e.g. 2000ms, 30s or 5m"


DurationOrZero = Annotated[
    str,
    Matching(
        r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+",
        "must be a Go duration with its unit (a number without unit means nanoseconds)",
        _nearest_duration,
    ),
    Checked(
        lambda v: seconds(v) <= LONGEST * 3600, f"must be at most {LONGEST}h, the longest that Go can read", "write e.g. 2000ms, 30s or 5m"
    ),
]

Duration = Annotated[
    DurationOrZero, Checked(lambda v: re.search("[1-9]", v) is not None, "must be longer than zero", "write e.g. 2s, or remove it")
]

WholeDuration = Annotated[
    str,
    Matching(
        r"(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?",
        "must be a duration for the Prometheus operator: whole numbers with units, the largest unit first",
        lambda value: _nearest_duration(value).replace("2000ms, 30s or 5m", "30s, 90s or 1m30s"),
    ),
    Checked(lambda v: re.search("[1-9]", v) is not None, "must be longer than zero", "write e.g. 30s, or remove it"),
]

GatewayDuration = Annotated[
    str,
    Matching(
        r"([0-9]{1,5}(h|m|s|ms)){1,4}",
        "must be a duration for the Gateway API (GEP-2257): whole numbers with units",
        "write e.g. 30m, or 90m instead of 1.5h",
    ),
]

_AMOUNT: Final = r"[1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*"


def _nearest_bytes(value: str) -> str:
    """Return what to write for an amount with another spelling of its unit: people who write GB or g mean Gi as a rule."""
    match = re.fullmatch(rf"({_AMOUNT})\s*([kmgtpe])(i?b?|bytes?)", value.strip(), re.IGNORECASE)
    return f"write {match[1]}{match[3].upper()}i" if match else "write e.g. 10Gi or 512Mi"


Bytes = Annotated[
    str,
    Matching(
        rf"({_AMOUNT})(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)",
        "must be an amount of bytes above zero in Kubernetes' notation, with its unit",
        _nearest_bytes,
    ),
]

Cpu = Annotated[
    str,
    Matching(
        r"[1-9][0-9]*m|[1-9][0-9]*(\.[0-9]{1,3})?|0\.(?=[0-9]*[1-9])[0-9]{1,3}",
        "must be an amount of CPU of 1m or more, in whole millicores: Kubernetes supports nothing finer",
        'write e.g. "2", "0.5" or 500m',
    ),
]

ImageRef = Annotated[str, AfterValidator(_image)]
Cidr = Annotated[str, AfterValidator(_cidr)]
IpAddress = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
NodePort = Annotated[int, Field(ge=30000, le=32767)]
RotationCount = Annotated[int, Field(ge=1, le=99)]
"""A rotation counter: it only grows."""

Username = Annotated[
    str,
    Matching(
        r"(?=.{2,255}$)[a-z0-9]+([._-][a-z0-9]+)*",
        "must be a name that can also be a namespace: lower case letters and digits, joined by one '.', '_' or '-'",
        "write e.g. portus-admin",
    ),
]

_ATOM: Final = "[A-Za-z0-9_%+-]+"
_EMAIL: Final = (
    rf"{_ATOM}(\.{_ATOM})*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+([A-Za-z]{{2,}}|[Xx][Nn]--[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)"
)


def _email(value: str) -> str:
    """An e-mail address, a domain outside ASCII in its xn-- form."""
    if not re.fullmatch(_EMAIL, value):
        name, bracket, inner = value.strip().removesuffix(">").rpartition("<")
        local, _, domain = inner.removeprefix("mailto:").rpartition("@")
        near = f"{local}@{ascii_name(domain.rstrip('.'))}"
        also = "; the name before it has its own key" if bracket and name.strip() else ""
        fix = f"write {near}{also}" if re.fullmatch(_EMAIL, near) else "write e.g. portus@example.com"
        raise broken("must be an e-mail address, a domain outside ASCII in its xn-- form", fix)
    return value


Email = Annotated[str, AfterValidator(_email), WithJsonSchema({"type": "string", "pattern": f"^({_EMAIL})$"})]


def _safe_secret(value: SecretStr) -> SecretStr:
    """A letter followed by at least 31 letters or digits."""
    # Generated passwords have this form by construction: the one that is refused is of an external server.
    if not is_sealed(value) and not _SAFE_SECRET.fullmatch(value.get_secret_value()):
        raise broken(
            "must be a letter followed by at least 31 letters or digits: Portus writes it unquoted into YAML",
            "ask the server's administrator for a password that begins with a letter and has 32 letters and digits or more",
        )
    return value


SafeSecret = Annotated[SecretStr, AfterValidator(_safe_secret)]
"""A secret that ends in an unquoted YAML file of Portus (portus-images.md: database.yml, secrets.yml)."""


_NUMBER: Final = re.compile(r"[0-9]*[eE]?[0-9]*|0[xXoObB].*")
_UNQUOTED: Final = re.compile(r"[A-Za-z0-9]{32,}")


def _unquoted_secret(value: SecretStr) -> SecretStr:
    """32 letters and digits or more that YAML reads as no number."""
    text = value.get_secret_value()
    if not is_sealed(value) and (not _UNQUOTED.fullmatch(text) or _NUMBER.fullmatch(text)):
        raise broken(
            "must be 32 letters and digits or more, and no number: Portus writes it unquoted into YAML",
            "generate one: openssl rand -hex 64",
        )
    return value


UnquotedSecret = Annotated[SecretStr, AfterValidator(_unquoted_secret)]
"""A secret that was made elsewhere, e.g. by ``openssl rand -hex 64``, and ends in an unquoted YAML file of Portus."""


def _nearest_line(value: str) -> str:
    near = value.replace("\ufeff", "").replace("\u200b", "").replace("\u00a0", " ").strip()
    return f"write '{near}'" if _one_line(near) else "write one line, or remove the key to keep the default"


Text = Annotated[str, Checked(_one_line, "must be one line of text, not empty and without spaces around it", _nearest_line)]

ContainerPath = Annotated[
    str,
    Checked(
        lambda v: v.startswith("/") and _one_line(v) and "/../" not in f"{v}/",
        "must be an absolute path inside the container",
        "begin it with '/', e.g. /certificates/ca.crt",
    ),
]

Regexp = Annotated[Text, AfterValidator(_regexp)]
"""A regular expression, which Portus' Ruby reads; what only Ruby knows is let pass."""


SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """Return a Go duration (``1m30s``) in whole seconds, rounded up."""
    return math.ceil(sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"([0-9.]+)(ms|s|m|h)", duration)))
