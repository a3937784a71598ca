"""The cache of built things: whole or not at all, shared, and plain about a folder that it cannot use."""

from __future__ import annotations

import errno
import fcntl
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from lab import cache
from ops.errors import OpsError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _program(work: Path) -> None:
    (work / "program").write_text("whole")


def test_an_interrupted_build_is_resumed_and_never_taken_for_a_whole_one() -> None:
    def interrupted(work: Path) -> None:
        (work / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.build("thing", "1", interrupted)
    assert cache.find("thing", "1") is None
    seen = []
    built = cache.build("thing", "1", lambda work: seen.append((work / "half").exists()))
    assert seen == [True]
    assert cache.find("thing", "1") == built


@pytest.mark.parametrize("loss", ["removed", "cut short", "its list is broken"])
def test_an_entry_that_lost_a_file_is_built_again(loss: str) -> None:
    built = cache.build("thing", "1", _program)
    if loss == "removed":
        (built / "program").unlink()
    elif loss == "cut short":
        (built / "program").write_text("")
    else:
        (built / cache.WHOLE).write_text("{")
    assert cache.find("thing", "1") is None
    assert (cache.build("thing", "1", _program) / "program").read_text() == "whole"


def test_another_version_is_built_beside_the_first() -> None:
    first, second = (cache.build("thing", version, _program) for version in ("1", "2"))
    assert first != second
    assert first.is_dir()
    assert second.is_dir()


def test_the_missing_of_several_entries_are_built_together() -> None:
    cache.build("a", "1", _program)
    made = []
    found = cache.build_all([("a", "1"), ("b", "1"), ("c", "1")], lambda folders: made.append(sorted(folders)))
    assert made == [[("b", "1"), ("c", "1")]]
    assert all(path.is_dir() for path in found.values())


def test_a_second_run_waits_for_the_first_says_so_and_builds_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "thing").mkdir(parents=True)
    with (folder / "thing" / ".lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = threading.Thread(target=cache.build, args=("thing", "1", _program))
        second.start()
        second.join(0.2)
        assert second.is_alive()
        (folder / "thing" / "1").mkdir()  # what the first one built
    second.join(10)
    assert not second.is_alive()
    assert not (folder / "thing" / "1" / "program").exists()
    assert "another run builds thing: waiting for it" in capsys.readouterr().out


def test_a_cache_that_cannot_be_written_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "cache", Path("/proc/self/portus-lab")):
        monkeypatch.setenv("PORTUS_LAB_CACHE", str(place))
        with pytest.raises(OpsError, match="must be a folder that can be written") as caught:
            cache.build("thing", "1", _program)
        assert "PORTUS_LAB_CACHE" in caught.value.fix


def test_too_little_space_is_reported_before_anything_is_built() -> None:
    with pytest.raises(OpsError, match=r"needs 1000000.0 GiB in .*, .* GiB are free"):
        cache.build("thing", "1", lambda _work: pytest.fail("it began"), needs_gib=1e6)


def test_a_full_disk_is_reported_and_the_next_run_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_work: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OpsError, match=r"the disk of the lab's cache .* is full"):
        cache.build("thing", "1", full)
    assert cache.build("thing", "1", _program).is_dir()

    def failed(_work: Path) -> None:
        raise OpsError("'go' ended with code 1.", "Read.", "write: no space left on device")

    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as the standard library's own
    sizes = iter([usage(1, 0, 2**40), usage(1, 1, 0)])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: next(sizes))
    with pytest.raises(OpsError, match=r"is full") as caught:
        cache.build("thing", "2", failed)
    assert "no space left" in caught.value.excerpt


def test_a_failure_elsewhere_keeps_its_own_words() -> None:
    def elsewhere(_work: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/etc/hosts")

    with pytest.raises(PermissionError):
        cache.build("thing", "1", elsewhere)
