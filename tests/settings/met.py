"""Which rules fire, and which of pydantic's types of errors are explained, while stack files are parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from unittest import mock

from pydantic_core import ErrorDetails

from components.settings import parse
from components.settings.report import explain
from components.settings.report.problems import Problem
from components.settings.rules import all_rules
from components.settings.rules.rule import Rule
from components.settings.stack import StackSettings


@dataclass(frozen=True)
class Met:
    """The names of the rules that fired, and pydantic's types of errors."""

    rules: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)


_NOW: list[Met] = []
_EXPLAIN = explain._problem


@contextmanager
def watching() -> Iterator[Met]:
    """Yield what is met until the end of the block."""
    _NOW.append(Met())
    try:
        with mock.patch.object(parse, "all_rules", _watched_rules), mock.patch.object(explain, "_problem", _watched_explanation):
            yield _NOW[-1]
    finally:
        _NOW.pop()


@cache
def _watched_rules() -> tuple[Rule, ...]:
    return tuple(map(_watched, all_rules()))


def _watched(rule: Rule) -> Rule:
    def check(stack: StackSettings) -> Iterator[Problem]:
        for problem in rule.check(stack):
            _NOW[-1].rules.add(rule.name)
            yield problem

    return replace(rule, check=check)


def _watched_explanation(entry: ErrorDetails, raw: Mapping[str, object], encrypted: Callable[[tuple[str | int, ...]], bool]) -> Problem:
    _NOW[-1].kinds.add(entry["type"])
    return _EXPLAIN(entry, raw, encrypted)
