"""Which image each container runs: the stack file's, else this program's own choice behind the stack's mirror."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.common import versions

if TYPE_CHECKING:
    from components.settings.stack import StackSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """Image references."""

    portus: str
    registry: str
    mariadb: str
    edge: str
    client: str
    redis: str
    release: str
    """Part of the names of what is done once for each Portus: its version, and a hash of an image that the stack file names."""


def images(stack: StackSettings) -> Images:
    """Return every image of ``stack``; the rules have refused a version without one."""
    named, mirror, version = stack.images, stack.images.mirror, stack.portus.version.value
    return Images(
        release=version if named.portus is None else f"{version}-{hashlib.sha256(named.portus.encode()).hexdigest()[:8]}",
        portus=named.portus or _mirrored(versions.PORTUS_IMAGES[stack.portus.version], mirror),
        registry=named.registry or _mirrored(versions.REGISTRY_IMAGES[stack.registry.version], mirror),
        mariadb=named.mariadb or _mirrored(versions.MARIADB_IMAGE, mirror),
        edge=named.edge or _mirrored(versions.EDGE_IMAGE, mirror),
        client=named.client or _mirrored(versions.CLIENT_IMAGE, mirror),
        redis=named.redis or _mirrored(versions.REDIS_IMAGE, mirror),
    )


def _mirrored(image: str, mirror: str | None) -> str:
    """Return ``image`` with the mirror in place of its registry's host."""
    return image if mirror is None else f"{mirror}/{image.partition('/')[2]}"
