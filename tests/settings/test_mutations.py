"""Whatever one key of the complete sample is changed into, exactly that key is blamed, and no secret is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from components.settings.parse import parse
from components.settings.report import Problem, SettingsError
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

WRONG: Mapping[str, Any] = {"section": {"zz": MARK}, "list": [[MARK]], "fraction": 3.5}
"""Values that fit no key, but for a section where a mapping's keys are the user's."""


def _mistyped(key: str) -> str:
    return f"{key}{key[-1]}"


def _changed(raw: Mapping[str, Any], path: tuple[str, ...], **put: Any) -> dict[str, Any]:
    """Return ``raw`` with the keys ``put`` in the place of the key at ``path``."""
    changed = dict(raw)
    node = changed
    for step in path[:-1]:
        node[step] = dict(node[step])
        node = node[step]
    del node[path[-1]]
    node.update(put)
    return changed


def _problems(raw: Mapping[str, Any], file: StackFile) -> tuple[Problem, ...]:
    try:
        parse(raw, file="stack.yaml", encrypted=lambda path: path in file.secrets)
    except SettingsError as error:
        return tuple(error.problems)
    return ()


@cache
def _raw(file: StackFile) -> dict[str, Any]:
    return sections_of(file)


@cache
def _blamed(file: StackFile, path: tuple[str, ...], change: str) -> tuple[Problem, ...]:
    """Return the report once the key at ``path`` is "mistyped", or holds what ``change`` of ``WRONG`` names."""
    raw = _raw(file)
    key = path[-1]
    if change in WRONG:
        return _problems(_changed(raw, path, **{key: WRONG[change]}), file)
    node: Any = raw
    for step in path:
        node = node[step]
    return _problems(_changed(raw, path, **{_mistyped(key): node}), file)


def test_the_sample_has_every_kind_of_key() -> None:
    assert len(KEYS) > 200


def test_a_mistyped_key_is_named_with_the_one_that_was_meant() -> None:
    for path in KEYS:
        found = {problem.key: problem for problem in _blamed(SAMPLE, path, "mistyped")}
        problem = found[".".join((*path[:-1], _mistyped(path[-1])))]
        assert problem.rule == "unknown key"
        assert problem.remedy == f"did you mean '{path[-1]}'?", path


@pytest.mark.parametrize("change", WRONG)
def test_a_value_of_another_kind_is_blamed_where_it_stands(change: str) -> None:
    for path in KEYS:
        if path[-1] in FREE and change == "section":
            continue
        key = ".".join(path)
        problems = _blamed(SAMPLE, path, change)
        assert any(problem.key == key or problem.key.startswith((f"{key}.", f"{key}[")) for problem in problems), path


def test_a_secret_that_replaces_a_section_or_a_number_is_not_shown_where_its_key_says_so() -> None:
    for path in KEYS:
        if any(word in path[-1] for word in ("password", "secret")):
            for wrong in (_changed(RAW, path, **{path[-1]: [MARK]}), _changed(RAW, path, **{f"{path[-1]}_x": MARK})):
                with pytest.raises(SettingsError) as raised:
                    parse(wrong, file="stack.yaml", encrypted=lambda path: path in SAMPLE.secrets)
                assert MARK not in str(raised.value), path


def test_a_key_that_is_left_out_ends_in_settings_or_in_a_report() -> None:
    for path in KEYS:
        _problems(_changed(RAW, path), SAMPLE)  # some keys have defaults


def _strange(path: tuple[str, ...], before: set[tuple[str, str]], after: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what ``after`` says of other keys than ``path`` that ``before`` did not say."""
    key = ".".join(path)
    return [
        (said, rule)
        for said, rule in after - before
        if not f"{said}.".startswith((f"{key}.", f"{key}[")) and not f"{key}.".startswith(f"{said}.")
    ]


def _complaints(problems: tuple[Problem, ...]) -> set[tuple[str, str]]:
    return {(problem.key, problem.rule) for problem in problems}


SAMPLES = [StackFile(path) for path in sorted((HERE / "samples").glob("*.yaml"))]
RULED = [StackFile(path) for path in BAD if path.parent.name in {"portus_settings", "workloads"}]


@pytest.mark.parametrize("file", [*SAMPLES, *RULED], ids=lambda file: file.path.stem)
def test_no_rule_speaks_of_what_stands_in_for_a_wrong_or_a_missing_value(file: StackFile) -> None:
    raw = _raw(file)
    before = _complaints(_problems(raw, file))
    for path in _keys(raw):
        assert _strange(path, before, _complaints(_blamed(file, path, "list"))) == [], path
        without = _complaints(_blamed(file, path, "mistyped"))
        if (".".join(path), "is required") in without:
            unknown = (".".join((*path[:-1], _mistyped(path[-1]))), "unknown key")
            assert _strange(path, before, without - {unknown}) == [], path


def _swapped(key: str) -> str | None:
    """Return ``key`` with two neighbouring letters swapped, near its middle."""
    middle = max(0, len(key) // 2 - 1)
    places = [index for index in (*range(middle, len(key) - 1), *range(middle)) if key[index] != key[index + 1]]
    return f"{key[: places[0]]}{key[places[0] + 1]}{key[places[0]]}{key[places[0] + 2 :]}" if places else None


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.path.stem)
def test_two_swapped_letters_in_any_key_are_one_problem_that_names_the_right_key(file: StackFile) -> None:
    raw = sections_of(file)
    for path in _keys(raw):
        wrong = _swapped(path[-1])
        if wrong is None or set(path) & {"headers", "extra_config"}:  # their keys are the user's, or the registry's
            continue
        written = (*path[:-1], wrong)

        def encrypted(key: tuple[str | int, ...], path: tuple[str, ...] = path, written: tuple[str, ...] = written) -> bool:
            return ((*path, *key[len(written) :]) if key[: len(written)] == written else key) in file.secrets

        with pytest.raises(SettingsError) as raised:
            parse(_changed(raw, path, **{wrong: _at(raw, path)}), file="stack.yaml", encrypted=encrypted)
        found = [(problem.key, problem.rule, problem.remedy) for problem in raised.value.problems]
        assert found == [(".".join(written), "unknown key", f"did you mean '{path[-1]}'?")], path


def _at(raw: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    node: Any = raw
    for step in path:
        node = node[step]
    return node
