"""From the stack file's plain data to ``StackSettings``, or to the report of everything that is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from pydantic import ValidationError

from components.settings.report.locate import copied
from components.settings.report.plaintext_secrets import Found, clear_secrets, exposed_secrets, found_in, in_one
from components.settings.report.problems import UNSET, Problem, SettingsError
from components.settings.rules import all_rules
from components.settings.sections.cluster import ClusterSettings
from components.settings.stack import StackSettings

Path = tuple[str | int, ...]

LABEL_LENGTH: Final = 63
"""Characters in a label's value (Kubernetes)."""

PLACEHOLDERS: Final[Mapping[str, object]] = {
    "host": "placeholder.example.invalid",
    "portus": {"version": "2.5"},
    "exposure": {"kind": "node_port", "httpsNodePort": 30443},
}
"""Replace required keys that are missing, so that the rules can still look at the rest."""


def parse(
    raw: Mapping[str, object],
    *,
    file: str,
    encrypted: Callable[[Path], bool],
    unknown_namespaces: Sequence[str] = (),
    outside: Sequence[Problem] = (),
    name: str = "",
) -> StackSettings:
    """Return the settings in ``raw``.

    Args:
        raw: section -> value, as the stack file holds it under ``portus:``, secrets in clear.
        file: its name, for the report.
        encrypted: whether the value at a path is encrypted in the file.
        unknown_namespaces: the keys of other namespaces, which this program does not read.
        outside: what is wrong with the file beside its settings.
        name: of the stack, which is a label of every object.

    Raises:
        SettingsError: with every problem, the rules across settings included.
    """
    outside = [*outside, *_unfit(name), *map(stray, unknown_namespaces)]
    try:
        stack = StackSettings.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        misplaced = {name_in(key) for key in unknown_namespaces}  # not missing, too
        wrong = [each for each in _wrong(raw, error, encrypted) if each.rule != UNSET or each.key not in misplaced]
        raise SettingsError(file, [*wrong, *outside]) from None
    found = found_in(raw, StackSettings)
    problems = in_one(_broken_rules(stack, set()), clear_secrets(found, encrypted))
    problems += [*_exposed(found, problems), *outside]
    if problems:
        from components.settings.report.discretion import discreet  # noqa: PLC0415 - a report may take its time, a good stack file must not

        blamed = {problem.key for problem in problems}
        raise SettingsError(file, [discreet(problem, raw, blamed) for problem in problems])
    return stack


def _broken_rules(stack: StackSettings, blamed: set[str]) -> Iterator[Problem]:
    """Yield what the rules across settings say of ``stack``, and nothing that rests on a key that is ``blamed`` already."""
    void: set[str] = set()
    above = {outer for key in blamed for outer in _within(key)}

    def rests_on_blamed(key: str) -> bool:
        return key in above or not blamed.isdisjoint(_within(key))

    for rule in all_rules():
        is_void = void and any(_lies_below(key, void) for key in rule.requires)
        if not is_void and not (blamed and any(map(rests_on_blamed, rule.requires))):
            found = [problem for problem in rule.check(stack) if not rests_on_blamed(problem.key)]
            yield from [problem for problem in found if rule.voids or not _lies_below(problem.key, void)]
            void |= {problem.key for problem in found} if rule.voids else set()


