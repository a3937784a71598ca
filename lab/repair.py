"""Corrections of older states: what the lab's stand-ins wrote otherwise than Pulumi's own plugins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.engine.plugins.generated import META
from lab.engine.plugins.kube.objects import INPUTS_KEY, without_zeros
from ops.console import step
from ops.errors import OpsError
from ops.recovery import import_state

if TYPE_CHECKING:
    from ops.pulumi.stack import Stack

SCHEMA_VERSIONS: Final = {
    "random:index/randomPassword:RandomPassword": 3,
    "random:index/randomString:RandomString": 2,
}
"""Types for which older stand-ins wrote ``number: true`` beside ``numeric: false``; the schema version that the genuine plugin writes."""


def repair(stack: Stack) -> None:
    """Correct what older stand-ins wrote into the state of ``stack``; a correct state is not touched.

    Without this the genuine plugins see changes, and replace passwords and Jobs.

    Raises:
        OpsError: the engine refused, or the state is not what was written.
    """
    state = stack.export()
    wrong = _wrong(state)
    if not wrong:
        return
    with step(f"correcting {wrong} resources in the state, written by older stand-ins for Pulumi's plugins"):
        import_state(stack, state, corrected(state))
        if _wrong(stack.export()):
            raise OpsError(f"the state of stack {stack.name} could not be corrected.", "repeat the command. Nothing was deployed.")


def corrected(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``state`` as the genuine plugins would have written it.

    Passwords: ``number`` equals ``numeric``, and the schema's version is set. Objects: no zero values that those plugins drop.
    """
    return {**state, "deployment": {**state["deployment"], "resources": [_corrected(each) for each in _resources(state)]}}


def _wrong(state: Mapping[str, Any]) -> int:
    return sum(_corrected(each) != each for each in _resources(state))


def _corrected(resource: dict[str, Any]) -> dict[str, Any]:
    outputs = resource.get("outputs") or {}
    if resource["type"] in SCHEMA_VERSIONS and outputs.get("number") != outputs.get("numeric"):
        meta = json.dumps({"schema_version": str(SCHEMA_VERSIONS[resource["type"]])}, separators=(",", ":"))
        noted = {"number": outputs["numeric"], "id": resource["id"], META: meta}
        return {**resource, "outputs": {**outputs, **noted}}
    if resource["type"].startswith("kubernetes:") and "inputs" in resource:
        noted = {INPUTS_KEY: without_zeros(outputs[INPUTS_KEY])} if INPUTS_KEY in outputs else {}
        kept = {"outputs": {**outputs, **noted}} if noted else {}
        return {**resource, "inputs": without_zeros(resource["inputs"]), **kept}
    return resource


def _resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(state.get("deployment", {}).get("resources") or [])
