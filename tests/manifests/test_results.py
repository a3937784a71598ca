from __future__ import annotations

from pathlib import Path

import pytest

from lab.manifests.lint import BEGIN, END, keep, report, score_table
from lab.manifests.results import Result, Score, Waiver, failures, read_waivers, scores, unused
from ops.errors import LabError

PASSED = Result("polaris", "a", "Deployment/x")
FOUND = Result("polaris", "b", "Deployment/x", "bad")
OTHER = Result("checkov", "C1", "Service/y", "bad")
WAIVER = Waiver("since", ("polaris/b",), ("Deployment/*",))


def test_a_waiver_covers_its_checks_on_its_objects_only() -> None:
    assert failures([PASSED, FOUND, OTHER], [WAIVER]) == [OTHER]
    assert failures([FOUND], [Waiver("since", ("polaris/b",), ("Deployment/z",))]) == [FOUND]
    assert failures([FOUND], [Waiver("since", ("checkov/b",), ("*",))]) == [FOUND]


def test_what_is_counted_is_passed_waived_and_failed_by_tool() -> None:
    assert scores([PASSED, FOUND, OTHER], [WAIVER]) == {"checkov": Score(0, 0, 1), "polaris": Score(1, 1, 0)}


def test_each_part_of_a_waiver_must_be_needed() -> None:
    waiver = Waiver("since", ("polaris/b", "polaris/gone"), ("Deployment/x", "Deployment/gone"))
    lines = unused([waiver], [FOUND], ["polaris"])
    assert [line.split(" (")[0] for line in lines] == ["polaris/gone on Deployment/x, Deployment/gone", "Deployment/gone"]
    assert unused([WAIVER], [FOUND], ["polaris"]) == []


def test_a_waiver_of_a_tool_that_did_not_run_is_left_in_peace() -> None:
    assert unused([Waiver("since", ("checkov/C9", "polaris/b"), ("Deployment/x", "Service/y"))], [FOUND], ["polaris"]) == []


def test_a_lint_fails_on_a_finding_and_on_an_idle_waiver() -> None:
    with pytest.raises(LabError, match="1 findings") as raised:
        report({"lab": [OTHER]}, [])
    assert raised.value.excerpt == "lab: checkov/C1 Service/y: bad"
    with pytest.raises(LabError, match="unused waivers"):
        report({"lab": [PASSED]}, [Waiver("since", ("checkov/C1",), ("Service/y",))])
    report({"lab": [PASSED, FOUND]}, [WAIVER])


@pytest.mark.parametrize("text", ["- reason: r\n  checks: [a/b]\n", "- reason: ''\n  checks: [a/b]\n  objects: ['*']\n", "- why: r\n"])
def test_a_waiver_without_reason_checks_or_objects_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "w.yaml").write_text(text)
    with pytest.raises(LabError, match="waiver 1"):
        read_waivers(tmp_path / "w.yaml")


def test_the_score_replaces_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.paths.ROOT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}old\n{END}after\n")
    table = score_table({"lab": {"polaris": Score(1, 2, 3)}, "prod": {}})
    assert table.splitlines()[-1] == "| polaris | 1 / 2 / 3 |  |"
    keep(path, table)
    keep(path, table)
    assert path.read_text() == f"before\n{BEGIN}\n{table}\n{END}after\n"
