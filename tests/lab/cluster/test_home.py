from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ops.process import Process


def test_a_record_names_a_process_only_while_that_very_process_runs(tmp_path: Path) -> None:
    record = tmp_path / "process"
    child = subprocess.Popen(["sleep", "60"])
    process = Process.of(child.pid)
    process.write(record)
    assert Process.read(record) == process
    Process(child.pid, process.started + 1).write(record)  # the id, given to another process
    assert Process.read(record) is None
    process.kill()
    process.write(record)
    assert Process.read(record) is None


def test_a_process_that_ended_but_was_not_reaped_does_not_run() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ProcessLookupError):
        Process.of(child.pid)
    child.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1}'])
def test_a_broken_record_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "process").write_text(text)
    assert Process.read(tmp_path / "process") is None


def test_a_program_whose_name_holds_parentheses_and_spaces_is_read_right(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    assert Process.of(child.pid).runs
    Process.of(child.pid).kill()
