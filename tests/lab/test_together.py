"""Jobs that run at the same time, and what becomes of the others when one fails."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lab.lab_stack import together
from ops import process
from ops.console import step
from ops.errors import LabError

BOUND = 20.0


def test_jobs_run_at_the_same_time_and_answer_in_their_order() -> None:
    meeting = threading.Barrier(2, timeout=BOUND)
    assert together(lambda: (meeting.wait(), "first")[1], lambda: (meeting.wait(), "second")[1]) == ["first", "second"]


def test_the_failure_of_one_ends_the_programs_of_the_others(tmp_path: Path) -> None:
    runs = tmp_path / "runs"

    def long() -> None:
        process.run(["sh", "-c", f"touch {runs}; exec sleep 600"], log=tmp_path / "log")

    def failing() -> None:
        until = time.monotonic() + BOUND
        while not runs.exists() and time.monotonic() < until:
            time.sleep(0.01)
        raise LabError("no mirror.", "Wait.")

    began = time.monotonic()
    with pytest.raises(LabError, match=r"no mirror\."):
        together(long, failing)
    assert time.monotonic() - began < BOUND


def test_what_a_job_would_start_after_another_has_failed_is_ended_too(tmp_path: Path) -> None:
    failed = threading.Event()
    outcomes = []

    def late() -> None:
        failed.wait(BOUND)
        try:
            process.run(["sleep", "600"], log=tmp_path / "log")
        except LabError as error:
            outcomes.append(error.problem)
            raise

    def failing() -> None:
        threading.Timer(0.2, failed.set).start()
        raise LabError("no mirror.", "Wait.")

    with pytest.raises(LabError, match=r"no mirror\."):
        together(late, failing)
    assert outcomes == ["it was stopped, because another step failed."]


def test_steps_of_several_threads_each_end_with_a_line_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    meeting = threading.Barrier(2, timeout=BOUND)

    def job(name: str) -> None:
        with step(name) as current:
            meeting.wait()
            current.say("half way")

    together(lambda: job("programs"), lambda: job("images"))
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(" (")[0] for line in lines) == ["✓ images", "✓ programs"]
