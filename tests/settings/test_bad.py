"""Every wrong stack file gets exactly its report, and nothing is registered for it."""

from __future__ import annotations

import ast
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest import mock

import pulumi
import pytest
from pydantic_core import ErrorDetails

from components.settings import parse
from components.settings.report import explain
from components.settings.report.problems import Problem
from components.settings.rules import all_rules
from components.settings.rules.rule import Rule
from components.settings.stack import StackSettings
from tests.recorder import ROOT, Program, run_program
from tests.settings.corpus import BAD, HERE, KeyPath, StackFile
from tests.settings.kinds import ROWS
from tests.settings.tables import problems

MINIMUM = 150
"""Issue 5, part 13."""

REWRITE = "if the new wording is meant: make golden, and read the difference"

REPORTS = {file: file.with_suffix(".report").read_text(encoding="utf-8") for file in BAD if file.with_suffix(".report").exists()}


def _id(file: Path) -> str:
    return str(file.relative_to(HERE / "bad"))


@pytest.mark.parametrize("file", BAD, ids=_id)
def test_a_wrong_stack_file_gets_exactly_its_report(file: Path) -> None:
    assert StackFile(file).report() == REPORTS[file], REWRITE


@pytest.mark.parametrize("file", BAD, ids=_id)
def test_nothing_is_registered_for_a_wrong_stack_file(file: Path) -> None:
    program = Program("bad")
    stack_file = StackFile(file)
    secret_sections = [f"portus:{path[0]}" for path in stack_file.secrets]
    keys = mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret_sections)})
    with keys, pytest.raises(pulumi.RunError, match=r"problems?; nothing was created or changed"):
        run_program("bad", stack_file.configuration, into=program)
    assert program.resources == []


def test_the_corpus_is_large_and_each_file_says_what_is_wrong_with_it() -> None:
    assert len(BAD) >= MINIMUM
    assert set(REPORTS) == set(BAD)
    for file in BAD:
        assert file.read_text(encoding="utf-8").startswith("# "), file


def test_no_report_without_its_stack_file() -> None:
    assert {report.with_suffix(".yaml") for report in (HERE / "bad").rglob("*.report")} == set(BAD)


def test_no_report_shows_a_secret() -> None:
    shown = 0
    for file in BAD:
        for text in StackFile(file).secrets.values():
            if len(text.strip()) > 4:  # shorter ones are words of any report
                assert text.strip() not in REPORTS[file], file
                shown += 1
    assert shown > 30


@pytest.mark.parametrize("word", ["correct horse", "correct-horse", "battery-staple", "hunter2", "geheim", "12345678\n"])
def test_no_report_shows_a_secret_that_the_file_holds_in_clear(word: str) -> None:
    assert any(word.strip() in file.read_text(encoding="utf-8") for file in BAD)
    assert not [file for file, report in REPORTS.items() if f" = {word}" in report or f'"{word.strip()}"' in report]


@cache
def _met() -> tuple[set[str], set[str]]:
    """Return the names of the rules that some wrong stack file breaks, and pydantic's types of errors in the files of ``bad``."""
    fired: set[str] = set()
    kinds: set[str] = set()
    problem = explain._problem

    def watched(rule: Rule) -> Rule:
        def check(stack: StackSettings) -> Iterator[Problem]:
            for problem in rule.check(stack):
                fired.add(rule.name)
                yield problem

        return replace(rule, check=check)

    def explained(entry: ErrorDetails, raw: Mapping[str, object], encrypted: Callable[[KeyPath], bool]) -> Problem:
        kinds.add(entry["type"])
        return problem(entry, raw, encrypted)

    rules = tuple(watched(rule) for rule in all_rules())
    with mock.patch.object(parse, "all_rules", return_value=rules):
        with mock.patch.object(explain, "_problem", explained):
            for file in BAD:
                StackFile(file).report()
        for row in ROWS:
            problems(row.raw)
    return fired, kinds


def test_every_rule_fires_for_a_wrong_stack_file() -> None:
    fired, _ = _met()
    assert {rule.name for rule in all_rules()} - fired == set()


def test_every_rule_on_one_value_is_broken_by_a_wrong_stack_file() -> None:
    """The words of each type, taken from the code that says them, stand in some report."""
    said = set(itertools.chain.from_iterable(_rules_in(path) for path in (ROOT / "components" / "settings").rglob("*.py")))
    assert len(said) > 25
    reports = "\n".join(REPORTS.values())
    rows = {row.rule for row in ROWS}
    assert {rule for rule in said - rows if f"rule:   {rule}\n" not in reports} == set()


def _rules_in(path: Path) -> Iterator[str]:
    """Yield the rule of each ``broken(rule, ...)``, ``Checked(test, rule, ...)`` and ``Matching(pattern, rule, ...)``."""
    position = {"broken": 0, "Checked": 1, "Matching": 1}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in position:
            argument = node.args[position[node.func.id]]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def test_every_kind_of_error_is_met_and_none_is_left_in_pydantics_words() -> None:
    _, met = _met()
    ours = {"stack_rule", "extra_forbidden", "missing", "union_tag_not_found"}
    assert met - ours - set(explain.KINDS) == set()
    assert set(explain.KINDS) - met == set()


def test_every_remedy_says_something() -> None:
    said = [line.partition("remedy:")[2] for report in REPORTS.values() for line in report.splitlines() if "     remedy:" in line]
    assert len(said) > MINIMUM
    assert [remedy for remedy in said if not remedy.strip() or remedy.rstrip().endswith(":")] == []
