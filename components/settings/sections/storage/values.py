"""The types of values that several storage drivers have."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from components.settings.types.base import ChangeImpact, Matching, broken

MIB: Final = 1024 * 1024

OTHER_STORE: Final = ChangeImpact("another, empty store: copy the blobs first, and unprotect the claim (docs/operate/protection.md)")

ChunkSize = Annotated[int, Field(ge=5 * MIB, le=5 * 1024 * MIB)]
"""Bytes of one part of an upload; object stores take parts from 5 MiB to 5 GiB."""


def _bucket(value: str) -> str:
    """A bucket's name: letters, digits, '.', '-' and '_'."""
    rule = "must be a bucket's name: letters, digits, '.', '-' and '_'"
    if not re.fullmatch(_BUCKET, value):
        near = re.split("[/?]", re.sub(r"^[a-z0-9]+://", "", value.strip()))[0]
        raise broken(rule, f"write {near}" if re.fullmatch(_BUCKET, near) else "write only the bucket's name, e.g. registry-images")
    return value


_BUCKET: Final = r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,221}"
Bucket = Annotated[str, AfterValidator(_bucket)]
Prefix = Annotated[
    str,
    Matching(
        r"/|/?[\w.-]+(/[\w.-]+)*/?", "must be a path inside the bucket, of letters, digits, '.', '-', '_' and '/'", "write e.g. /registry"
    ),
]
"""The drivers read ``/`` and a '/' at either end as if it was not there; Swift's keeps one at the end."""
