"""The command's words: few runs are refused, and figures go to standard output and to the file alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bench import __main__ as bench
from ops.console import console


@pytest.fixture(autouse=True)
def _console() -> Iterator[None]:
    """Keep other tests' console as it is."""
    before = console._file  # what `file` answers is the standard output of this test
    yield
    console._file = before


def test_fewer_than_five_runs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--runs", "4"])
    assert "fewer than 5" in capsys.readouterr().err


def test_one_figure_a_line_and_the_same_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "_measured", lambda runs: {"preview.wall.ratio": 1.05, "runs": float(runs)})
    assert bench.main(["--json", str(tmp_path / "figures.json")]) == 0
    assert capsys.readouterr().out == "preview.wall.ratio: 1.05\nruns: 5.0\n"
    assert json.loads((tmp_path / "figures.json").read_text()) == {"preview.wall.ratio": 1.05, "runs": 5.0}


def test_a_file_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--json", str(tmp_path / "no" / "such" / "folder.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err
