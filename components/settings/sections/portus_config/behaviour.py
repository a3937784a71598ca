"""What users may do, what happens to the images, Portus as the registry's client, and what its worker does."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.settings.sections.portus_config.shapes import Count, Feature, Minutes, Seconds, Switch
from components.settings.types.base import Matching, UpstreamSection
from components.settings.types.known_by import Since
from components.settings.types.urls import BaseUrl
from components.settings.types.values import Port, Regexp


class PushPolicy(UpstreamSection):
    """Who may push."""

    policy: Literal["allow-teams", "allow-personal", "admin-only"] | None = None
    """allow-teams: owners and contributors of the team; allow-personal: users into their own namespace, administrators everywhere;
    admin-only: administrators. Portus' default: allow-teams."""


class UserPermission(UpstreamSection):
    """What users may do that are not administrators. Portus' default: everything."""

    change_visibility: Switch = Switch()
    """The visibility of their own namespace."""
    create_team: Annotated[Switch, Since("2.3")] = Switch()
    """Make teams."""
    manage_team: Switch = Switch()
    """Change the teams they own; before 2.3 also make some."""
    create_namespace: Annotated[Switch, Since("2.3")] = Switch()
    """Make namespaces."""
    manage_namespace: Switch = Switch()
    """Change the namespaces they own; before 2.3 also make some."""
    create_webhook: Annotated[Switch, Since("2.4")] = Switch()
    """Make webhooks in the namespaces they own."""
    manage_webhook: Annotated[Switch, Since("2.4")] = Switch()
    """Change the webhooks of the namespaces they own."""
    push_images: Annotated[PushPolicy, Since("2.4")] = PushPolicy()


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

    moved_keys: ClassVar[dict[str, str]] = {"dummy": "remove it: it invents vulnerabilities, for Portus' own tests"}

    clair: Clair = Clair()
    zypper: Zypper = Zypper()


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
    """2.0 runs this text as Ruby, so only the form 15.minutes is accepted. Portus' default: 5.minutes."""


class Synchronization(Switch):
    """Portus' database made like the registry's catalog, every 20 s. Portus' default: on."""

    strategy: Literal["initial", "on-start", "update", "update-delete"] | None = None
    """initial: once, into an empty database; update: adds what is missing; update-delete: also deletes what the registry does not list;
    on-start: the same as update-delete, once at each start. The last two lose repositories, with their history, to one wrong answer of the
    registry (SUSE/Portus#1599, #1664) and so need ``accept``. Portus' default: initial."""


class Background(UpstreamSection):
    """The worker's tasks."""

    registry: Switch = Switch()
    """Whether the registry's events are handled. Portus' default: on; off, no push ever shows."""
    sync: Synchronization = Synchronization()


class Pagination(UpstreamSection):
    """Lists on Portus' pages."""

    limit: Annotated[Annotated[int, Field(ge=1, le=1000)] | None, Since("2.4", "2.4")] = None
    """Entries on a page, by its name in 2.4. Portus' default: 10."""
    per_page: Annotated[Annotated[int, Field(ge=1, le=1000)] | None, Since("2.5")] = None
    """Entries on a page. 2.4 lists it too, but its ``limit`` always wins. Portus' default: 10."""
    before_after: Annotated[int, Field(ge=1, le=50)] | None = None
    """Pages to choose from on either side of the current one. Portus' default: 2."""
