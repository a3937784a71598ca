"""The program of a stack as a preview of the empty stack shows it, and a cluster in which it is deployed."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from typing import Any

from ops.kube.client import Kind
from ops.state.objects import AUTONAMED
from ops.state.values import HIDDEN, UNKNOWN
from tests.recorder import Program
from tests.settings import chains
from tests.settings.authority import private

ROOT = "urn:pulumi:lab::portus::pulumi:pulumi:Stack::portus-lab"
EMPTY: Mapping[str, Any] = {
    "version": 3,
    "deployment": {"manifest": {"magic": "m"}, "secrets_providers": {"type": "passphrase", "state": {}}},
}


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:lab::portus::{kind}::{name}"


def texts() -> dict[tuple[str, str], str]:
    """Return the certificate, its key and its CA where the stack's objects have them."""
    leaf, root = chains.leaf(by="Root", signer="root"), chains.root()
    return {
        ("served-tls-certificate", "tls.key"): private("server"),
        ("served-tls-certificate", "tls.crt"): leaf + root,
        ("served-tls-trust", "ca.crt"): root,
    }


def steps(program: Program) -> list[dict[str, Any]]:
    """Return the steps of the preview, the stack itself first."""
    by_name = {each.name: urn(each.type, each.name) for each in program.resources}
    found: list[dict[str, Any]] = [{"op": "create", "newState": {"urn": ROOT, "type": "pulumi:pulumi:Stack", "custom": False}}]
    for each in program.resources:
        state: dict[str, Any] = {
            "urn": by_name[each.name],
            "type": each.type,
            "custom": not each.type.startswith("portus:"),
            "parent": ROOT,
        }
        if state["custom"]:
            state |= {"inputs": _shown(each.inputs, each.name, each.type), "protect": each.protect}
            state |= {} if each.type.startswith("pulumi:") else {"provider": _provider(each.type)}
            state["dependencies"] = [by_name[name] for name in sorted(each.after) if name in by_name]
            for path in each.secrets:
                _hide(state["inputs"], path)
        found.append({"op": "create", "newState": state})
    return found


class Cluster:
    """The objects of ``program``, as its server would give them, with the texts of `texts`."""

    def __init__(self, program: Program) -> None:
        self.objects: list[dict[str, Any]] = []
        held = texts()
        for each in program.resources:
            if each.type.startswith("kubernetes:"):
                live = copy.deepcopy(_shown(each.inputs, each.name, each.type))
                if (live["metadata"].get("annotations") or {}).get(AUTONAMED):
                    live["metadata"]["name"] = f"{each.name}-00000001"
                for (name, key), text in held.items():
                    if name == each.name:
                        live["data"][key] = base64.b64encode(text.encode()).decode() if live["kind"] == "Secret" else text
                self.objects.append(live)

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        return next((each for each in self.list(kind, namespace) if each["metadata"]["name"] == name), None)

    def list(self, kind: Kind, namespace: str) -> list[dict[str, Any]]:
        return [each for each in self.objects if each["kind"] == kind.kind and each["metadata"].get("namespace", "") == namespace]


def _provider(kind: str) -> str:
    package = kind.partition(":")[0]
    name = "kubernetes" if package == "kubernetes" else f"default_{'4_21_4' if package == 'random' else '5_6_2'}"
    return f"{urn(f'pulumi:providers:{package}', name)}::{UNKNOWN}"


def _shown(inputs: Mapping[str, Any], name: str, kind: str) -> dict[str, Any]:
    found = copy.deepcopy(dict(inputs))
    if kind.startswith("kubernetes:"):
        group, _, version = kind.split(":")[1].rpartition("/")
        found |= {"apiVersion": version if group == "core" else f"{group}/{version}", "kind": kind.rpartition(":")[2]}
        if not found["metadata"].get("name"):
            found["metadata"] |= {"name": f"{name}-ffffffff", "annotations": {AUTONAMED: "true"}}
    return found


def _hide(inputs: dict[str, Any], path: str) -> None:
    keys = path.split(".")
    at: Any = inputs
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = HIDDEN
