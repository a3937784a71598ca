"""Every wrong stack file gets exactly its report, and nothing is registered for it."""

from __future__ import annotations

import ast
import itertools
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest import mock

import pulumi
import pytest
import yaml

from components.settings.report import explain
from components.settings.rules import all_rules
from tests.recorder import ROOT, Program, run_program, texts
from tests.settings.corpus import BAD, TABLES, WHOLE, Case, WrongFile, bases, rewritten, rewritten_reports, sections_of
from tests.settings.kinds import ROWS
from tests.settings.met import watching
from tests.settings.tables import problems

MINIMUM = 150
"""Issue 5, part 13."""

REWRITE = "if the new wording is meant: make golden, and read the difference"

ENDING = (
    "missing/everything",
    "missing/host",
    "wrong_types/section_encrypted_as_a_text",
    "unknown_keys/foreign_namespace",
    "values/host_with_a_scheme",
    "registry/replicas_on_one_volume",
    "certificates/expired",
    "secrets/two_in_clear",
    "production/unprotected",
    "together/every_section",
)
"""One of each kind, for which the whole program is run; of the others ``parse`` raises what ends it."""


@pytest.mark.parametrize("entry", BAD, ids=lambda entry: entry.id)
def test_a_wrong_stack_file_is_told_exactly_what_is_wrong_with_it(entry: WrongFile | Case) -> None:
    assert entry.told == entry.expected, REWRITE


@pytest.mark.parametrize("name", ENDING)
def test_nothing_is_registered_for_a_wrong_stack_file(name: str) -> None:
    (entry,) = (entry for entry in BAD if entry.id == name)
    program = Program("bad")
    secret_sections = [f"portus:{path[0]}" for path in entry.secrets]
    keys = mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret_sections)})
    with keys, pytest.raises(pulumi.RunError, match=r"problems?; nothing was created or changed"):
        run_program("bad", entry.configuration, into=program)
    assert program.resources == []


def test_the_corpus_is_large_and_each_entry_says_what_is_wrong_with_it() -> None:
    assert len(BAD) >= MINIMUM
    assert len({entry.id for entry in BAD}) == len(BAD)
    assert [entry.id for entry in BAD if not entry.because.strip()] == []


@pytest.mark.parametrize("name", bases())
def test_a_stack_file_that_cases_change_is_right_itself(name: str) -> None:
    Case("base", {"case": name, "base": name}).parse()


def test_a_case_changes_what_it_says_and_has_no_other_keys() -> None:
    for case in BAD:
        if isinstance(case, Case):
            assert set(case.row) <= {"case", "because", "base", "set", "remove", "expect"}, case.id
            assert case.row.get("set") or case.row.get("remove"), case.id
        else:
            assert set(case.row) == {"case", "because", "file", "report"}, case.id


def test_a_table_whose_cases_are_told_what_it_expects_is_not_rewritten() -> None:
    text = TABLES[0].read_text(encoding="utf-8")
    assert rewritten(text) == text


def test_what_a_case_is_told_is_rewritten_in_place_and_nothing_else() -> None:
    right = """\
# A table's own comment.
some:
- case: protect
  because: 'A word.'  # quoted as it was
  set: {protect: maybe}
  expect:
  - key: protect
    value: '"maybe"'
    rule: must be true or false
    fix: write true or false

# The next one's comment.
- case: host
  because: "Left out."
  expect:
  - key: host
    rule: must be set
    fix: 'set it'
  remove: [host]
"""
    (host,) = (entry for entry in BAD if entry.id == "missing/host")
    assert isinstance(host, Case)
    fix = host.told[0]["fix"]
    new = rewritten(right)
    assert new.startswith(right[: right.index("    fix: 'set it'")])
    assert new.endswith("\n  remove: [host]\n")
    assert yaml.safe_load(new)["some"][1]["expect"] == [{"key": "host", "rule": "must be set", "fix": fix}]
    assert rewritten(new) == new
    bare = "".join(line for line in right.splitlines(keepends=True) if line.startswith(("#", "some", "-", "  b", "  s", "  r", "\n")))
    filled = rewritten(bare)
    assert "# The next one's comment.\n- case: host\n" in filled
    assert [row["expect"] for row in yaml.safe_load(filled)["some"]] == [row["expect"] for row in yaml.safe_load(new)["some"]]


