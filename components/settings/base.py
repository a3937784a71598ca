"""The two bases of every section, and how a rule on one value speaks.

Portus' and the registry's settings keep the names of their own documentation, as do Kubernetes' (camelCase); the rest is
snake_case. ``KubernetesSection`` makes the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A part of the stack file: unknown keys, wrong types and later changes are errors."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=False)

    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Keys that a reader of the field's own documentation would write here, and what to do instead."""


class KubernetesSection(Section):
    """A part whose keys are Kubernetes' own, hence camelCase in the stack file."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Later:
    """What a later change of a setting does to what runs; a setting without one takes its section's.

    Stands in a field's ``Annotated``; ``docs/settings.md`` shows it.
    """

    effect: str


RULE = "stack_rule"
"""The pydantic error type of every rule of ours; its context carries rule and remedy."""


def broken(rule: str, remedy: str) -> PydanticCustomError:
    """Return the error of a value that breaks ``rule``."""
    return PydanticCustomError(RULE, "{rule}: {remedy}", {"rule": rule, "remedy": remedy})


def checked(test: Callable[[str], bool], rule: str, remedy: str) -> AfterValidator:
    """Return a validator that accepts a text when ``test`` does."""

    def check(value: str) -> str:
        if not test(value):
            raise broken(rule, remedy)
        return value

    return AfterValidator(check)
