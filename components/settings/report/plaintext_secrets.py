"""Secrets that the stack file has in clear or in each other's place, and those in settings that end in an object that is not secret.

They are searched in the file itself, so that they are found in a file that is wrong otherwise, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from components.common import pem
from components.settings.report.locate import NAMED, Path, Place, find, tag_of, value_at
from components.settings.report.problems import HIDDEN, Problem
from components.settings.report.redaction import (
    gives_a_secret,
    holds_credentials,
    is_secret_annotation,
    is_secret_variable,
    secret_parameters,
    without_userinfo,
)
from components.settings.sections.kubernetes import EnvVar
from components.settings.types.base import Section
from components.settings.types.pem_types import EXPOSED_KEY

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_STORED: Final = "this setting is stored as plain text"
_REMOVE: Final = "remove them, and replace them: they are exposed"
_BY_REFERENCE: Final = "put the text into a Secret, write valueFrom: {secretKeyRef: {name: <Secret>, key: <key>}} instead of value"

_HELD_IN_A_SECRET: Final = re.compile(r"registry\.notifications\.extraEndpoints\[\d+\]\.url")
"""Settings whose query is none of a ConfigMap (``components.registry.configuration.holds_a_secret``)."""

_MARKS: Final = re.compile(r"//|:/|\\\\|-----BEGIN|LS0t|eyJ|[=:@\s]|[A-Za-z0-9+/_-]{40}")
"""Every text that holds a secret has one of these; most texts of a stack file have none."""

_VARIABLE: Final = re.compile(r"workloads\.\w+\.env\[\d+\]\.value")
_FREE: Final = re.compile(rf"{_VARIABLE.pattern}|registry\.extraConfig\..+|.*(?:annotations|headers)\..+", re.IGNORECASE | re.DOTALL)
"""Settings that take any text, so that only the text itself tells that it holds a secret."""

_HOLDING: Final = frozenset({"value", "annotations", "serviceAccountAnnotations"})
"""Keys of a section whose own or whose entries' names may say that they hold a secret."""

Found = tuple[Path, tuple[type[Section], ...], Mapping[str, Any]]
"""A section of the stack file: its path, the models that it may be of, and what it holds."""


def clear_secrets(found: Sequence[Found], encrypted: Callable[[Path], bool]) -> Iterator[Problem]:
    """Yield a problem for each secret that the sections ``found`` hold in clear."""
    for path, meant, section in found:
        for key, value in section.items():
            if isinstance(value, str) and _is_secret(meant, key) and not encrypted((*path, key)):
                yield _in_clear(Place((*path, key), meant))


def swapped_keys(
    entries: Sequence[ErrorDetails], raw: Mapping[str, object], encrypted: Callable[[Path], bool]
) -> dict[Path, Problem | None]:
    """Return one problem for a certificate and a key that are each in the other's place; the key's own is None."""
    found: dict[Path, Problem | None] = {}
    for loc in (entry["loc"] for entry in entries if entry["loc"][-1:] in {("certificate",), ("caCertificate",)}):
        other = next((entry["loc"] for entry in entries if entry["loc"] == (*loc[:-1], "privateKey")), None)
        place = find(loc, raw)
        key, certificate = value_at(raw, place.path), value_at(raw, (*place.path[:-1], "privateKey"))
        if other and isinstance(key, str) and isinstance(certificate, str) and _is_key(key) and not _is_key(certificate):
            exposed = "" if encrypted(place.path) else "; replace the key, because the file exposes it"
            rule = "must be the certificate, and privateKey its key: they are swapped"
            found[loc] = Problem(key=place.dotted, value=HIDDEN, rule=rule, fix=f"swap {place.key} and privateKey{exposed}")
            found[other] = None
    return found


def _is_key(text: str) -> bool:
    """Whether ``text`` is a private key without a certificate; the other's place decides about a text that is neither."""
    labels = {block.label for block in pem.blocks(text)}
    return any(label.endswith(pem.PRIVATE_KEY) for label in labels) and pem.CERTIFICATE not in labels


def in_one(told: Iterable[Problem], clear: Iterable[Problem]) -> list[Problem]:
    """Return ``told`` and ``clear``; a secret in clear that also has the wrong form is one problem, because one new secret solves both."""
    found, rest = {problem.key: problem for problem in clear}, []
    for problem in told:
        if problem.rule.startswith("must ") and not problem.fix.startswith("swap ") and (plain := found.get(problem.key)):
            seen, _, encrypt = plain.fix.partition(", then ")
            form = problem.fix.removesuffix(NAMED)
            found[problem.key] = replace(plain, rule=f"{plain.rule}; it {problem.rule}", fix=f"{seen}: {form}; then {encrypt}")
        else:
            rest.append(problem)
    return [*rest, *found.values()]