def test_a_report_is_rewritten_in_place_and_nothing_else() -> None:
    text = WHOLE.read_text(encoding="utf-8")
    assert rewritten_reports(text) == text
    old = text.replace("must be one of", "was one of").replace("unknown key", "no key")
    assert old.count("was one of") > 1
    assert rewritten_reports(old) == text
    row = "- case: missing/host\n  because: Left out.\n  file: |\n    config:\n      portus:protect: maybe\n\n# A comment.\n"
    filled = rewritten_reports(row)
    assert filled.startswith(row.partition("\n\n")[0])
    assert filled.endswith("\n\n# A comment.\n")
    assert "host.yaml: 5 problems" in yaml.safe_load(filled)[0]["report"]


def test_no_report_shows_a_secret() -> None:
    shown = 0
    for entry in BAD:
        for text in entry.secrets.values():
            if len(text.strip()) > 4:  # shorter ones are words of any report
                assert text.strip() not in entry.report(), entry.id
                shown += 1
    assert shown > 30


@pytest.mark.parametrize("word", ["correct horse", "correct-horse", "battery-staple", "hunter2", "geheim", "12345678\n"])
def test_no_report_shows_a_secret_that_the_file_holds_in_clear(word: str) -> None:
    assert any(word.strip() in text for entry in BAD for text in texts(sections_of(entry)))
    reports = {entry.id: entry.report() for entry in BAD}
    assert not [name for name, report in reports.items() if f" = {word}" in report or f'"{word.strip()}"' in report]


@cache
def _met() -> tuple[set[str], set[str]]:
    """Return the names of the rules that fire for `BAD` or `ROWS`, and the types of errors that pydantic raises for them."""
    with watching() as met:
        for row in ROWS:
            problems(row.raw)
    outcomes = [entry.outcome[1] for entry in BAD]
    return met.rules.union(*(each.rules for each in outcomes)), met.kinds.union(*(each.kinds for each in outcomes))


def test_every_rule_fires_for_a_wrong_stack_file() -> None:
    fired, _ = _met()
    assert {rule.name for rule in all_rules()} - fired == set()


def test_every_rule_on_one_value_is_broken_by_a_wrong_stack_file() -> None:
    """The words of each type, taken from the code that says them, stand in some report."""
    said = set(itertools.chain.from_iterable(_rules_in(path) for path in (ROOT / "components" / "settings").rglob("*.py")))
    assert len(said) > 25
    told = {problem.rule for entry in BAD for problem in entry.error.problems}
    assert said - told - {row.rule for row in ROWS} == set()


OPENINGS = ("must ", "unknown key", "has no effect ")
"""A rule states the requirement, or plainly names the fault; it is never a fact about the wrong value."""


def test_every_rule_in_the_code_states_the_requirement() -> None:
    written = [text for path in (ROOT / "components" / "settings").rglob("*.py") for text in _openings_in(path)]
    assert len(written) > 250
    assert [text for text in written if not text.startswith(OPENINGS)] == []


def test_every_problem_states_the_requirement_and_the_fix() -> None:
    told = [problem for entry in BAD for problem in entry.error.problems] + [problem for row in ROWS for problem in problems(row.raw)]
    assert {problem.rule for problem in told if not problem.rule.startswith(OPENINGS)} == set()
    assert {problem.rule for problem in told if not problem.fix.strip()} == set()


def _openings_in(path: Path) -> Iterator[str]:
    """Yield how each rule in the code begins, where it begins with a text."""
    position = {"broken": 0, "Checked": 1, "Matching": 1, "_error": 0, "_of": 1, "Wrong": 2}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            rules = [keyword.value for keyword in node.keywords if keyword.arg == "rule"]
            rules += [node.args[position[name]]] if name in position and len(node.args) > position[name] else []
            yield from (text for rule in rules for text in _openings(rule))


def _openings(rule: ast.expr) -> list[str]:
    match rule:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=[first, *_]):
            return _openings(first)
        case ast.IfExp():
            return [*_openings(rule.body), *_openings(rule.orelse)]
        case ast.BinOp():
            return _openings(rule.left)
    return []


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


def test_every_fix_says_something() -> None:
    said = [problem.fix for entry in BAD for problem in entry.error.problems]
    assert len(said) > MINIMUM
    assert [fix for fix in said if not fix.strip() or fix.rstrip().endswith(":")] == []
