"""Whatever one key of the complete sample is changed into, exactly that key is blamed, and no secret is shown.

A mistake whose own report is looked at shares its parse with mistakes in other sections (``_apart``): each must still be reported.
A mistake of which others may say something wrong has its parse to itself: there one mistake could hide what another one does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from components.settings.parse import parse
from components.settings.report.locate import TAGS, value_at
from components.settings.report.problems import Problem, SettingsError
from tests.settings.corpus import BAD, SAMPLES, Case, Stack, StackFile, bases, sample_of, sections_of

SAMPLE = sample_of("complete")
RAW = sections_of(SAMPLE)
FREE = {"annotations", "labels", "podLabels", "dashboardLabels", "nodeSelector", "serviceAccountAnnotations"}
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


def _problems(raw: Mapping[str, Any], file: Stack) -> tuple[Problem, ...]:
    try:
        parse(raw, file="stack.yaml", encrypted=lambda path: path in file.secrets)
    except SettingsError as error:
        return tuple(error.problems)
    return ()


@cache
def _raw(file: Stack) -> dict[str, Any]:
    return sections_of(file)


@cache
def _keys_of(file: Stack) -> tuple[tuple[str, ...], ...]:
    return tuple(_keys(_raw(file)))


def _apart(paths: Sequence[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """Return ``paths`` in groups, each with at most one key of a section, and with none inside another.

    A key that chooses which settings its section takes stands for the section as a whole.
    """
    groups: list[tuple[list[tuple[str, ...]], set[tuple[str, ...]], set[tuple[str, ...]]]] = []
    for path in paths:
        whole = path[:-1] if path[-1] in TAGS else path
        around = {whole[:length] for length in range(1, len(whole) + 1)}
        for group, wholes, inside in groups:
            if whole not in inside and not around & wholes and not any(other[:-1] == path[:-1] for other in group):
                break
        else:
            group, wholes, inside = [], set(), set()
            groups.append((group, wholes, inside))
        group.append(path)
        wholes.add(whole)
        inside |= around
    return [group for group, _, _ in groups]


def _all_changed(raw: Mapping[str, Any], changes: Mapping[tuple[str, ...], Mapping[str, Any]]) -> Mapping[str, Any]:
    for path, put in changes.items():
        raw = _changed(raw, path, **put)
    return raw


def _is_told(key: str, problems: Sequence[Problem]) -> bool:
    return any(problem.key == key or problem.key.startswith((f"{key}.", f"{key}[")) for problem in problems)


def test_the_sample_has_every_kind_of_key() -> None:
    assert len(KEYS) > 200


def test_each_key_has_its_turn_and_shares_it_with_other_sections_alone() -> None:
    groups = _apart(KEYS)
    assert sorted(path for group in groups for path in group) == sorted(KEYS)
    for group in groups:
        assert len({path[:-1] for path in group}) == len(group)
        assert not [(outer, inner) for outer in group for inner in group if outer != inner and inner[: len(outer)] == outer]


def test_a_mistyped_key_is_named_with_the_one_that_was_meant() -> None:
    for group in _apart(KEYS):
        problems = _problems(_all_changed(RAW, {path: {_mistyped(path[-1]): _at(RAW, path)} for path in group}), SAMPLE)
        unknown = {(problem.key, problem.fix) for problem in problems if problem.rule == "unknown key"}
        assert unknown == {(".".join((*path[:-1], _mistyped(path[-1]))), f"did you mean '{path[-1]}'?") for path in group}


@pytest.mark.parametrize("change", WRONG)
def test_a_value_of_another_kind_is_blamed_where_it_stands(change: str) -> None:
    paths = [path for path in KEYS if change != "section" or path[-1] not in FREE]
    for group in _apart(paths):
        problems = _problems(_all_changed(RAW, {path: {path[-1]: WRONG[change]} for path in group}), SAMPLE)
        assert [path for path in group if not _is_told(".".join(path), problems)] == [], group


def test_a_secret_that_replaces_a_section_or_a_number_is_not_shown_where_its_key_says_so() -> None:
    for path in KEYS:
        if any(word in path[-1] for word in ("password", "secret")):
            for wrong in (_changed(RAW, path, **{path[-1]: [MARK]}), _changed(RAW, path, **{f"{path[-1]}_x": MARK})):
                with pytest.raises(SettingsError) as raised:
                    parse(wrong, file="stack.yaml", encrypted=lambda path: path in SAMPLE.secrets)
                assert MARK not in str(raised.value), path


def test_a_key_that_is_left_out_ends_in_settings_or_in_a_report() -> None:
    for group in _apart(sorted(set(KEYS) - set(_required(SAMPLE, _keys_of(SAMPLE))))):  # those are left out below
        _problems(_all_changed(RAW, {path: {} for path in group}), SAMPLE)


@pytest.mark.parametrize("empty", [{}, [], "", None], ids=repr)
def test_a_key_that_is_left_empty_ends_in_settings_or_in_a_report(empty: object) -> None:
    for group in _apart(KEYS):
        _problems(_all_changed(RAW, {path: {path[-1]: empty} for path in group}), SAMPLE)


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


STACKS = [StackFile(path) for path in SAMPLES]
RULED = [entry for entry in BAD if entry.kind in {"portus_settings", "workloads"}]


@cache
def _required(file: Stack, paths: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    """Return those keys of ``file`` among ``paths`` that cannot be left out."""
    found = []
    for group in _apart(paths):
        told = _complaints(_problems(_all_changed(_raw(file), {path: {} for path in group}), file))
        found += [path for path in group if (".".join(path), "must be set") in told]
    return found


TURN = 60
"""Keys that one test changes: the complete sample would be the longest test of its tier."""
TURNS = [(SAMPLE, start) for start in range(0, len(KEYS), TURN)] + [(file, 0) for file in [*STACKS, *RULED] if file != SAMPLE]


@pytest.mark.parametrize(("file", "start"), TURNS, ids=[f"{file.name}-{start}" for file, start in TURNS])
def test_no_rule_speaks_of_what_stands_in_for_a_wrong_or_a_missing_value(file: Stack, start: int) -> None:
    own = _own(file)
    for path, strange in _said_of_others(file, own[start : start + TURN] if file == SAMPLE else own):
        assert strange == [], path


def _said_of_others(file: Stack, turn: Sequence[tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], list[tuple[str, str]]]]:
    """Yield each key of ``turn`` with what is said of other keys when its value is wrong, and when it is missing and must not be."""
    raw = _raw(file)
    wrong = [(path, _changed(raw, path, **{path[-1]: WRONG["list"]})) for path in turn]
    missing = [(path, _changed(raw, path)) for path in _required(file, _own(file) if file == SAMPLE else tuple(turn)) if path in turn]
    for path, changed in (*wrong, *missing):
        yield path, _strange(path, _told(file), _complaints(_problems(changed, file)))


@cache
def _told(file: Stack) -> set[tuple[str, str]]:
    return _complaints(_problems(_raw(file), file))


def _base(file: Stack) -> Mapping[str, Any]:
    return bases()[file.row.get("base", "minimal")] if isinstance(file, Case) else {}


def _own(file: Stack) -> tuple[tuple[str, ...], ...]:
    """Return the keys of ``file`` that the stack file on which it is based does not have, or has with another value."""
    base, raw = _base(file), _raw(file)
    same = {path for path in _keys(base) if isinstance(_at(base, path), Mapping) or _at(base, path) == value_at(raw, path)}
    return tuple(path for path in _keys_of(file) if path not in same)


def _overlap(path: str, other: str) -> bool:
    return f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}.")


def _joined(file: Case, case: Case) -> Case | None:
    """Return ``file`` with what ``case`` changes, too; None if both change one key, or if one hides what the other is told."""
    paths, others = ([*(each.row.get("set") or {}), *(each.row.get("remove") or [])] for each in (file, case))
    if _base(file) is not _base(case) or any(_overlap(path, other) for path in paths for other in others):
        return None
    put = {**(file.row.get("set") or {}), **(case.row.get("set") or {})}
    left_out = [*(file.row.get("remove") or []), *(case.row.get("remove") or [])]
    joint = Case("joint", {**file.row, "set": put, "remove": left_out})
    return joint if _told(joint) == _told(file) | _told(case) else None


def test_no_rule_speaks_of_what_stands_in_for_a_key_that_the_cases_share() -> None:
    """The cases change few keys of few stack files: the keys of those are tried where many cases are one file."""
    files: list[Case] = []
    for case in (entry for entry in RULED if isinstance(entry, Case)):
        for number, file in enumerate(files):
            if joint := _joined(file, case):
                files[number] = joint
                break
        else:
            files.append(case)
    for file in files:
        own = _own(file)
        for path, strange in _said_of_others(file, [path for path in _keys_of(file) if path not in own]):
            assert strange == [], (path, file.row)


def _swapped(key: str) -> str | None:
    """Return ``key`` with two neighbouring letters swapped, near its middle."""
    middle = max(0, len(key) // 2 - 1)
    places = [index for index in (*range(middle, len(key) - 1), *range(middle)) if key[index] != key[index + 1]]
    return f"{key[: places[0]]}{key[places[0] + 1]}{key[places[0]]}{key[places[0] + 2 :]}" if places else None


RENAMED = {
    "signingKeyVersion": "signing_key_generation",
    "minSigningKeyVersion": "oldest_accepted_generation",
    "maxMemoryMb": "maxmemory_mb",
}


def _former(key: str) -> str | None:
    """Return how a stack file of before 0.1.0 spells ``key``, None where it is the same."""
    former = RENAMED.get(key) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    return former if former != key else None


@pytest.mark.parametrize("misspell", [_swapped, _former], ids=["two swapped letters", "the spelling of before 0.1.0"])
@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.path.stem)
def test_a_misspelt_key_is_one_problem_that_names_the_right_key(file: Stack, misspell: Callable[[str], str | None]) -> None:
    raw = _raw(file)
    not_ours = {"headers", "extraConfig"}  # the user's, the registry's
    wrong = {path: misspell(path[-1]) for path in _keys_of(file) if not set(path) & not_ours}
    for group in _apart([path for path, key in wrong.items() if key]):
        written = {path: (*path[:-1], str(wrong[path])) for path in group}

        def encrypted(key: tuple[str | int, ...], written: Mapping[tuple[str, ...], tuple[str, ...]] = written) -> bool:
            right = next((path for path, misspelt in written.items() if key[: len(path)] == misspelt), ())
            return (*right, *key[len(right) :]) in file.secrets

        with pytest.raises(SettingsError) as raised:
            parse(_all_changed(raw, {path: {str(wrong[path]): _at(raw, path)} for path in group}), file="stack.yaml", encrypted=encrypted)
        found = [(problem.key, problem.rule, problem.fix) for problem in raised.value.problems]
        assert found == sorted((".".join(written[path]), "unknown key", f"did you mean '{path[-1]}'?") for path in group)


def _at(raw: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    node: Any = raw
    for step in path:
        node = node[step]
    return node
