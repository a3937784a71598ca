"""Portus as the registry's client, and what its worker does."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.settings.sections.portus_config.kinds import Count, Minutes, Seconds, Switch
from components.settings.sections.portus_config.versions import Since
from components.settings.types.base import Matching, UpstreamSection


class RegistryClient(UpstreamSection):
    """Portus as the registry's client and token issuer."""

    jwt_expiration_time: Minutes = Minutes()
    """Minutes a token lives: a push that lasts longer ends in "authentication required" (SUSE/Portus#510). Portus' default: 15 from 2.4
    on, 5 before."""
    catalog_page: Count = Count()
    """Repositories that one request for the catalog brings. Portus' default: 100."""
    timeout: Annotated[Seconds, Since("2.3")] = Seconds()
    """To connect. Portus' default: 2."""
    read_timeout: Annotated[Seconds, Since("2.3")] = Seconds()
    """For an answer. Portus' default: 120."""


class RubyMinutes(UpstreamSection):
    """Minutes as 2.0 writes them."""

    value: (
        Annotated[str, Matching(r"[1-9][0-9]{0,2}\.minutes", "must be a number of minutes in Ruby's notation", "write e.g. 15.minutes")]
        | None
    ) = None
    """Ruby, which 2.0 runs as it stands: nothing but e.g. 15.minutes is let through. Portus' default: 5.minutes."""


class Synchronisation(Switch):
    """Portus' database made like the registry's catalog, every 20 s. Portus' default: on."""

    strategy: Literal["initial", "on-start", "update", "update-delete"] | None = None
    """initial: once, into an empty database; update: adds what is missing; update-delete: also deletes what the registry does not list;
    on-start: that once at each start. The last two lose repositories, with their history, to one wrong answer of the registry
    (SUSE/Portus#1599, #1664) and so need ``accept``. Portus' default: initial."""


class Background(UpstreamSection):
    """The worker's tasks."""

    registry: Switch = Switch()
    """Whether the registry's events are handled. Portus' default: on; off, no push ever shows."""
    sync: Synchronisation = Synchronisation()


class Pagination(UpstreamSection):
    """Lists on Portus' pages."""

    limit: Annotated[Annotated[int, Field(ge=1, le=1000)] | None, Since("2.4", "2.4")] = None
    """Entries on a page, by its name in 2.4. Portus' default: 10."""
    per_page: Annotated[Annotated[int, Field(ge=1, le=1000)] | None, Since("2.5")] = None
    """Entries on a page. 2.4 lists it too, but its ``limit`` always wins. Portus' default: 10."""
    before_after: Annotated[int, Field(ge=1, le=50)] | None = None
    """Pages to choose from on either side of the current one. Portus' default: 2."""