def _wrong(raw: Mapping[str, object], error: ValidationError, encrypted: Callable[[Path], bool]) -> list[Problem]:
    """Return everything that is wrong with ``raw``, which ``error`` refuses."""
    from components.settings.report.discretion import discreet  # noqa: PLC0415 - a report may take its time, a good stack file must not
    from components.settings.report.explain import Reading, explain, told_to_write  # noqa: PLC0415

    reading, problems, stack = Reading(raw), [], None
    remaining: ValidationError | None = error

    def is_encrypted(path: Path) -> bool:
        return encrypted(reading.written(path))

    while remaining is not None and stack is None:
        before = copied(reading.raw)
        renamed = reading.correct(remaining.errors(include_url=False))
        if not renamed:
            break
        reported = explain(renamed, before, is_encrypted)
        reported = [discreet(problem, before, {each.key for each in reported}) for problem in reported]
        problems += [replace(problem, key=reading.written_key(problem.key)) for problem in reported]
        try:
            stack, remaining = StackSettings.model_validate_json(json.dumps(reading.raw)), None
        except ValidationError as next_error:
            remaining = next_error
    blamed: set[str] = set()
    further: list[Problem] = []
    if remaining is not None:
        entries = remaining.errors(include_url=False)
        further = explain(entries, reading.raw, is_encrypted)
        stack, left_out = _salvage(reading.raw, remaining)
        blamed = left_out | {problem.key for problem in further} | told_to_write(entries, reading.raw)
    if stack is not None:
        further += _broken_rules(stack, blamed)
    blamed |= {each.key for each in further}
    further = [each for each in further if not reading.is_inside_a_guess(each.key)]
    found = found_in(reading.raw, StackSettings)
    further = in_one(further, clear_secrets(found, is_encrypted))
    further += _exposed(found, further)
    blamed |= {each.key for each in further}
    further = [discreet(each, reading.raw, blamed) for each in further if not reading.is_guess(each.key)]
    return problems + [replace(each, key=reading.written_key(each.key)) for each in further]


def _unfit(name: str) -> Iterator[Problem]:
    """Yield a problem for a stack's name that cannot be a label: Kubernetes would refuse every object."""
    if name and not re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", name):
        fit = name[:LABEL_LENGTH].strip("-_.") or "portus"
        yield Problem(
            namespace="pulumi",
            key="stack",
            value=json.dumps(name),
            rule=f"must be a name of at most {LABEL_LENGTH} letters, digits, '-', '_' and '.' that begins and ends with a letter or digit: "
            "every object has it as a label",
            fix=f"pulumi stack rename {fit}",
        )


def name_in(key: str) -> str:
    """Return the name in ``key``, behind its namespace: ``host`` of ``other:host``, ``portus.host`` and ``portus_host``."""
    return key.partition(":")[2] if ":" in key else re.sub(r"^portus[^A-Za-z0-9]+", "", key)


def stray(key: str) -> Problem:
    """Return the problem of a ``key`` in a namespace that no program reads."""
    namespace, _, name = key.partition(":") if ":" in key else ("", "", key)
    right = name_in(key)
    fix = f"write 'portus:{right}'" if right in StackSettings.model_fields else "remove it; this program's keys begin with 'portus:'"
    if namespace == "kubernetes" and name in ClusterSettings.model_fields:  # as for the provider that Pulumi would make by itself
        fix = f"write '{name}' under 'portus:cluster'"
    return Problem(
        key=name,
        namespace=namespace,
        value="",
        rule="must be in the namespace 'portus'" + (f": this program reads no key of '{namespace}'" if namespace else ""),
        fix=fix,
    )


def _salvage(raw: Mapping[str, object], error: ValidationError) -> tuple[StackSettings | None, set[str]]:
    """Return the settings without what is wrong, None if the rest is wrong, too; and the keys that were left out."""
    rest: dict[str, Any] = copied(raw)
    left_out: set[str] = set()
    for _ in range(10):
        left_out |= {_drop(rest, entry["loc"]) for entry in error.errors(include_url=False, include_context=False)} - {""}
        for key, value in PLACEHOLDERS.items():
            if key not in rest:
                rest[key] = copied(value)
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


def _exposed(found: Sequence[Found], reported: Sequence[Problem]) -> list[Problem]:
    """Return the secrets that settings of ``found`` store in clear, without those that a problem of ``reported`` reports."""
    keys = {re.sub(r"(\.env\[\d+\])\.name$", r"\1", problem.key) for problem in reported}
    return [each for each in exposed_secrets(found) if not any(_is_part(each.key, key) for key in keys)]


def _is_part(key: str, of: str) -> bool:
    """Whether one of the two keys holds the other, so that one problem says it all."""
    return key == of or key.startswith((f"{of}.", f"{of}[")) or of.startswith((f"{key}.", f"{key}["))


def _lies_below(key: str, others: set[str]) -> bool:
    return any(key == other or key.startswith((f"{other}.", f"{other}[")) for other in others)


@cache
def _within(key: str) -> tuple[str, ...]:
    """Return ``key`` and the sections around it: ``a.b.c``, ``a.b``, ``a``."""
    return (key, *_within(key.rpartition(".")[0])) if "." in key else (key,)
