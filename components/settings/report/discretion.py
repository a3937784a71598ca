"""What a report may show of the values that it is about: it ends in the logs of pipelines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from enum import Enum
from typing import Final, Literal, get_args, get_origin

from pydantic import SecretStr

from components.settings.report.fixes import SECRET_NAME, close_to
from components.settings.report.locate import TAGS, Path, Place, find, keys_of, kinds_of, tag_of, value_at
from components.settings.report.problems import HIDDEN, Problem
from components.settings.report.redaction import PEM, redacted, secrets_in, without_userinfo
from components.settings.types.base import Section

SHOWN_LENGTH: Final = 80
"""Characters of a value that a report shows."""

MASKED: Final = "[hidden]"
"""Shown in place of a value beside a secret: a password in the wrong line is there."""

_WORD: Final = re.compile(r"[a-z_-]{0,11}|.{0,5}", re.DOTALL)
"""What may be a word of any sentence, and is not looked for in rule and fix."""

PLACES: Final = frozenset(
    {
        "host",
        "hostname",
        "address",
        "addr",
        "port",
        "server",
        "issuer",
        "url",
        "domain",
        "bucket",
        "container",
        "region",
        "realm",
        "authurl",
        "endpoint",
        "regionendpoint",
        "redirectendpoint",
        "rootdirectory",
        "accountname",
        "ca_file",
        "ca_path",
        "timeout",
        "threshold",
        "backoff",
        "innodbBufferPoolSize",
    }
)
"""Settings that say where something is, or how much: their values are shown while the secret beside them is given and right.

Names of accounts are not among them: name and password may be swapped, and either fits in the other's place.
"""

_PLAIN: Final = re.compile(r"[\w.:/\[\]?=&,%@~+-]*")
"""Addresses, paths and sizes, wrong ones included; signs that only passwords have are none of these."""

_NAME: Final = re.compile(r"/?[a-z]{1,20}(?:[._/-][a-z0-9]{1,20}){0,6}[0-9]{0,2}")
"""A server or a path by its form. It is shown even beside a secret that is missing, where it could be the secret."""

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]{3,12}){1,3}-?[0-9]", re.IGNORECASE)
"""A region of Amazon's, perhaps misspelt: the report names the endpoint that goes with it."""

_ADDRESS: Final = re.compile(r"(?:[a-z]+://)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\.?(?::\d+)?(?:/[^\s@?#]*)?")
"""A host or a URL of one, which a fix may repeat: a fix says what to write."""

_SHORT: Final = 5
"""Characters of a wrong switch, port or size ("yes", "587,", "50Gi"): no password."""

_TELLING: Final = 4
"""Characters of a part of a secret; fewer are in every sentence."""

_LONG: Final = frozenset({"keyfile"})
"""Secrets that are whole files: no text of one line is one of them in the wrong line."""

_COUNTED: Final = re.compile("[0-9]{1,2}")
"""A number of two digits counts something (``types.RotationCount``), also beside secrets; no password is as short."""

_CERTIFICATE: Final = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
"""Its letters are as good as random: one in thirty has "pwd" in it."""

_STEPS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def shown(value: object) -> str:
    """Return ``value`` as a report shows it, in one line and without the secrets that their form shows."""
    text = json.dumps(redacted(value) if isinstance(value, str) else value, ensure_ascii=False, default=str)
    text = text if isinstance(value, str) else redacted(text)
    if text.strip('"') in {HIDDEN, PEM}:
        return text.strip('"')
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


def shown_at(place: Place, value: object, encrypted: Callable[[Path], bool]) -> str:
    """Return the ``value`` at ``place`` as a report shows it, hidden if it is encrypted or may be a secret."""
    if any(encrypted(place.path[: length + 1]) for length in range(len(place.path))) or _may_be_secret(place, value):
        return HIDDEN
    return shown(value)


def _may_be_secret(place: Place, value: object) -> bool:
    """Return whether ``value`` may be a secret: by its setting's type, and where that does not fit by the names around it."""
    if value is None or (isinstance(value, Mapping) and value and set(value) <= {"name", "namespace"}):  # which is a reference
        return False
    close = close_to(place.key, keys_of(place.models))
    meant = place.kinds or (Place((close,), place.models).kinds if close else set())
    if SecretStr in meant:
        return True
    if isinstance(value, bool) or (isinstance(value, int | str) and _COUNTED.fullmatch(str(value))):
        return False
    if isinstance(value, Mapping | list) and SECRET_NAME.search(_CERTIFICATE.sub("", json.dumps(value, default=str))):
        return True
    return type(value) not in place.kinds and any(SECRET_NAME.search(str(step)) for step in place.path)


