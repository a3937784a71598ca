"""The fixes of the corpus, followed to the letter by the test itself: the corrected file is accepted."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from components.settings.report.problems import Problem
from tests.settings.corpus import BAD, KeyPath, Stack, sections_of
from tests.settings.tables import problems

FOLLOWED = 80
"""At least so many files are corrected by their own report alone; what the others need is no text that a test can make up."""

TWO_MISTAKES = {
    "choices_and_ranges/database_kind",
    "choices_and_ranges/profile",
    "production/profile_wrong_and_unjudged",
    "registry/redis_of_3_1_in_2_8",
    "registry/s3_keys_of_3_1_in_2_8",
    "unknown_keys/existing_secret",
    "workloads/autoscaler_in_snake_case",
    "workloads/host_path",
}
"""Files with a second mistake, which only the first one's fix makes one: another kind, profile or version."""

ELSEWHERE = {"workloads/service_account_of_the_registry", "workloads/environment_of_the_program"}
"""Here the fix is at another place than the key."""


def _steps(key: str) -> KeyPath:
    return tuple(int(step) if step.isdigit() else step for step in re.split(r"\.|\[|\]", key) if step)


def _section(raw: Any, path: KeyPath) -> Any:
    for step in path[:-1]:
        raw = raw[step]
    return raw


def _follow(raw: dict[str, Any], problem: Problem) -> bool:
    """Do what the fix of ``problem`` says; return whether it is one that says it in full."""
    path, fix = _steps(problem.key), problem.remedy.partition(";")[0]
    section, key = _section(raw, path), path[-1]
    if match := re.fullmatch(r"did you mean '([^']+)'\?", fix):
        if problem.rule.startswith("unknown key"):
            section[match[1]] = section.pop(key)
        else:
            section[key] = match[1]
    elif fix == "remove it" and isinstance(section, dict):
        section.pop(key)
    elif match := re.fullmatch(r"put it in quotes: \"(.+)\"", fix):
        section[key] = match[1]
    elif match := re.fullmatch(r"write ('?)([\[({].+[\])}]|\S+)\1(?:, without quotes)?", fix):
        section[key] = yaml.safe_load(match[2])
    elif fix == "write it without quotes":
        section[key] = int(section[key])
    elif match := re.match(r'set (registry|portus)\.version: "([0-9.]+)"', fix):
        raw.setdefault(match[1], {})["version"] = match[2]
    else:
        return False
    return True


def _corrected(file: Stack) -> Mapping[str, Any] | None:
    """Return the file's data once each of its fixes was followed, None where one leaves something to the reader."""
    raw = copy.deepcopy(sections_of(file))
    found = problems(raw)
    try:
        return raw if found and sum(_follow(raw, problem) for problem in found) == len(found) else None
    except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError):
        return None


@pytest.fixture(scope="module")
def corrected() -> dict[str, Mapping[str, Any]]:
    found = {entry.id: _corrected(entry) for entry in BAD if entry.folder != "certificates"}
    return {name: raw for name, raw in found.items() if raw is not None and name not in TWO_MISTAKES | ELSEWHERE}


def test_a_file_whose_fixes_are_followed_is_accepted(corrected: dict[str, Mapping[str, Any]]) -> None:
    left = {name: [(each.key, each.rule, each.remedy) for each in problems(raw)] for name, raw in corrected.items()}
    assert {name: told for name, told in left.items() if told} == {}


def test_most_fixes_say_all_that_there_is_to_do(corrected: dict[str, Mapping[str, Any]]) -> None:
    assert len(corrected) >= FOLLOWED