def exposed_secrets(found: Sequence[Found]) -> Iterator[Problem]:
    """Yield a problem for each setting that carries a secret into an object which is none, encrypted in the file or not."""
    for path, meant, section in found:
        for key, value in section.items():
            if _may_expose(value) and not _is_secret(meant, key):
                yield from _exposed_at((*path, key), value)
        if not _HOLDING.isdisjoint(section):
            yield from _named_secrets(path, meant, section)


def _may_expose(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and _MARKS.search(value) is not None)


def _exposed_at(path: Path, value: Any) -> Iterator[Problem]:
    """Yield a problem for each secret in the text, or the texts of the list, at ``path``, if they may hold one."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if _may_expose(item):
                yield from _exposed_at((*path, index), item)
    elif found := _exposed(place := Place(path, ()), value):
        yield Problem(key=place.dotted, value=HIDDEN, rule=found[0], fix=found[1])


def _exposed(place: Place, text: str) -> tuple[str, str] | None:
    """Return rule and fix of the secret in ``text``, None where there is none."""
    if pem.holds_a_private_key(text):
        return f"must not have a private key: {_STORED}", EXPOSED_KEY
    plain = without_userinfo(text)
    if plain is not None:
        return f"must not have a user and a password: {_STORED}", f"{_instead(place, plain)}, and change the password: it is exposed"
    names = [] if _HELD_IN_A_SECRET.fullmatch(place.dotted) else secret_parameters(text)
    if names:
        return (
            f"must not have a secret in its query ({', '.join(names)}): {_STORED}",
            f"remove {' and '.join(names)}, and change the secret: it is exposed",
        )
    if holds_credentials(text) or (_FREE.fullmatch(place.dotted) and gives_a_secret(text)):
        fix = f"{_BY_REFERENCE}, and replace the secret: it is exposed" if _VARIABLE.fullmatch(place.dotted) else _REMOVE
        return f"must not have credentials: {_STORED}", fix
    return None


def _instead(place: Place, plain: str) -> str:
    if _VARIABLE.fullmatch(place.dotted):
        return _BY_REFERENCE
    return f"write '{plain}'" if "\n" not in plain else "remove both from the URL"


def _named_secrets(path: Path, meant: tuple[type[Section], ...], section: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for ``section`` where it is a variable, and for each annotation of it, named like a secret that it holds."""
    name, value = section.get("name"), section.get("value")
    if EnvVar in meant and isinstance(name, str) and isinstance(value, str) and is_secret_variable(name, value):
        yield Problem(
            key=Place((*path, "value"), meant).dotted,
            value=HIDDEN,
            rule=f"must come from a Secret, because its name {name} is that of a secret: {_STORED}",
            fix="write valueFrom: {secretKeyRef: {name: <Secret>, key: <key>}} instead of value, and replace the secret: it is exposed",
        )
    for key in ("annotations", "serviceAccountAnnotations"):
        inner = section.get(key)
        if isinstance(inner, Mapping):
            place = Place((*path, key), meant)
            yield from (
                _annotation(place, label) for label, text in inner.items() if isinstance(text, str) and is_secret_annotation(label, text)
            )


def _annotation(place: Place, label: str) -> Problem:
    return Problem(
        key=f"{place.dotted}.{label}",
        value=HIDDEN,
        rule="must not have a secret: all users who may read the object see its annotations",
        fix="remove it, name a Secret if the controller supports that, and replace the secret: it is exposed",
    )


def found_in(raw: Mapping[str, Any], model: type[Section]) -> list[Found]:
    """Return every section in ``raw``, which should be a ``model``."""
    found: list[Found] = []
    waiting: list[tuple[Path, tuple[type[Section], ...], Any]] = [((), (model,), raw)]
    while waiting:
        path, may_be, node = waiting.pop()
        if isinstance(node, list):
            waiting += [((*path, index), may_be, item) for index, item in enumerate(node) if isinstance(item, (dict, list))]
        else:
            meant = _meant(node, may_be)
            found.append((path, meant, node))
            waiting += [((*path, key), _inner(meant, key), value) for key, value in node.items() if isinstance(value, (dict, list))]
    return found


@cache
def _inner(models: tuple[type[Section], ...], key: str) -> tuple[type[Section], ...]:
    return tuple(Place((key,), models).inner)


@cache
def _is_secret(models: tuple[type[Section], ...], key: str) -> bool:
    return SecretStr in Place((key,), models).kinds


def _meant(raw: Mapping[str, Any], models: tuple[type[Section], ...]) -> tuple[type[Section], ...]:
    """Return the members of a union that ``raw`` names, all where it names none."""
    if len(models) == 1:
        return models
    named = tuple(model for model in models if all(raw.get(key) == value for key, value in [tag_of(model)] if key))
    return named or models


def _in_clear(place: Place) -> Problem:
    return Problem(
        key=place.dotted,
        value=HIDDEN,
        rule="must be encrypted: it is a secret, and the stack file has it as plain text",
        fix=f"replace the secret, because the file exposes it, then {place.encrypted}",
    )
