"""A folder that cannot take the YAML is told in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.render import render as rendering
from ops.errors import LabError


@pytest.fixture(autouse=True)
def nothing_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "rendered", lambda _: [])


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("file", "Not a directory|File exists"),
        ("file/below", "Not a directory"),
        ("file/deep/below", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("/proc/portus/rendered", "No such file or directory|Not a directory|Permission denied|Operation not permitted"),
    ],
)
def test_an_impossible_folder_is_told_in_a_line(tmp_path: Path, folder: str, told: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match=told) as raised:
        rendering.render("prod", tmp_path / folder)
    assert "\n" not in raised.value.problem
    assert "DIR=..." in raised.value.remedy


def test_a_folder_that_is_still_to_be_made_is_made(tmp_path: Path) -> None:
    rendering.render("prod", tmp_path / "with a space" / "it's new")
    assert (tmp_path / "with a space" / "it's new").is_dir()
