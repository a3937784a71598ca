"""Whatever one key of the complete sample is changed into, exactly that key is blamed, and no secret is shown."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from components.settings.parse import parse
from components.settings.report import SettingsError
from tests.settings.corpus import BAD, HERE, StackFile, sections_of

SAMPLE = StackFile(HERE / "samples" / "complete.yaml")
RAW = sections_of(SAMPLE)
FREE = {"annotations", "labels", "pod_labels", "dashboard_labels", "nodeSelector", "serviceAccountAnnotations"}
"""Mappings whose keys are the user's."""
MARK = "a-secret-in-the-wrong-place"


def _keys(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield (*path, key)
            if key not in FREE:
                yield from _keys(value, (*path, key))


KEYS = list(_keys(RAW))


def _changed(path: tuple[str, ...], key: str, value: Any, raw: Mapping[str, Any] = RAW) -> dict[str, Any]:
    changed = copy.deepcopy(dict(raw))
    node: Any = changed
    for step in path[:-1]:
        node = node[step]
    old = node.pop(path[-1])
    node[key] = old if value is None else value
    return changed


def _report(raw: Mapping[str, Any]) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        parse(raw, file="stack.yaml", encrypted=lambda path: path in SAMPLE.secrets)
    return raised.value


def test_the_sample_has_every_kind_of_key() -> None:
    assert len(KEYS) > 200


def test_a_mistyped_key_is_named_with_the_one_that_was_meant() -> None:
    for path in KEYS:
        wrong = f"{path[-1]}{path[-1][-1]}"
        found = {problem.key: problem for problem in _report(_changed(path, wrong, None)).problems}
        problem = found[".".join((*path[:-1], wrong))]
        assert problem.rule == "unknown key"
        assert problem.remedy == f"did you mean '{path[-1]}'?", path


@pytest.mark.parametrize("value", [{"zz": MARK}, [[MARK]], 3.5], ids=["section", "list", "fraction"])
def test_a_value_of_another_kind_is_blamed_where_it_stands(value: Any) -> None:
    for path in KEYS:
        if path[-1] in FREE and isinstance(value, dict):
            continue
        error = _report(_changed(path, path[-1], value))
        key = ".".join(path)
        assert any(problem.key == key or problem.key.startswith((f"{key}.", f"{key}[")) for problem in error.problems), path


def test_a_secret_that_replaces_a_section_or_a_number_is_not_shown_where_its_key_says_so() -> None:
    for path in KEYS:
        if any(word in path[-1] for word in ("password", "secret")):
            assert MARK not in str(_report(_changed(path, path[-1], [MARK]))), path
            assert MARK not in str(_report(_changed(path, f"{path[-1]}_x", MARK))), path


def test_a_key_that_is_left_out_ends_in_settings_or_in_a_report() -> None:
    for path in KEYS:
        raw = copy.deepcopy(RAW)
        node: Any = raw
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]
        with contextlib.suppress(SettingsError):  # some keys have defaults
            parse(raw, file="stack.yaml", encrypted=lambda key: key in SAMPLE.secrets)


def _complaints(raw: Mapping[str, Any], file: StackFile) -> set[tuple[str, str]]:
    try:
        parse(raw, file="stack.yaml", encrypted=lambda path: path in file.secrets)
    except SettingsError as error:
        return {(problem.key, problem.rule) for problem in error.problems}
    return set()


def _strange(path: tuple[str, ...], before: set[tuple[str, str]], after: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what ``after`` says of other keys than ``path`` that ``before`` did not say."""
    key = ".".join(path)
    return [
        (said, rule)
        for said, rule in after - before
        if not f"{said}.".startswith((f"{key}.", f"{key}[")) and not f"{key}.".startswith(f"{said}.")
    ]


SAMPLES = [StackFile(path) for path in sorted((HERE / "samples").glob("*.yaml"))]
RULED = [StackFile(path) for path in BAD if path.parent.name in {"portus_settings", "workloads"}]


@pytest.mark.parametrize("file", [*SAMPLES, *RULED], ids=lambda file: file.path.stem)
def test_no_rule_speaks_of_what_stands_in_for_a_wrong_or_a_missing_value(file: StackFile) -> None:
    raw = sections_of(file)
    before = _complaints(raw, file)
    for path in _keys(raw):
        assert _strange(path, before, _complaints(_changed(path, path[-1], [["x"]], raw), file)) == [], path
        without = _complaints(_changed(path, "left_out", None, raw), file)
        if (".".join(path), "is required") in without:
            unknown = (".".join((*path[:-1], "left_out")), "unknown key")
            assert _strange(path, before, without - {unknown}) == [], path
