"""What Pulumi's own plugins write into a state, and the same view of any other state, to hold the lab's stand-ins against it.

``lab-2.5.json`` is what `reduced` makes of the state of stack ``lab`` (Portus 2.5) as the genuine plugins wrote it: kubernetes 4.32.0,
random 4.21.1 and tls 5.5.1, each with some commits more, answering as 4.34.2, 4.21.4 and 5.6.2. It holds no values of secrets. What the
program sends is not the plugins' doing. So a key that the program adds to the inputs of an object or leaves out is changed here as well,
and so is a resource's place in the tree: the record was made before ``PortusStack``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

RECORD: Final = Path(__file__).parent / "genuine" / "lab-2.5.json"
STACK: Final = "STACK"
"""Stands for the stack's name in the record's URNs."""

DELTA: Final = "__pulumi_raw_state_delta"
"""Not written by the stand-ins: the plugins read a state without it as one of the time before they wrote it."""

_FORMS: Final = {
    "none": r"none",
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "sha1": r"[0-9a-f]{40}",
    "serial number": r"\d{20,}",
    "64 bytes in base64": r"[A-Za-z0-9+/]{86}==",
}
_NOTES: Final = frozenset(
    {
        "__initialApiVersion",
        "__meta",
        "earlyRenewalHours",
        "ecdsaCurve",
        "isCaCertificate",
        "lower",
        "minLower",
        "minNumeric",
        "minSpecial",
        "minUpper",
        "number",
        "numeric",
        "readyForRenewal",
        "rsaBits",
        "setAuthorityKeyId",
        "special",
        "upper",
    }
)
"""Outputs whose values are compared, too: they follow from the inputs alone."""


def genuine() -> list[dict[str, Any]]:
    """Return the record."""
    return list(json.loads(RECORD.read_text(encoding="utf-8")))


def reduced(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two states of one stack have in common: names, types, the keys of inputs and outputs, the forms of ids."""
    inputs, outputs = resource.get("inputs") or {}, resource.get("outputs") or {}
    parts = str(resource["urn"]).split("::")
    found: dict[str, Any] = {"urn": "::".join([f"urn:pulumi:{STACK}", *parts[1:3], parts[3].replace(parts[0].rpartition(":")[2], STACK)])}
    if resource.get("custom"):
        found |= {"id": _form(resource["id"], inputs), "inputs": sorted(inputs), "outputs": sorted(set(outputs) - {DELTA})}
    if resource.get("additionalSecretOutputs"):
        found["secret"] = sorted(resource["additionalSecretOutputs"])
    if "metadata" in inputs:
        found |= {"metadata": sorted(inputs["metadata"]), "__inputs": sorted(outputs["__inputs"])}
    if notes := {key: value for key, value in outputs.items() if key in _NOTES}:
        found["notes"] = notes
    return found


def type_of(reduced_resource: Mapping[str, Any]) -> str:
    """Return a reduced resource's type."""
    return str(reduced_resource["urn"]).split("::")[2].rpartition("$")[2]


def by_type(resources: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return one reduced resource of each type."""
    return {type_of(each): dict(each) for each in resources}


def _form(resource_id: str, inputs: Mapping[str, Any]) -> str:
    named = (inputs.get("metadata") or {}).get("name")
    if named:
        autonamed = (inputs["metadata"].get("annotations") or {}).get("pulumi.com/autonamed") == "true"
        assert resource_id.rpartition("/")[2] == named
        assert not autonamed or re.search(r"-[0-9a-f]{8}$", named)
        return "namespace/name" if "/" in resource_id else "name"
    return next((name for name, form in _FORMS.items() if re.fullmatch(form, resource_id)), "of no known form")
