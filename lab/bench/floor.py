"""Writes the floor: a program of literals that registers what a deployed stack's state says was registered."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping, Sequence
from pprint import pformat
from typing import Any, Final

from ops.errors import OpsError

SECRET_MARK: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105 - a marker, the same for everybody
"""Marks a secret in Pulumi's state (``sdk/go/common/resource/properties.go``)."""

AUTONAMED: Final = "pulumi.com/autonamed"
"""The annotation by which the kubernetes plugin notes that it chose the name itself."""

ADDED: Final[Mapping[str, frozenset[str]]] = {
    "kubernetes": frozenset({"apiVersion", "kind"}),
    "pulumi": frozenset({"version", "pluginDownloadURL"}),
}
"""Inputs that the SDK's classes add by themselves, by package."""

HEADER: Final = '''\
"""The floor of a benchmark, written from a stack's state. It holds that stack's secrets in clear and goes with the benchmark."""

import pulumi
import pulumi_kubernetes
import pulumi_random
import pulumi_tls

secret = pulumi.Output.secret
'''


class _Secret:
    """A value that pprint shows as the call that marks it secret."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"secret({self._value!r})"


def floor_program(state: Mapping[str, Any]) -> str:
    """Return the source of the floor's module.

    Args:
        state: what ``pulumi stack export --show-secrets`` printed.

    Raises:
        OpsError: the stack holds a resource of a package that the floor does not know.
    """
    resources: Sequence[Mapping[str, Any]] = state["deployment"]["resources"]
    variables = {resource["urn"]: f"r{number}" for number, resource in enumerate(resources)}
    lines = [HEADER]
    for resource in resources:
        if resource["type"] == "pulumi:pulumi:Stack":
            stack = resource["urn"]
            lines += [f"pulumi.export({name!r}, {_text(value)})" for name, value in (resource.get("outputs") or {}).items()]
        elif "::default_" not in resource["urn"]:  # the engine makes default providers by itself
            lines.append(f"{variables[resource['urn']]} = {_call(resource, variables, stack)}")
    return "\n".join(lines) + "\n"


def _call(resource: Mapping[str, Any], variables: Mapping[str, str], stack: str) -> str:
    kind, name = str(resource["type"]), str(resource["urn"]).rpartition("::")[2]
    options = f"pulumi.ResourceOptions({', '.join(_options(resource, variables, stack))})"
    if not resource["custom"]:
        return f"pulumi.ComponentResource({kind!r}, {name!r}, None, {options})"
    arguments = [f"{_argument(key)}={_text(value)}" for key, value in _registered(kind, resource.get("inputs") or {}).items()]
    return f"{_class(kind)}({', '.join([repr(name), *arguments, f'opts={options}'])})"


def _options(resource: Mapping[str, Any], variables: Mapping[str, str], stack: str) -> list[str]:
    options = []
    if (parent := resource.get("parent", stack)) != stack:
        options.append(f"parent={variables[parent]}")
    provider = str(resource.get("provider", "")).rpartition("::")[0]
    if provider in variables and "::default_" not in provider:
        options.append(f"provider={variables[provider]}")
    if dependencies := [variables[urn] for urn in resource.get("dependencies") or []]:
        options.append(f"depends_on=[{', '.join(dependencies)}]")
    options += [
        f"{option}={resource[key]!r}"
        for key, option in (
            ("protect", "protect"),
            ("retainOnDelete", "retain_on_delete"),
            ("additionalSecretOutputs", "additional_secret_outputs"),
            ("ignoreChanges", "ignore_changes"),
        )
        if resource.get(key)
    ]
    return options


def _class(kind: str) -> str:
    """Return the Python class of a type token: ``kubernetes:networking.k8s.io/v1:NetworkPolicy`` is in ``networking.v1``."""
    package, module, name = kind.split(":")
    if package == "kubernetes":
        group, _, version = module.partition("/")
        return f"pulumi_kubernetes.{group.partition('.')[0]}.{version}.{name}"
    if package in {"random", "tls"}:
        return f"pulumi_{package}.{name}"
    if kind == "pulumi:providers:kubernetes":
        return "pulumi_kubernetes.Provider"
    raise OpsError(f"the bench's floor does not know resources of type {kind}.", "add their class to lab/bench/floor.py.")


def _registered(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs as the program gave them: without what SDK and plugin have added."""
    added = ADDED.get(kind.partition(":")[0], frozenset())
    given = {key: value for key, value in inputs.items() if key not in added and not key.startswith("__")}
    if kind.startswith("pulumi:providers:"):  # whose SDK writes everything but texts as JSON
        given = {key: json.loads(value) if value in {"true", "false"} else value for key, value in given.items()}
    metadata = given.get("metadata")
    if isinstance(metadata, dict) and AUTONAMED in (metadata.get("annotations") or {}):
        given["metadata"] = {key: value for key, value in metadata.items() if key not in {"name", "annotations"}}
        if left := {key: value for key, value in metadata["annotations"].items() if key != AUTONAMED}:
            given["metadata"]["annotations"] = left
    return given


def _argument(key: str) -> str:
    """Return an input's name in Python."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
    return f"{snake}_" if keyword.iskeyword(snake) else snake


def _text(value: Any) -> str:
    return pformat(_plain(value), width=140, sort_dicts=False)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if SECRET_MARK in value:
        return _Secret(_plain(json.loads(value["plaintext"])))
    return {key: _plain(each) for key, each in value.items()}
