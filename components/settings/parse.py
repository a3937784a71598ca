"""From the stack file's plain data to ``StackSettings``, or to the report of everything that is wrong with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from components.settings.clear import clear_secrets, exposed_secrets
from components.settings.cluster import ClusterSettings
from components.settings.report import Problem, SettingsError
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
    problems: list[Problem] = []
    blamed: set[str] = set()
    text = json.dumps(raw)
    try:
        stack = StackSettings.model_validate_json(text)
    except ValidationError as error:
        from components.settings.explain import explain  # noqa: PLC0415 - a report may take its time, a good stack file must not

        problems = explain(error, raw, encrypted)
        salvaged, left_out = _salvage(text, error)
        if salvaged is None:
            from components.settings.discretion import discreet  # noqa: PLC0415 - as above

            raise SettingsError(file, [discreet(problem, raw) for problem in problems]) from None
        stack = salvaged
        blamed = left_out | {problem.key for problem in problems}
    sound = [rule for rule in RULES if not any(_rests_on(key, blamed) for key in foundations(rule))]
    problems += [problem for rule in sound for problem in rule(stack) if not _rests_on(problem.key, blamed)]
    problems += clear_secrets(raw, encrypted, (StackSettings,))
    told = {problem.key for problem in problems}
    problems += [problem for problem in exposed_secrets(raw, (StackSettings,)) if not any(_is_part(problem.key, key) for key in told)]
    problems += [_stray(key) for key in strays]
    if problems:
        from components.settings.discretion import discreet  # noqa: PLC0415 - as above

        raise SettingsError(file, [discreet(problem, raw) for problem in problems]) from None
    return stack


def _stray(key: str) -> Problem:
    namespace, _, name = key.partition(":")
    remedy = f"write 'portus:{name}'" if name in StackSettings.model_fields else "remove it; this program's keys begin with 'portus:'"
    if namespace == "kubernetes" and name in ClusterSettings.model_fields:  # as for the provider that Pulumi would make by itself
        remedy = f"write '{name}' under 'portus:cluster'"
    return Problem(
        key=name,
        namespace=namespace,
        value="",
        rule=f"nobody reads the namespace '{namespace}'",
        remedy=remedy,
    )


def _salvage(text: str, error: ValidationError) -> tuple[StackSettings | None, set[str]]:
    """Return settings without what is wrong, None when even the rest does not stand; and the keys that were left out for it."""
    rest: dict[str, Any] = json.loads(text)
    left_out: set[str] = set()
    for _ in range(10):
        left_out |= {_drop(rest, entry["loc"]) for entry in error.errors(include_url=False, include_context=False)} - {""}
        for key, value in PLACEHOLDERS.items():
            if key not in rest:
                rest[key] = copy.deepcopy(value)
        if isinstance(rest.get("portus"), dict):
            rest["portus"].setdefault("version", "2.5")
        try:
            return StackSettings.model_validate_json(json.dumps(rest)), left_out
        except ValidationError as again:
            error = again
    return None, left_out


def _drop(data: Any, loc: Path) -> str:
    """Remove the value at ``loc``, a list or the section of a missing key as a whole; return the key that went, "" for none."""
    parent: Any = None
    path: list[str] = []
    node = data
    for step in loc:
        if isinstance(node, dict) and step in node:
            parent, node = node, node[step]
            path.append(str(step))
        elif isinstance(node, list):
            break
    if parent is not None:
        parent.pop(path[-1], None)
    return ".".join(path)


def _is_part(key: str, of: str) -> bool:
    """Whether one of the two keys holds the other, so that one problem says it all."""
    inner, outer = max(key, of, key=len), min(key, of, key=len)
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _rests_on(key: str, blamed: set[str]) -> bool:
    return any(key == other or key.startswith(other + ".") or other.startswith(key + ".") for other in blamed)
