"""The two bases of every section, and how a rule on one value speaks.

Keys are camelCase, as Kubernetes, Helm and Pulumi write them. Portus' own settings and the parameters of the registry's storage drivers
keep the names of their documentation: ``UpstreamSection``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


def camel_case(name: str) -> str:
    """Return the key of a setting called ``name``: ``extra_config`` is ``extraConfig``, ``v4auth`` stays as the registry spells it."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


class Section(BaseModel):
    """A part of the stack file: unknown keys, wrong types and later changes are errors."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", validate_default=False, alias_generator=camel_case)

    synonyms: ClassVar[Mapping[str, str]] = {}
    """Other names of keys, from the field's other programs -> the key here."""
    moved_keys: ClassVar[Mapping[str, str]] = {}
    """Keys that a reader of the field's own documentation would write here, and what to do instead."""

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return the section itself: nothing changes it, and pydantic copies each default section in each parse."""
        return self


@cache
def names_and_keys(model: type[Section]) -> tuple[tuple[str, str], ...]:
    """Return the name of each setting of ``model``, and its key in the stack file."""
    return tuple((name, field.alias or name) for name, field in model.model_fields.items())


def names_and_keys_set(section: Section) -> Sequence[tuple[str, str]]:
    """Return name and key of each setting of ``section`` that the stack file sets: most sections are whole defaults."""
    found = section.model_fields_set
    return [pair for pair in names_and_keys(type(section)) if pair[0] in found] if found else ()


@cache
def key_of(model: type[Section], name: str) -> str:
    """Return the key in the stack file of the setting ``name`` of ``model``."""
    return model.model_fields[name].alias or name


class UpstreamSection(Section):
    """A part whose keys are those of the upstream program's documentation."""

    model_config = ConfigDict(alias_generator=None)


class KubernetesShape(Section):
    """A type of Kubernetes' own API, which its documentation explains; the manual names it and goes no deeper."""


@dataclass(frozen=True, slots=True)
class ChangeImpact:
    """What a later change of a setting does to what runs; a setting without one takes its section's.

    It is in a field's ``Annotated``; ``docs/reference/settings.md`` shows it.
    """

    effect: str


RULE = "stack_rule"
"""The pydantic error type of every rule of ours; its context carries rule and fix."""


def broken(rule: str, fix: str) -> PydanticCustomError:
    """Return the error of a value that breaks ``rule``."""
    return PydanticCustomError(RULE, "{rule}: {fix}", {"rule": rule, "fix": fix})


@dataclass(frozen=True, slots=True)
class Matching:
    """A text that matches ``pattern`` as a whole; the JSON Schema says so too, so that an editor can."""

    pattern: str
    rule: str
    fix: str | Callable[[str], str]
    """What to write, or what finds it from the wrong text."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^({self.pattern})$"}

    def _check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise broken(self.rule, self.fix if isinstance(self.fix, str) else self.fix(value))
        return value


@dataclass(frozen=True, slots=True)
class Checked:
    """A text that passes ``test``."""

    test: Callable[[str], bool]
    rule: str
    fix: str | Callable[[str], str]
    """What to write, or what finds it from the wrong text."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: str) -> str:
        if not self.test(value):
            raise broken(self.rule, self.fix if isinstance(self.fix, str) else self.fix(value))
        return value