def discreet(problem: Problem, raw: Mapping[str, object], blamed: Collection[str] = ()) -> Problem:
    """Return ``problem`` without secrets: of ``raw``'s value, of credentials inside texts, and of what is beside a secret.

    Beside a password a wrong value may be the password, in the wrong line.

    Args:
        problem: as its rule wrote it.
        raw: the stack file's data.
        blamed: the keys of all problems: a wrong secret may be in another line.
    """
    value, rule, fix = redacted(problem.value), redacted(problem.rule), redacted(problem.fix)
    steps = tuple(int(match[1]) if match[1] else match[2] for match in _STEPS.finditer(problem.key))
    given = value_at(raw, steps)
    if isinstance(given, str) and not _REGION.fullmatch(given) and _may_be_misplaced(steps, given, raw, blamed):
        if problem.value not in {HIDDEN, PEM} and problem.value in {given, json.dumps(given, ensure_ascii=False), shown(given)}:
            value = MASKED
        if not _WORD.fullmatch(given) and not _ADDRESS.fullmatch(given):
            rule, fix = _without(given, rule), _without(given, fix)
    if isinstance(given, str) and _repeats_a_secret(fix, given):
        fix = "write it without the secret, and change the secret: it is exposed"
    elif isinstance(given, str) and without_userinfo(given) is not None and "change the password" not in fix:
        fix = f"{fix}; change the password: it is exposed"
    return replace(problem, value=value, rule=rule, fix=fix)


def _repeats_a_secret(fix: str, given: str) -> bool:
    """Whether ``fix`` is made of a secret that ``given`` has in it, e.g. has it in small letters as a part of a name."""
    words = [word for secret in secrets_in(given) for word in re.split(r"[\W_]+", secret) if len(word) >= _TELLING]
    return any(word.casefold() in fix.casefold() for word in words)


def _without(given: str, text: str) -> str:
    """Return ``text`` without ``given``, and without words that are made of it, such as the same in small letters."""
    letters = _letters(given)
    whole = re.sub(rf"(?<![\w/.-]){re.escape(given)}(?![\w/-])", lambda _: MASKED, text)
    words = re.findall(r"(?<!e\.g\. )(?<![^\s'\";,()])(?!--)[^\s'\";,()]+", whole)  # neither examples nor options of a command
    made = [word for word in words if letters and _letters(word) == letters and not _REGION.fullmatch(word)]
    for word in made:
        whole = re.sub(rf"(?<!e\.g\. )(?<![\w-]){re.escape(word)}(?![\w-])", lambda _: MASKED, whole)
    return whole


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _may_be_misplaced(steps: tuple[str | int, ...], given: str, raw: Mapping[str, object], blamed: Collection[str]) -> bool:
    """Whether ``given`` may be the secret of its section, in the wrong line."""
    place = find(steps, raw)
    if place.key in TAGS or any(_is_a_choice(field.annotation) for field in place.fields):
        return False
    if str not in place.kinds and len(given) <= _SHORT:
        return False
    section = value_at(raw, steps[:-1])
    named = _meant(place.models, section)
    secrets = [key for model in (named if Place(place.path, named).fields else place.models) for key in _secrets(model)]
    if not secrets:
        return False
    if place.key not in PLACES:
        return True
    if len(given) <= _SHORT:
        return False
    missing = [key for key in secrets if not isinstance(section, Mapping) or key not in section]
    wrong = [key for key in secrets if any(_is_of(Place((*steps[:-1], key), ()).dotted, other) for other in blamed)]
    form = (_NAME, _ADDRESS) if missing or wrong else (_PLAIN,)
    return not any(pattern.fullmatch(given.strip()) for pattern in form)


def _is_of(key: str, problem: str) -> bool:
    return problem == key or problem.startswith(f"{key}.")


def _secrets(model: type[Section]) -> list[str]:
    return [
        field.alias or name for name, field in model.model_fields.items() if SecretStr in kinds_of(field.annotation) and name not in _LONG
    ]


def _meant(models: tuple[type[Section], ...], section: object) -> tuple[type[Section], ...]:
    """Return the members of a union that ``section`` names, all where it names none."""
    if not isinstance(section, Mapping):
        return models
    named = tuple(model for model in models if all(section.get(key) == value for key, value in [tag_of(model)] if key))
    return named or models


def _is_a_choice(annotation: object) -> bool:
    if get_origin(annotation) is Literal or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        return True
    return any(_is_a_choice(argument) for argument in get_args(annotation))
