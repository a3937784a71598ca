"""What a report may show of the values that it is about: it ends in the logs of pipelines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr

from components.settings.places import TAGS, find, kinds_of
from components.settings.redaction import PEM, redacted, without_userinfo
from components.settings.report import HIDDEN, Problem

SHOWN_LENGTH: Final = 80
"""Characters of a value that a report shows."""

MASKED: Final = "[hidden]"
"""Shown in place of a value beside a secret: where a password stands in the wrong line, that is where."""

_WORD: Final = re.compile(r"[a-z_-]{0,11}|.{0,5}", re.DOTALL)
"""What may be a word of any sentence, and is not looked for in rule and remedy."""

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]{3,12}){1,3}-?[0-9]", re.IGNORECASE)
"""A region of Amazon's, perhaps misspelt: the report names the endpoint that goes with it."""

_ADDRESS: Final = re.compile(r"(?:[a-z]+://)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(?::\d+)?(?:/[^\s@?#]*)?")
"""A host or a URL of one, which a remedy may repeat: a fix says what to write."""

_SHORT: Final = 5
"""Characters of a wrong switch, port or size ("yes", "587,", "50Gi"): nobody's password."""

_STEPS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def shown(value: object) -> str:
    """Return ``value`` as a report shows it, in one line and without the secrets that can be told by their form."""
    text = json.dumps(redacted(value) if isinstance(value, str) else value, ensure_ascii=False, default=str)
    text = text if isinstance(value, str) else redacted(text)
    if text.strip('"') in {HIDDEN, PEM}:
        return text.strip('"')
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


def discreet(problem: Problem, raw: Mapping[str, object]) -> Problem:
    """Return ``problem`` without secrets: of ``raw``'s value, of credentials inside texts, and of what stands beside a secret.

    Beside a password a wrong value is often the password, in the wrong line.
    """
    value, rule, remedy = redacted(problem.value), redacted(problem.rule), redacted(problem.remedy)
    steps = tuple(int(match[1]) if match[1] else match[2] for match in _STEPS.finditer(problem.key))
    given = _at(raw, steps)
    if isinstance(given, str) and not _REGION.fullmatch(given) and _stands_beside_a_secret(steps, given, raw):
        if problem.value not in {HIDDEN, PEM} and problem.value in {given, json.dumps(given, ensure_ascii=False), shown(given)}:
            value = MASKED
        if not _WORD.fullmatch(given) and not _ADDRESS.fullmatch(given):
            rule, remedy = rule.replace(given, MASKED), remedy.replace(given, MASKED)
    if isinstance(given, str) and without_userinfo(given) is not None and "change the password" not in remedy:
        remedy = f"{remedy}; change the password: it has been exposed"
    return replace(problem, value=value, rule=rule, remedy=remedy)


def _at(raw: object, steps: tuple[str | int, ...]) -> object:
    node: Any = raw
    for step in steps:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def _stands_beside_a_secret(steps: tuple[str | int, ...], given: str, raw: Mapping[str, object]) -> bool:
    place = find(steps, raw)
    if place.key in TAGS or any(_is_a_choice(field.annotation) for field in place.fields):
        return False
    if str not in place.kinds and len(given) <= _SHORT:
        return False
    return any(SecretStr in kinds_of(field.annotation) for model in place.models for field in model.model_fields.values())


def _is_a_choice(annotation: object) -> bool:
    if get_origin(annotation) is Literal or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        return True
    return any(_is_a_choice(argument) for argument in get_args(annotation))
