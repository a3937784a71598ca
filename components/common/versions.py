"""Every image and version this program chooses by itself, each with its origin.

Tags only: the digests cannot be looked up from the closed network this is built in, and an invented digest would be worse
than none. Pin them in the stack file (``images.*: name:tag@sha256:...``). Profile ``production`` refuses a floating tag there, but asks for
no digest and takes these defaults as they are; the front proxy's moves with the patch releases of its series.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PortusVersion(StrEnum):
    """The Portus releases whose images this program knows (SUSE/Portus branches portus-2.0 to portus-2.5)."""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_2 = "2.2"
    V2_3 = "2.3"
    V2_4 = "2.4"
    V2_5 = "2.5"

    @property
    def is_puma(self) -> bool:
        """Whether the image runs Puma on port 3000 with a separate worker (2.3 on) rather than Apache and Passenger."""
        return self >= PortusVersion.V2_3


NEWEST_MIGRATIONS: Final[dict[PortusVersion, str]] = {
    PortusVersion.V2_0: "20151215152138",
    PortusVersion.V2_1: "20160927141850",
    PortusVersion.V2_2: "20160927141850",
    PortusVersion.V2_3: "20180207145522",
    PortusVersion.V2_4: "20181213101302",
    PortusVersion.V2_5: "20190314173309",
}
"""The last of each release's db/migrate (SUSE/Portus branches v2.0 to v2.5): a database with it is read by that release and, after their
migrations, by later ones. 2.2 added none to 2.1's, so each reads the other's."""


class RegistryVersion(StrEnum):
    """The series of the registry (distribution) that this program configures. 3.0 is left out: 3.1 reads the same and fixes its Redis."""

    V2_8 = "2.8"
    V3_1 = "3.1"


MARIADB_VERSION: Final = "10.11"
REDIS_VERSION: Final = "7.2"

MARIADB_IMAGE: Final = "docker.io/library/mariadb:10.11.14"
"""Docker official image, long-term series 10.11 (supported until February 2028): newer series change the default collation."""

REGISTRY_IMAGES: Final[dict[RegistryVersion, str]] = {
    RegistryVersion.V2_8: "docker.io/library/registry:2.8.3",
    RegistryVersion.V3_1: "docker.io/library/registry:3.1.2",
}
"""Docker official images: of distribution 2.8.3 (2023-10), the last release of the series that Portus was written for, and of 3.1.2,
the newest that docker-library/official-images lists."""

REDIS_IMAGE: Final = "docker.io/library/redis:7.2.11-alpine"
"""Docker official image, the last series under the BSD license; the registry's cache where the stack runs one."""

EDGE_IMAGE: Final = "docker.io/library/haproxy:3.2-alpine"
"""Docker official image of HAProxy, long-term series 3.2; anything from 2.4 on reads the configuration rendered here."""

CLIENT_IMAGE: Final = "docker.io/curlimages/curl:8.17.0"
"""curl with a POSIX shell, for the first set-up through Portus' API."""

PORTUS_IMAGES: Final[dict[PortusVersion, str]] = {
    PortusVersion.V2_3: "docker.io/opensuse/portus:2.3",
    PortusVersion.V2_4: "docker.io/opensuse/portus:2.4",
    PortusVersion.V2_5: "docker.io/opensuse/portus:2.5",
}
"""Upstream's last published images (docker.io/opensuse/portus, unmaintained since 2020). 2.0-2.2 name none: those images were built
by each team from the Dockerfile of openSUSE/docker-containers, so ``images.portus`` has to say which."""
