"""Jobs that run at the same time, and what becomes of the others when one fails."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lab.lab_stack import together
from lab.repair import corrected
from ops import process
from ops.console import step
from ops.errors import OpsError

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
        raise OpsError("no mirror.", "Wait.")

    began = time.monotonic()
    with pytest.raises(OpsError, match=r"no mirror\."):
        together(long, failing)
    assert time.monotonic() - began < BOUND


def test_what_a_job_would_start_after_another_has_failed_is_ended_too(tmp_path: Path) -> None:
    failed = threading.Event()
    outcomes = []

    def late() -> None:
        failed.wait(BOUND)
        try:
            process.run(["sleep", "600"], log=tmp_path / "log")
        except OpsError as error:
            outcomes.append(error.problem)
            raise

    def failing() -> None:
        threading.Timer(0.2, failed.set).start()
        raise OpsError("no mirror.", "Wait.")

    with pytest.raises(OpsError, match=r"no mirror\."):
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


# What is corrected in an older state, on the state itself.


PASSWORD = "random:index/randomPassword:RandomPassword"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}


def _resource(kind: str, **outputs: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:test::portus::{kind}::it", "type": kind, "id": "none", "outputs": {"result": SECRET, **outputs}}


def _state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"manifest": {"time": "then"}, "resources": list(resources)}}


@pytest.mark.parametrize("numeric", [True, False])
def test_number_becomes_what_numeric_is_and_the_value_stays(numeric: bool) -> None:  # noqa: FBT001 - a parameter of the test
    (found,) = corrected(_state(_resource(PASSWORD, number=not numeric, numeric=numeric)))["deployment"]["resources"]
    assert found["outputs"] == {
        "result": SECRET,
        "number": numeric,
        "numeric": numeric,
        "id": "none",
        "__meta": '{"schema_version":"3"}',
    }
    assert {key: value for key, value in found.items() if key != "outputs"} == {
        key: value for key, value in _resource(PASSWORD).items() if key != "outputs"
    }


def test_zero_values_that_the_genuine_plugin_drops_leave_the_inputs() -> None:
    def job(*mounts: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "batch/v1", "kind": "Job", "spec": {"backoffLimit": 0, "volumeMounts": list(mounts)}}

    before, after = (job({"name": "work", **zero}) for zero in ({"readOnly": False}, {}))
    kind = "kubernetes:batch/v1:Job"
    state = _state({"urn": "u", "type": kind, "id": "a/b", "inputs": before, "outputs": {"__inputs": before, "status": {"failed": 0}}})
    (found,) = corrected(state)["deployment"]["resources"]
    assert found["inputs"] == found["outputs"]["__inputs"] == after
    assert found["outputs"]["status"] == {"failed": 0}


@pytest.mark.parametrize(
    "resource",
    [
        _resource(PASSWORD, number=False, numeric=False),
        _resource("random:index/randomBytes:RandomBytes", length=64),
        _resource("kubernetes:core/v1:Secret", number=True, numeric=False),
        {"urn": "urn:pulumi:test::portus::portus:credentials:Credentials::it", "type": "portus:credentials:Credentials"},
    ],
)
def test_a_correct_resource_is_left_as_it_is(resource: dict[str, Any]) -> None:
    assert corrected(_state(resource)) == _state(resource)
