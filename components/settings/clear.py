"""Secrets that the stack file holds in clear, also where the file is wrong otherwise: looked for in the file, not in what stands of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from components.settings.base import Section
from components.settings.places import Path, Place, tag_of
from components.settings.report import HIDDEN, Problem


def clear_secrets(raw: Any, encrypted: Callable[[Path], bool], models: tuple[type[Section], ...], path: Path = ()) -> Iterator[Problem]:
    """Yield a problem for each secret that ``raw``, one of ``models``, holds in clear."""
    if not isinstance(raw, Mapping):
        return
    meant = _meant(raw, models)
    for key, value in raw.items():
        place = Place((*path, key), meant)
        if isinstance(value, str):
            if SecretStr in place.kinds and not encrypted(place.path):
                yield _in_clear(place)
        elif isinstance(value, list):
            for step, item in enumerate(value):
                yield from clear_secrets(item, encrypted, tuple(place.inner), (*place.path, step))
        elif isinstance(value, Mapping):
            yield from clear_secrets(value, encrypted, tuple(place.inner), place.path)


def _meant(raw: Mapping[str, Any], models: tuple[type[Section], ...]) -> tuple[type[Section], ...]:
    """Return the members of a union that ``raw`` names, all where it names none."""
    named = tuple(model for model in models if all(raw.get(key) == value for key, value in [tag_of(model)] if key))
    return named or models


def _in_clear(place: Place) -> Problem:
    section, _, rest = place.dotted.partition(".")
    return Problem(
        key=place.dotted,
        value=HIDDEN,
        rule="a secret stands encrypted in the stack file; this one can be read by whoever reads the file",
        remedy=f"pulumi config set --secret --path 'portus:{section}.{rest}' (and change it: it has been seen)",
    )
