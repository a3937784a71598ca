"""What is corrected in an older state, on the state itself."""

from __future__ import annotations

from typing import Any

import pytest

from lab.repair import corrected

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
