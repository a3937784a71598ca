from __future__ import annotations

from pathlib import Path

import pytest

from lab.cluster import hosts

NAMES = {"127.88.0.1": ["portus.lab.test", "registry.lab.test"]}


@pytest.mark.parametrize("text", [b"", b"127.0.0.1 localhost\n", b"127.0.0.1 localhost", b"a\n#\n", b"a\n\n", b"\xff\xfe no text\n"])
def test_a_block_that_goes_leaves_the_very_bytes_that_were_there(text: bytes) -> None:
    with_block = hosts.replaced(text, "lab", NAMES)
    assert b"\n127.88.0.1 portus.lab.test registry.lab.test\n" in with_block
    assert with_block.startswith(text)
    assert hosts.replaced(with_block, "lab", {}) == text


def test_a_block_is_replaced_not_repeated() -> None:
    once = hosts.replaced(b"127.0.0.1 localhost\n", "lab", NAMES)
    assert hosts.replaced(once, "lab", NAMES) == once
    other = hosts.replaced(once, "lab", {"127.88.0.2": ["other.lab.test"]})
    assert b"portus.lab.test" not in other
    assert other.count(b"# lab begin") == 1


def test_lines_that_others_add_behind_the_block_stay() -> None:
    text = hosts.replaced(b"127.0.0.1 localhost\n", "lab", NAMES) + b"10.0.0.1 later\n"
    assert hosts.replaced(text, "lab", {}) == b"127.0.0.1 localhost\n10.0.0.1 later\n"


def test_each_slot_has_a_block_of_its_own() -> None:
    both = hosts.replaced(hosts.replaced(b"", "lab", NAMES), "lab-test", NAMES)
    assert hosts.replaced(both, "lab", {}) == hosts.replaced(b"", "lab-test", NAMES)


def test_a_block_without_an_end_takes_nothing_else_along() -> None:
    assert hosts.replaced(b"# lab begin\n10.0.0.1 mine\n", "lab", {}) == b"10.0.0.1 mine\n"


def test_the_file_keeps_its_mode_and_nothing_is_written_without_need(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(b"127.0.0.1 localhost\n")
    file.chmod(0o640)
    assert hosts.ensure("lab", NAMES, file)
    assert file.stat().st_mode & 0o777 == 0o640
    assert not hosts.ensure("lab", NAMES, file)
    assert list(tmp_path.iterdir()) == [file]
