"""Secrets that the stack file holds in clear, and secrets in settings that end where everybody may read them.

Looked for in the file itself, so that they are found where the file is wrong otherwise, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import SecretStr

from components.common import pem
from components.settings.base import Section
from components.settings.pem_types import EXPOSED_KEY
from components.settings.places import Path, Place, tag_of
from components.settings.pod_shapes import EnvVar
from components.settings.redaction import holds_credentials, is_secret_annotation, is_secret_variable, secret_parameters, without_userinfo
from components.settings.report import HIDDEN, Problem

_STORED: Final = "this setting is stored in clear"

_HELD_IN_A_SECRET: Final = re.compile(r"registry\.notifications\.extra_endpoints\[\d+\]\.url")
"""Settings whose query is none of a ConfigMap (``components.registry.configuration.holds_a_secret``)."""

_VARIABLE: Final = re.compile(r"workloads\.\w+\.env\[\d+\]\.value")


def clear_secrets(raw: Any, encrypted: Callable[[Path], bool], models: tuple[type[Section], ...]) -> Iterator[Problem]:
    """Yield a problem for each secret that ``raw``, one of ``models``, holds in clear."""
    for place, _ in _texts(raw, models, ()):
        if SecretStr in place.kinds and isinstance(place.path[-1], str) and not encrypted(place.path):
            yield _in_clear(place)


def exposed_secrets(raw: Any, models: tuple[type[Section], ...]) -> Iterator[Problem]:
    """Yield a problem for each setting of ``raw`` that carries a secret into an object which is none, encrypted in the file or not."""
    for place, text in _texts(raw, models, ()):
        if SecretStr not in place.kinds and (found := _exposed(place, text)):
            rule, remedy = found
            yield Problem(key=place.dotted, value=HIDDEN, rule=rule, remedy=remedy)
    yield from _named_secrets(raw, models, ())


def _exposed(place: Place, text: str) -> tuple[str, str] | None:
    """Return rule and remedy of the secret in ``text``, None where there is none."""
    if pem.holds_a_private_key(text):
        return f"must hold no private key: {_STORED}", EXPOSED_KEY
    plain = without_userinfo(text)
    if plain is not None:
        return f"must be without user and password: {_STORED}", f"{_instead(place, plain)}, and change the password: it has been exposed"
    names = [] if _HELD_IN_A_SECRET.fullmatch(place.dotted) else secret_parameters(text)
    if names:
        return (
            f"must hold no secret in its query ({', '.join(names)}): {_STORED}",
            f"remove {' and '.join(names)}, and change the secret: it has been exposed",
        )
    if holds_credentials(text):
        return f"must hold no credentials: {_STORED}", "remove them, and change them: they have been exposed"
    return None


def _instead(place: Place, plain: str) -> str:
    if _VARIABLE.fullmatch(place.dotted):
        return "put the text into a Secret, write valueFrom: {secretKeyRef: {name: <Secret>, key: <key>}} in place of value"
    return f"write '{plain}'" if "\n" not in plain else "remove both from the URL"


def _named_secrets(raw: Any, models: tuple[type[Section], ...], path: Path) -> Iterator[Problem]:
    """Yield a problem for each variable and annotation that is named like a secret and holds one."""
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from _named_secrets(item, models, (*path, index))
    if not isinstance(raw, Mapping):
        return
    meant = _meant(raw, models)
    name, value = raw.get("name"), raw.get("value")
    if EnvVar in meant and isinstance(name, str) and isinstance(value, str) and is_secret_variable(name, value):
        yield Problem(
            key=Place((*path, "value"), meant).dotted,
            value=HIDDEN,
            rule=f"must come from a Secret, because {name} is named like one: {_STORED}",
            remedy="write valueFrom: {secretKeyRef: {name: <Secret>, key: <key>}} in place of value, and change it: it has been exposed",
        )
    for key, inner in raw.items():
        place = Place((*path, key), meant)
        if place.key in {"annotations", "serviceAccountAnnotations"} and isinstance(inner, Mapping):
            yield from (
                _annotation(place, label) for label, text in inner.items() if isinstance(text, str) and is_secret_annotation(label, text)
            )
        else:
            yield from _named_secrets(inner, tuple(place.inner), place.path)


def _annotation(place: Place, label: str) -> Problem:
    return Problem(
        key=f"{place.dotted}.{label}",
        value=HIDDEN,
        rule="must hold no secret: annotations can be read by everybody who may see the object",
        remedy="remove it, name a Secret instead where the controller takes one, and change it: it has been exposed",
    )


def _texts(raw: Any, models: tuple[type[Section], ...], path: Path) -> Iterator[tuple[Place, str]]:
    """Yield every text in ``raw`` with its place."""
    if isinstance(raw, Mapping):
        meant = _meant(raw, models)
        for key, value in raw.items():
            yield from _texts_at(value, Place((*path, key), meant))


def _texts_at(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield from _texts(item, tuple(place.inner), (*place.path, index))
            else:
                yield from _texts_at(item, Place((*place.path, index), place.models))
    elif isinstance(value, Mapping):
        yield from _texts(value, tuple(place.inner), place.path)


def _meant(raw: Mapping[str, Any], models: tuple[type[Section], ...]) -> tuple[type[Section], ...]:
    """Return the members of a union that ``raw`` names, all where it names none."""
    named = tuple(model for model in models if all(raw.get(key) == value for key, value in [tag_of(model)] if key))
    return named or models


def _in_clear(place: Place) -> Problem:
    return Problem(
        key=place.dotted,
        value=HIDDEN,
        rule="a secret stands encrypted in the stack file; this one can be read by whoever reads the file",
        remedy=f"change it, because it has been seen, then {place.encrypted}",
    )
