"""From the stack file's plain data to ``StackSettings``, or to the report of everything that is wrong with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from components.settings.base import Section
from components.settings.report import HIDDEN, Problem, SettingsError
from components.settings.rules import RULES, foundations
from components.settings.stack import StackSettings

Path = tuple[str | int, ...]

PLACEHOLDERS: Final[Mapping[str, object]] = {
    "host": "placeholder.example.invalid",
    "portus": {"version": "2.5"},
    "exposure": {"kind": "node_port", "httpsNodePort": 30443},
}
"""Stand in for required keys that are missing, so that the rules can still look at the rest."""


def parse(raw: Mapping[str, object], *, file: str, encrypted: Callable[[Path], bool], strays: Sequence[str] = ()) -> StackSettings:
    """Return the settings that ``raw`` says.

    Args:
        raw: section -> value, as the stack file holds it under ``portus:``, secrets in clear.
        file: its name, for the report.
        encrypted: whether the value at a path stands encrypted in the file.
        strays: the keys of other namespaces, which nobody reads.

    Raises:
        SettingsError: with every problem, the rules across settings included.
    """
    try:
        stack = StackSettings.model_validate_json(json.dumps(raw))
        problems: list[Problem] = []
    except ValidationError as error:
        from components.settings.explain import explain  # noqa: PLC0415 - a report may take its time, a good stack file must not

        problems = explain(error, raw, encrypted)
        salvaged = _salvage(raw, error)
        if salvaged is None:
            raise SettingsError(file, problems) from None
        stack = salvaged
    blamed = {problem.key for problem in problems}
    sound = [rule for rule in RULES if not any(_rests_on(key, blamed) for key in foundations(rule))]
    problems += [problem for rule in sound for problem in rule(stack) if not _rests_on(problem.key, blamed)]
    problems += _clear_secrets(stack, raw, encrypted)
    problems += [_stray(key) for key in strays]
    if problems:
        raise SettingsError(file, problems) from None
    return stack


def _stray(key: str) -> Problem:
    namespace, _, name = key.partition(":")
    return Problem(
        key=name,
        namespace=namespace,
        value="",
        rule=f"nobody reads the namespace '{namespace}'",
        remedy=f"write 'portus:{name}'" if name in StackSettings.model_fields else "remove it; this program's keys begin with 'portus:'",
    )


def _salvage(raw: Mapping[str, object], error: ValidationError) -> StackSettings | None:
    """Return settings without what is wrong, None when even the rest does not stand."""
    rest: dict[str, Any] = copy.deepcopy(dict(raw))
    for _ in range(10):
        for entry in error.errors(include_url=False, include_context=False):
            _drop(rest, entry["loc"])
        for key, value in PLACEHOLDERS.items():
            if key not in rest:
                rest[key] = copy.deepcopy(value)
        if isinstance(rest.get("portus"), dict):
            rest["portus"].setdefault("version", "2.5")
        try:
            return StackSettings.model_validate_json(json.dumps(rest))
        except ValidationError as again:
            error = again
    return None


def _drop(data: Any, loc: Path) -> None:
    """Remove the value at ``loc``; a list or union tag on the way goes as a whole with its nearest key."""
    parent: Any = None
    last: Any = None
    node = data
    for step in loc:
        if isinstance(node, dict) and step in node:
            parent, last, node = node, step, node[step]
        elif isinstance(node, list):
            break
    if parent is not None:
        parent.pop(last, None)


def _rests_on(key: str, blamed: set[str]) -> bool:
    return any(key == other or key.startswith(other + ".") or other.startswith(key + ".") for other in blamed)


def _clear_secrets(section: Section, raw: Any, encrypted: Callable[[Path], bool], path: Path = ()) -> list[Problem]:
    """Return a problem for each secret that the file holds in clear."""
    problems: list[Problem] = []
    for name, field in type(section).model_fields.items():
        key = field.alias or name
        value = getattr(section, name)
        if isinstance(value, Section) and isinstance(raw, Mapping) and key in raw:
            problems += _clear_secrets(value, raw[key], encrypted, (*path, key))
        elif isinstance(value, tuple) and isinstance(raw, Mapping) and isinstance(raw.get(key), list):
            for number, (item, its_raw) in enumerate(zip(value, raw[key], strict=False)):
                if isinstance(item, Section):
                    problems += _clear_secrets(item, its_raw, encrypted, (*path, key, number))
        elif isinstance(value, SecretStr) and not encrypted((*path, key)):
            dotted = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in (*path, key)).lstrip(".")
            section_key, _, rest = dotted.partition(".")
            problems.append(
                Problem(
                    key=dotted,
                    value=HIDDEN,
                    rule="a secret stands encrypted in the stack file; this one can be read by whoever reads the file",
                    remedy=f"pulumi config set --secret --path 'portus:{section_key}.{rest}' (and change it: it has been seen)",
                )
            )
    return problems
