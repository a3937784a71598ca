"""What happens to the images: deletion, collection of old ones, scanning."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from components.settings.sections.portus_config.kinds import Feature, Switch
from components.settings.sections.portus_config.versions import Since
from components.settings.types.base import UpstreamSection
from components.settings.types.urls import BaseUrl
from components.settings.types.values import Port, Regexp


class GarbageCollector(Feature):
    """Deletes old tags, each minute; it frees no space in the registry.

    2.4 looks at a tag's last update alone and so deletes images that are pulled every day; 2.5 spares what was pulled.
    """

    older_than: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Days without an update and, 2.5 on, without a pull. Portus' default: 30."""
    keep_latest: Annotated[Annotated[int, Field(ge=0, le=100000)] | None, Since("2.5")] = None
    """Nothing is deleted while the whole of Portus has at most this many tags: a global count, none by repository. Portus' default: 5."""
    tag: Regexp | None = None
    """Only tags whose name matches this Ruby regular expression. Unset: all."""


class Delete(Switch):
    """Deletion of images and tags by users. Portus' default: on from 2.4 on, off before."""

    contributors: Annotated[bool | None, Since("2.4")] = None
    """Whether contributors of a team may delete, beside its owners. Must not be on in 2.5. Portus' default: off."""
    garbage_collector: Annotated[GarbageCollector, Since("2.4")] = GarbageCollector()


class Clair(UpstreamSection):
    """CoreOS Clair 2.0."""

    server: BaseUrl | None = None
    """Its API, e.g. http://clair:6060; setting it switches scanning on."""
    health_port: Port | None = None
    """Portus' default: 6061."""
    timeout: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds for one request. Portus' default: 900, as Clair's."""


class Zypper(UpstreamSection):
    """``zypper-docker serve``; experimental upstream."""

    server: BaseUrl | None = None
    """Its API; setting it switches scanning on."""


class Security(UpstreamSection):
    """The scanners of vulnerabilities; several add up."""

    elsewhere: ClassVar[dict[str, str]] = {"dummy": "remove it: it invents vulnerabilities, for Portus' own tests"}

    clair: Clair = Clair()
    zypper: Zypper = Zypper()
