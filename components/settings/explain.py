"""From pydantic's errors to problems in the words of who writes a stack file."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from components.settings.base import RULE, Section
from components.settings.report import HIDDEN, Problem
from components.settings.secrets import EXISTING, TEXT
from components.settings.stack import StackSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]

KINDS: Final[Mapping[str, str]] = {
    "string_type": "is a text",
    "int_type": "is a whole number",
    "int_from_float": "is a whole number",
    "float_type": "is a number",
    "bool_type": "is true or false",
    "model_type": "is a section with keys of its own",
    "model_attributes_type": "is a section with keys of its own",
    "dict_type": "is a section with keys of its own",
    "tuple_type": "is a list",
    "list_type": "is a list",
    "enum": "is one of {expected}",
    "literal_error": "is one of {expected}",
    "union_tag_invalid": "is one of {expected_tags}",
    "greater_than_equal": "is {ge} or more",
    "less_than_equal": "is {le} or less",
    "string_pattern_mismatch": "has the form {pattern}",
}

SECRET_NAME: Final = re.compile(r"pass|secret|token|private|credential|key$", re.IGNORECASE)
"""A mistyped key may still hold a secret: what looks like one is not shown."""

SHOWN_LENGTH: Final = 80
"""Characters of a value that the report shows."""


def explain(error: ValidationError, raw: Mapping[str, object], encrypted: Callable[[Path], bool]) -> list[Problem]:
    """Return one problem for each error, in the file's own keys."""
    return [_problem(entry, raw, encrypted) for entry in error.errors(include_url=False)]


def _problem(entry: ErrorDetails, raw: Mapping[str, object], encrypted: Callable[[Path], bool]) -> Problem:
    path, models = _walk(entry["loc"], raw)
    context = entry.get("ctx", {})
    kind = entry["type"]
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        path = (*path, str(context["discriminator"]).strip("'"))
    value = "" if kind in {"missing", "union_tag_not_found"} else _shown(path, models, _at(raw, path, entry["input"]), encrypted)
    rule, remedy = _words(kind, path, models, context, entry)
    return Problem(key=_dotted(path), value=value, rule=rule, remedy=remedy)


def _words(kind: str, path: Path, models: list[type[Section]], context: Mapping[str, Any], entry: ErrorDetails) -> tuple[str, str]:
    last = str(path[-1]) if path else ""
    if kind == RULE:
        return str(context["rule"]), str(context["remedy"])
    if kind == "extra_forbidden":
        return "unknown key", next((model.elsewhere[last] for model in models if last in model.elsewhere), _nearest(last, _keys(models)))
    if kind in {"missing", "union_tag_not_found"}:
        tags = f"one of {_listed(context)}" if kind == "union_tag_not_found" else _purpose(models, last)
        return "is required", f"set it: {tags}"
    if kind not in KINDS:
        return entry["msg"], "correct the value"
    rule = KINDS[kind].format(**{**context, "expected": _listed(context), "expected_tags": _listed(context)})
    return rule, _remedy(kind, entry["input"], context)


def _remedy(kind: str, given: object, context: Mapping[str, Any]) -> str:
    if kind in {"string_type", "enum"} and isinstance(given, int | float) and not isinstance(given, bool):
        return f'put it in quotes: "{given}"'
    if kind in {"enum", "literal_error", "union_tag_invalid"} and isinstance(given, str):
        close = difflib.get_close_matches(given, _choices(context), n=1)
        if close:
            return f"did you mean '{close[0]}'?"
    if kind in {"int_type", "bool_type"} and isinstance(given, str):
        return "write it without quotes" if _plain(given, kind) else "correct the value"
    return "correct the value"


def _plain(given: str, kind: str) -> bool:
    return given.lstrip("-").isdigit() if kind == "int_type" else given in {"true", "false"}


def _choices(context: Mapping[str, Any]) -> list[str]:
    text = str(context.get("expected_tags") or context.get("expected") or "")
    return re.findall(r"'([^']*)'", text) or [part.strip() for part in re.split(r",| or ", text) if part.strip()]


def _listed(context: Mapping[str, Any]) -> str:
    choices = _choices(context)
    return ", ".join(choices)


def _nearest(key: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(key, valid, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"remove it; known here: {', '.join(valid)}"


def _walk(loc: Path, raw: Mapping[str, object]) -> tuple[Path, list[type[Section]]]:
    """Return ``loc`` without pydantic's union tags, and the models that the last key may belong to."""
    node: Any = raw
    path: list[str | int] = []
    models: list[type[Section]] = [StackSettings]
    steps = [step for step in loc if step not in {TEXT, EXISTING}]
    for index, step in enumerate(steps):
        is_last = index == len(steps) - 1
        inside = (isinstance(node, Mapping) and step in node) or (isinstance(node, list) and isinstance(step, int))
        if not inside and not is_last:
            models = [model for model in models if _tag(model) in {None, step}] or models
            continue
        path.append(step)
        if not is_last:
            node = node[step]
            models = [inner for model in models for inner in _inner(model, step)] or models
    return tuple(path), models


def _tag(model: type[Section]) -> object:
    """Return the value by which a union knows the model, None when it is in none."""
    for name in ("source", "kind", "driver"):
        if name in model.model_fields:
            choices = get_args(model.model_fields[name].annotation)
            return choices[0] if len(choices) == 1 else None
    return None


def _inner(model: type[Section], step: str | int) -> list[type[Section]]:
    field = next((f for name, f in model.model_fields.items() if step in {name, f.alias}), None)
    return [] if field is None else _models(field.annotation)


def _models(annotation: object) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    if get_origin(annotation) is None and not get_args(annotation):
        return []
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _keys(models: list[type[Section]]) -> list[str]:
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _purpose(models: list[type[Section]], key: str) -> str:
    fields: list[FieldInfo] = [field for model in models for name, field in model.model_fields.items() if key in {name, field.alias}]
    text = next((field.description for field in fields if field.description), None)
    return " ".join(text.split()) if text else "it has no default"


def _at(raw: object, path: Path, otherwise: object) -> object:
    node: Any = raw
    for step in path:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return node


def _shown(path: Path, models: list[type[Section]], value: object, encrypted: Callable[[Path], bool]) -> str:
    if any(encrypted(path[: length + 1]) for length in range(len(path))) or _may_be_secret(path, models, value):
        return HIDDEN
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


def _may_be_secret(path: Path, models: list[type[Section]], value: object) -> bool:
    """Return whether ``value`` may be a secret: by its setting's type, and where that does not fit by the names around it."""
    if isinstance(value, Mapping | list):
        return SECRET_NAME.search(json.dumps(value, default=str)) is not None
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    kinds = {kind for model in models for kind in _kinds(_annotation(model, key))}
    if SecretStr in kinds:
        return True
    fits = type(value) in kinds
    return not fits and any(SECRET_NAME.search(str(step)) for step in path)


def _annotation(model: type[Section], key: str) -> object:
    return next((field.annotation for name, field in model.model_fields.items() if key in {name, field.alias}), None)


def _kinds(annotation: object) -> set[type]:
    """Return the plain types that ``annotation`` is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        return {annotation} | ({str} if issubclass(annotation, str) else set())
    if get_origin(annotation) is Literal:
        return {type(choice) for choice in get_args(annotation)}
    return {kind for argument in get_args(annotation) for kind in _kinds(argument)}


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
