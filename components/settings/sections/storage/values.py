"""The types of values that several storage drivers have."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

from components.settings.types.base import ChangeImpact, Matching

MIB: Final = 1024 * 1024

OTHER_STORE: Final = ChangeImpact("an empty store: copy the blobs first, and unprotect the claim (docs/operate/protection.md)")

ChunkSize = Annotated[int, Field(ge=5 * MIB, le=5 * 1024 * MIB)]
"""Bytes of one part of an upload; object stores take parts from 5 MiB to 5 GiB."""


_BUCKET: Final = r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,221}"
_AMAZON: Final = r"(?![0-9]+(\.[0-9]+){3}$)(?!.*\.\.)(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_GOOGLE: Final = r"(?![0-9]+(\.[0-9]+){3}$)(?!.*\.\.)(?!goog)(?=[^.]{1,63}(\.[^.]{1,63})*$)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
_AZURE: Final = r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
_ALIBABA: Final = r"[a-zA-Z0-9][a-zA-Z0-9-]{1,61}[a-zA-Z0-9]"
_SWIFT: Final = r"(?! )[^/\x00-\x1f\x7f]{1,256}(?<! )"
"""Sources: bucketnamingrules.html of Amazon S3's user guide, cloud.google.com/storage/docs/buckets#naming,
learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata, Alibaba's bucket naming conventions."""

_SERVERS: Final = r"[^/]+\.(amazonaws\.com|googleapis\.com|aliyuncs\.com|windows\.net)(:[0-9]+)?(/|$)"
_STORES: Final = r"s3[.-]|storage\.googleapis\.|oss-"
"""How the host of a store begins, behind the bucket's name where that is a part of it."""


def _within(value: str) -> tuple[str, str]:
    """Return the bucket's name in an address, a path or an ARN, and the path behind it; a name is returned as it is."""
    plain = re.sub(r"^arn:[a-z-]+:s3:::", "", value.strip())
    if page := re.search("/(?:browser|buckets)/([^/?;]+)", plain):  # of a cloud's console
        return page[1], ""
    scheme, _, rest = plain.rpartition("://")
    scheme = scheme or ("https" if re.match(_SERVERS, rest) else "")
    host, _, path = re.split("[?#]", rest)[0].partition("/")
    of_host = re.match(rf"(.+?)\.(?:{_STORES})", host)
    if scheme.lower() in {"http", "https"} and not of_host:
        host, _, path = path.partition("/")
    return of_host[1] if of_host else host, path.strip("/")


def nearest_bucket(value: str, pattern: str, shown_by: str) -> str:
    """Return what to write for ``value``, which is not a name by ``pattern``.

    Args:
        shown_by: what lists the names.
    """
    if re.match(r"arn:[a-z-]+:s3:[a-z0-9-]+:\d+:accesspoint", value.strip()):
        return "write the alias of the access point, which ends in -s3alias: aws s3control list-access-points shows it"
    inner, path = _within(value)
    near = re.sub(r"[^a-z0-9]+", "-", inner.lower()).strip("-")
    if re.fullmatch(pattern, inner):
        return f"write {inner}{'; a path inside it is rootdirectory' if path else ''}"
    if re.fullmatch(pattern, near) and not re.fullmatch("[0-9.]+", inner):
        return f"write {near}; {shown_by} lists the names"
    return f"write the name as {shown_by} shows it, e.g. registry-images"


def _named(rule: str, pattern: str, shown_by: str) -> Matching:
    """Return the check of a name that a store gives."""
    return Matching(pattern, rule, lambda value: nearest_bucket(value, pattern, shown_by))


AMAZON_RULE: Final = (
    "must be a bucket's name by Amazon's rules: 3 to 63 lower case letters, digits, '-' and '.', a letter or digit at both ends, no '..', "
    "no IP address"
)


def amazon_fix(bucket: str) -> str | None:
    """Return what to write for a bucket that Amazon S3 cannot have, None for one that it can."""
    return None if re.fullmatch(_AMAZON, bucket) else nearest_bucket(bucket, _AMAZON, "aws s3 ls")


Bucket = Annotated[str, _named("must be a bucket's name: letters, digits, '.', '-' and '_'", _BUCKET, "the store")]
"""A bucket of any server that speaks S3; `amazon_fix` knows Amazon's own, which depends on the endpoint."""
GoogleBucket = Annotated[
    str,
    _named(
        "must be a bucket's name by Google's rules: 3 to 63 lower case letters, digits, '-', '_' and '.', a letter or digit at both ends, "
        "no '..', no IP address",
        _GOOGLE,
        "gcloud storage ls",
    ),
]
AzureContainer = Annotated[
    str,
    _named(
        "must be a container's name by Azure's rules: 3 to 63 lower case letters, digits and '-', a letter or digit at both ends, no '--'",
        _AZURE,
        "az storage container list",
    ),
]
AlibabaBucket = Annotated[
    str,
    _named(
        "must be a bucket's name by Alibaba's rules: 3 to 63 letters, digits and '-', a letter or digit at both ends",
        _ALIBABA,
        "ossutil ls",
    ),
]
"""The driver writes it in lower case."""
SwiftContainer = Annotated[
    str, _named("must be a container's name: at most 256 characters, without '/'", _SWIFT, "openstack container list")
]
Prefix = Annotated[
    str,
    Matching(
        r"/|/?[\w.-]+(/[\w.-]+)*/?", "must be a path inside the bucket, of letters, digits, '.', '-', '_' and '/'", "write e.g. /registry"
    ),
]
"""The drivers read ``/`` and a '/' at either end as if it was not there; Swift's keeps one at the end."""
