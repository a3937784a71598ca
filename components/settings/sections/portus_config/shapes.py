"""Sections of Portus' settings that occur more than once: a switch, a feature, a number with its unit."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from components.settings.types.base import UpstreamSection


class Switch(UpstreamSection):
    """A feature that is on or off."""

    enabled: bool | None = None
    """On or off; unset keeps Portus' own default."""


class Feature(UpstreamSection):
    """A feature that Portus ships switched off and that needs further settings once it is on."""

    needs: ClassVar[tuple[str, ...]] = ()
    """The settings without which the feature cannot work; ``rules/features.py`` asks for them."""

    enabled: bool | None = None
    """Portus' default: off. To keep the other settings for later write false."""


class Minutes(UpstreamSection):
    """A number of minutes."""

    value: Annotated[int, Field(ge=1, le=24 * 60)] | None = None
    """Minutes."""


class Count(UpstreamSection):
    """A number of items."""

    value: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Items."""


class Seconds(UpstreamSection):
    """A number of seconds."""

    value: Annotated[int, Field(ge=1, le=3600)] | None = None
    """Seconds."""
