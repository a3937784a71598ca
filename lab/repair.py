"""States of before, made fit for Pulumi's own plugins: what stand-ins noted wrongly, and secrets that a state shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.console import console, step
from lab.engine.plugins.generated import META
from lab.engine.plugins.kube.objects import INPUTS_KEY
from lab.engine.plugins.kube.zeros import without_zeros
from lab.errors import LabError
from lab.healing import import_state

if TYPE_CHECKING:
    from lab.stack import Stack

SCHEMA_VERSIONS: Final = {
    "random:index/randomPassword:RandomPassword": 3,
    "random:index/randomString:RandomString": 2,
}
"""Types whose ``number`` the stand-ins noted as true beside ``numeric: false``, and the schema version that the genuine plugin notes."""

READABLE: Final = "portus:credentials:Credentials$random:index/randomBytes:RandomBytes"
"""Three secrets of the program as it was: the id of such a resource is its value, and Pulumi encrypts no id."""


def repair(stack: Stack) -> None:
    """Mend what stand-ins of before noted in the state of ``stack``; does nothing to a state that needs nothing.

    Without it the genuine plugins take the notes for changes, and replace passwords and Jobs.

    Raises:
        LabError: the engine refused, or the state is not what was written.
    """
    state = stack.export()
    wrong = _wrong(state)
    if not wrong:
        return
    with step(f"mending what the lab's plugins of before noted of {wrong} resources"):
        import_state(stack, mended(state))
        if _wrong(stack.export()):
            raise LabError(f"the state of stack {stack.name} could not be mended.", "Run it again; nothing was deployed.")


def mended(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``state`` with the notes that the genuine plugins make.

    Of passwords ``number`` is ``numeric``, and the schema's version is there; of objects the inputs have no zero values that they drop.
    """
    return {**state, "deployment": {**state["deployment"], "resources": [_mended(each) for each in _resources(state)]}}


def _wrong(state: Mapping[str, Any]) -> int:
    return sum(_mended(each) != each for each in _resources(state))


def _mended(resource: dict[str, Any]) -> dict[str, Any]:
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


def require_no_readable_secrets(stack: Stack) -> None:
    """Raise `LabError` where protected secrets of ``stack`` have to be replaced, which a preview would end at."""
    if not (urns := _readable(stack)):
        return
    raise LabError(
        f"{len(urns)} protected secrets of stack {stack.name} can be read in its state ({', '.join(_names(urns))}) and must be replaced.",
        f"make replace-secrets STACK={stack.name}, then make preview STACK={stack.name}, then make up STACK={stack.name}: Pods restart and "
        'browser sessions end (docs/credentials.md, "Secrets that a state shows"). Nothing was changed.',
    )


def unprotect_readable_secrets(stack: Stack) -> None:
    """Take the protection off the secrets that the state of ``stack`` shows. Raises `LabError` when the engine refused."""
    urns = _readable(stack)
    for urn in urns:
        stack.run("state", "unprotect", urn, "--yes")
    if urns:
        console.print(
            f"not protected any more: {', '.join(_names(urns))}. Next: make preview STACK={stack.name}, make up STACK={stack.name}"
        )
    else:
        console.print(f"stack {stack.name} has no protected secret that its state shows; nothing was changed.")


def _readable(stack: Stack) -> list[str]:
    urns = (str(each["urn"]) for each in _resources(stack.export()) if each.get("protect"))
    return [urn for urn in urns if f"::{READABLE}::" in urn]


def _names(urns: list[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


def _resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(state.get("deployment", {}).get("resources") or [])
