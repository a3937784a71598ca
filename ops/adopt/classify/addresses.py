"""Addresses that change with the move, or hold a password."""

from __future__ import annotations

import re

from ops.adopt.model import Source


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
    return frozenset(names)
