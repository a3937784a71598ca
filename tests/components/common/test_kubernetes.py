"""The light Kubernetes classes register what the SDK's own would, for every stack and every setting that there is."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from google.protobuf.json_format import MessageToDict
from pulumi import _types

from components.common import kubernetes
from components.common.kubernetes import KubernetesObject, known, wire_name
from lab.render import recorder
from tests.recorder import ROOT, STACKS, run_program, stack_configuration
from tests.settings.corpus import HERE, StackFile

GROUPS = kubernetes.__all__
SAMPLES = {path.stem: path for path in sorted((HERE / "samples").glob("*.yaml"))}

CAPITAL_PORT = {"DaemonEndpointArgs", "DaemonEndpointPatchArgs"}
"""Their one field is ``Port``; only a kubelet writes it."""

RUNS = [(name, False) for name in [*STACKS, *SAMPLES]] + [(name, True) for name in [*STACKS, "complete"]]
"""Stack or sample, and whether it is a preview of something new: then most of what providers say is unknown."""


def genuine() -> ModuleType:
    """Return a module in the place of ``components.common.kubernetes`` that holds the SDK's classes."""
    module = ModuleType("components.common.kubernetes")
    for group in GROUPS:
        setattr(module, group, importlib.import_module(f"pulumi_kubernetes.{group}.v1"))
    return module


@contextmanager
def sdk_classes() -> Iterator[None]:
    """Let the components be imported anew, with the SDK's classes; then everything is as before."""
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "components"}
    for name in kept:
        del sys.modules[name]
    sys.modules["components.common.kubernetes"] = genuine()
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "components"]:
            del sys.modules[name]
        sys.modules.update(kept)


def registered(name: str, *, preview: bool) -> list[dict[str, Any]]:
    """Return every request of stack or sample ``name``, as the engine gets it but for the SDK's old aliases of kinds."""
    requests: list[Any] = []
    register = recorder.Monitor.RegisterResource

    def noted(self: Any, request: Any) -> Any:
        if request.type != "pulumi:pulumi:Stack":
            requests.append(request)
        return register(self, request)

    sample = StackFile(SAMPLES[name]) if name in SAMPLES else None
    configuration = stack_configuration(name) if sample is None else sample.configuration
    secrets = [] if sample is None else [f"portus:{path[0]}" for path in sample.secrets]
    with (
        mock.patch.object(recorder.Monitor, "RegisterResource", noted),
        mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(secrets)}),
    ):
        run_program(name if sample is None else "sample", configuration, preview=preview)
    return sorted((comparable(each) for each in requests), key=lambda each: (each["type"], each["name"]))


def comparable(request: Any) -> dict[str, Any]:
    return {
        "type": request.type,
        "name": request.name,
        "parent": request.parent,
        "object": MessageToDict(request.object),
        "dependencies": sorted(request.dependencies),
        "property_dependencies": {key: sorted(value.urns) for key, value in request.propertyDependencies.items() if value.urns},
        "secret_outputs": sorted(request.additionalSecretOutputs),
        "options": (request.version, request.pluginDownloadURL, request.provider, request.protect, request.retainOnDelete),
        "replaced": (request.deleteBeforeReplace, sorted(request.replaceOnChanges), sorted(request.ignoreChanges)),
    }


@pytest.fixture(scope="module")
def by_the_sdk() -> dict[tuple[str, bool], list[dict[str, Any]]]:
    with sdk_classes():
        return {(name, preview): registered(name, preview=preview) for name, preview in RUNS}


@pytest.mark.parametrize(("name", "preview"), RUNS)
def test_a_stack_registers_the_same_as_with_the_sdks_classes(
    name: str,
    preview: bool,  # noqa: FBT001
    by_the_sdk: dict[tuple[str, bool], list[dict[str, Any]]],
) -> None:
    light, full = registered(name, preview=preview), by_the_sdk[name, preview]
    assert [(each["type"], each["name"]) for each in light] == [(each["type"], each["name"]) for each in full]
    for one, other in zip(light, full, strict=True):
        assert one == other
    assert any(each["type"].startswith("kubernetes:core/v1:") for each in light)


@pytest.mark.parametrize("group", GROUPS)
def test_every_argument_of_the_sdk_has_its_right_name(group: str) -> None:
    module = importlib.import_module(f"pulumi_kubernetes.{group}.v1")
    classes = [each for each in vars(module).values() if inspect.isclass(each) and _types.is_input_type(each)]
    assert classes
    wrong = [
        (found.__name__, name, theirs)
        for found in classes
        for name, theirs in _types.input_type_py_to_pulumi_names(found).items()
        if wire_name(name) != theirs and found.__name__ not in CAPITAL_PORT
    ]
    assert wrong == []


def test_every_kind_that_a_component_makes_is_one_of_the_sdks() -> None:
    used = set()
    for path in sorted((ROOT / "components").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in GROUPS:
                used.add((node.value.id, node.attr))
    of_groups = {(group, name) for group, name in used if name[0].isupper()}
    assert ("core", "Secret") in of_groups
    for group, name in sorted(of_groups):
        assert hasattr(importlib.import_module(f"pulumi_kubernetes.{group}.v1"), name), f"{group}.{name}"
        made = getattr(getattr(kubernetes, group), name)
        if isinstance(made, type) and issubclass(made, KubernetesObject):
            source = Path(inspect.getfile(getattr(importlib.import_module(f"pulumi_kubernetes.{group}.v1"), name))).read_text()
            assert f"'{made.token}'" in source


def test_an_objects_state_has_the_sdks_names() -> None:
    assert known({"clusterIP": "10.0.0.1", "selector": {"a": "b"}}).cluster_ip == "10.0.0.1"
    assert known({"metadata": {"name": "n"}}).metadata.name == "n"
    assert known({}).cluster_ip is None
    assert known("text") == "text"
