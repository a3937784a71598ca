"""From what a program registers to the object that a reviewer reads: named, redacted, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml
from typing_extensions import override

from lab.engine.plugins.codec import UNKNOWN, Properties, Secret
from lab.engine.plugins.kube.objects import AUTONAMED, ObjectKind, clean_inputs

KNOWN_LATER: Final = "<known after deployment>"
"""In place of a value that the first deployment makes: a generated certificate, a Service's cluster IP."""

SECRET: Final = "<secret>"  # noqa: S105 - a mark, not a secret
"""In place of a secret value outside a Secret."""

SECRET_DATA: Final = "PHNlY3JldD4="  # noqa: S105 - a mark, not a secret
"""`SECRET` in base64: each value in ``data`` of a Secret, whose values Kubernetes' own types demand in base64."""

_FIRST: Final = ("apiVersion", "kind", "metadata", "name")
"""What identifies an object, a container or a variable leads; the rest follows in alphabetical order."""

_GO_BOOLEANS: Final = frozenset("ynYN")
"""Texts that PyYAML leaves bare and Go's YAML 1.1, which Kubernetes' tools read with, takes for booleans."""

_MARKS: Final = {"data": SECRET_DATA, "stringData": SECRET}


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object, ready to be shown."""

    document: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.document["metadata"]["name"])

    @property
    def reference(self) -> str:
        """``Kind/name``, by which waivers and findings speak of it."""
        return f"{self.kind}/{self.name}"

    @property
    def file_name(self) -> str:
        """The file that holds it."""
        return f"{self.kind.lower()}-{self.name}.yaml"

    def to_yaml(self) -> str:
        """Return the object as YAML; a text of several lines stays one."""
        return yaml.dump(self.document, Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)


def is_object(type_token: str) -> bool:
    """Tell whether a resource of this type is an object in the cluster."""
    return type_token.startswith("kubernetes:")


def with_name(inputs: Properties, logical_name: str) -> Properties:
    """Return an object's inputs without nulls, under its logical name where the program leaves the name to Pulumi.

    The real name ends in digits that are new with each replacement; the annotation, the genuine plugin's own, says that they are left out.
    """
    cleaned: Properties = clean_inputs(inputs)
    metadata = cleaned.get("metadata") or {}
    if metadata.get("name"):
        return cleaned
    annotations = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}
    return {**cleaned, "metadata": {**metadata, "name": logical_name, "annotations": annotations}}


def outputs(inputs: Properties) -> Properties:
    """Return what a preview knows of an object that is still to be made: its inputs, and that a Service gets an address."""
    if inputs.get("kind") != "Service" or "clusterIP" in inputs["spec"]:
        return inputs
    return {**inputs, "spec": {**inputs["spec"], "clusterIP": UNKNOWN}}


def manifest(type_token: str, logical_name: str, inputs: Properties) -> Manifest:
    """Return the object of a registered resource; it has no value that is marked secret or is in a Secret."""
    kind = ObjectKind.of_token(type_token)
    named = with_name({"apiVersion": kind.api_version, "kind": kind.kind, **inputs}, logical_name)
    if kind.kind == "Secret":
        named |= {field: _without_values(named[field], mark) for field, mark in _MARKS.items() if field in named}
    document = _shown(named)
    assert isinstance(document, dict)
    return Manifest(document)


def in_order(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return the manifests in the order of their files."""
    return sorted(manifests, key=lambda each: each.file_name)


def _without_values(data: Any, mark: str) -> Any:
    content = data.value if isinstance(data, Secret) else data
    return dict.fromkeys(content, mark) if isinstance(content, dict) else KNOWN_LATER


def _shown(value: Any) -> Any:
    if isinstance(value, Secret):
        return SECRET
    if value is UNKNOWN:
        return KNOWN_LATER
    if isinstance(value, dict):
        return {key: _shown(value[key]) for key in sorted(value, key=_rank)}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value


def _rank(key: str) -> tuple[int, str]:
    return (_FIRST.index(key) if key in _FIRST else len(_FIRST), key)


class _Dumper(yaml.SafeDumper):
    """Block style throughout: list items indented under their key, texts of several lines as they are."""

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, indentless=False)

    @override
    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if text in _GO_BOOLEANS else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
