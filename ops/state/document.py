"""The whole state: each resource of the program with what the cluster has of it; pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.errors import OpsError
from ops.state.values import UNKNOWN, Resource, encoded, name_of

DEFAULT: Final = "default_"
"""Name of a provider that no program declares, before its version. A preview does not show it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the preview of a state that was made again would change.

    Args:
        lost: what must stay and would not: passwords, keys, certificates, Secrets, claims and the namespace.
        made: objects that the cluster does not have.
        changed: other objects, in which program and cluster differ.
    """

    lost: Sequence[str]
    made: Sequence[str]
    changed: Sequence[str]


def planned(steps: Sequence[Mapping[str, Any]]) -> list[Resource]:
    """Return the resources that a preview of an empty stack would make, in their order; what it only reads is left out."""
    return [step["newState"] for step in steps if step["op"] == "create"]


def refined(resources: Sequence[Resource], steps: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """Return the resources with the inputs that the program has once it knows the live objects.

    The preview of an empty stack leaves out what only an object has: the address of a Service is not in the Pods that need it.
    """
    inputs = {str(step["newState"]["urn"]): step["newState"].get("inputs") for step in steps if step.get("newState")}
    return [{**each, "inputs": inputs[each["urn"]]} if inputs.get(each["urn"]) and not _is_provider(each) else each for each in resources]


def document(empty: Mapping[str, Any], resources: Sequence[Resource], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the state as ``pulumi stack import`` reads it.

    Args:
        empty: the state as it is; its provider of secrets encrypts what is marked.
        resources: of the program.
        known: URN -> id, inputs and outputs; a resource without them that a plugin manages is left out, and so is what refers to it.

    Raises:
        OpsError: the state has no provider of secrets.
    """
    deployment = empty.get("deployment") or {}
    if not (deployment.get("secrets_providers") or {}).get("type"):
        raise OpsError(
            "the empty stack must have a provider of secrets, or its state would show them.",
            "make it again: pulumi stack rm --preserve-config, then repeat this command. Nothing was changed.",
        )
    kept = [each for each in resources if each["urn"] in known or not each.get("custom") or _is_provider(each)]
    providers = _providers(kept)
    made, there = [], {str(each["urn"]) for each in kept}
    for each in kept:
        if each["type"] == "pulumi:pulumi:Stack":
            made += [_plain(each), *_defaults(providers, {str(other["urn"]) for other in kept})]
        elif _is_provider(each):
            made.append({**each, "id": providers[str(each["urn"])], "outputs": _settings(each["inputs"])})
        else:
            made.append(_referring({**_plain(each), **known.get(str(each["urn"]), {})}, providers, there))
    return {"version": 3, "deployment": {**deployment, "resources": encoded(made), "pending_operations": []}}


def judged(steps: Iterable[Mapping[str, Any]], *, expected: Iterable[str] = ()) -> Judgement:
    """Judge the steps of a preview.

    Args:
        expected: logical names that may change anyway.
    """
    lost, made, changed = [], [], []
    for step in steps:
        resource = step.get("newState") or step["oldState"]
        label = f"{str(resource['type']).rpartition(':')[2]} {name_of(resource)}"
        if step["op"] in {"same", "read", "refresh"} or not resource.get("custom") or name_of(resource) in expected:
            continue
        is_object = str(resource["type"]).startswith("kubernetes:")
        if step["op"] == "create" and is_object:
            made.append(label)
        elif not is_object or (_must_stay(resource) and _ends(step)):
            lost.append(label)
        else:
            changed.append(label)
    return Judgement(_once(lost), _once(made), _once(changed))


def _must_stay(resource: Resource) -> bool:
    return str(resource["type"]).rpartition(":")[2] in {"Secret", "PersistentVolumeClaim", "Namespace"}


def _ends(step: Mapping[str, Any]) -> bool:
    """Whether a step ends an object as it is, or changes the content of a Secret."""
    touched = {
        str(path).partition(".")[0].partition("[")[0] for path in [*(step.get("detailedDiff") or {}), *(step.get("diffReasons") or ())]
    }
    return step["op"] != "update" or "data" in touched


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _is_provider(resource: Resource) -> bool:
    return str(resource["type"]).startswith("pulumi:providers:")


def _providers(resources: Sequence[Resource]) -> dict[str, str]:
    """Return URN -> id of every provider that a resource names or that is one."""
    named = (str(each.get("provider") or "").rpartition("::")[0] for each in resources)
    declared = (str(each["urn"]) for each in resources if _is_provider(each))
    return {urn: str(uuid.uuid4()) for urn in dict.fromkeys([*declared, *named]) if urn}


def _defaults(providers: Mapping[str, str], known: set[str]) -> Iterator[dict[str, Any]]:
    """Give the providers that no preview shows. Their name has their version."""
    for urn, identity in providers.items():
        name = urn.rpartition("::")[2]
        if urn not in known and name.startswith(DEFAULT):
            inputs = {"__internal": {}, "version": name.removeprefix(DEFAULT).replace("_", ".")}
            kind = urn.split("::")[2]
            yield {"urn": urn, "custom": True, "id": identity, "type": kind, "inputs": inputs, "outputs": _settings(inputs)}


def _settings(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != "__internal"}


def _plain(resource: Resource) -> dict[str, Any]:
    """Return a resource without what a preview does not know."""
    return {key: value for key, value in resource.items() if key not in {"id", "outputs", "created", "modified"}}


def _referring(resource: dict[str, Any], providers: Mapping[str, str], there: set[str]) -> dict[str, Any]:
    """Return a resource that refers to what the state has, and to nothing else."""
    provider = str(resource.get("provider") or "")
    urn, _, identity = provider.rpartition("::")
    if identity == UNKNOWN or urn in providers:
        resource["provider"] = f"{urn}::{providers[urn]}"
    if "dependencies" in resource:
        resource["dependencies"] = [each for each in resource["dependencies"] if each in there]
    if "propertyDependencies" in resource:
        dependencies = resource["propertyDependencies"] or {}
        resource["propertyDependencies"] = {key: [each for each in urns or () if each in there] for key, urns in dependencies.items()}
    return resource
