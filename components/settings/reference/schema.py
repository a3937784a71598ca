"""The JSON Schema of a whole stack file, for the YAML language server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.settings.reference.entries import entries
from components.settings.report.locate import documentation, sections_of
from components.settings.stack import StackSettings
from components.settings.types.base import Section

SECURE: Final[Mapping[str, Any]] = {
    "description": "Encrypted by Pulumi: pulumi config set --secret --path ...",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
"""The form of a secret in a stack file."""


def schema() -> dict[str, Any]:
    """Return the schema; the rules across settings are not in it: ``pulumi preview`` reports those."""
    models = StackSettings.model_json_schema(by_alias=True)
    definitions = {name: _tidy(body) for name, body in models.pop("$defs").items()}
    for model in _models(StackSettings):
        body = models if model is StackSettings else definitions[model.__name__]
        for name, text in documentation(model).items():
            body["properties"][model.model_fields[name].alias or name]["description"] = text.replace("``", "")
    sections = _tidy(models)
    later = {entry.key: entry.later for entry in entries() if "." not in entry.key}
    for key, body in list(sections["properties"].items()):
        if body.get("type") == "boolean":  # Pulumi writes a top-level value back as a text
            body = {**{k: v for k, v in body.items() if k != "type"}, "enum": [True, False, "true", "false"]}  # noqa: PLW2901
            sections["properties"][key] = body
        body["description"] = f"{body.get('description', '')} A later change: {later[key]}.".strip()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Stack file of Portus on Kubernetes",
        "type": "object",
        "properties": {
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "encryptionsalt": {"type": "string"},
            "config": {
                "type": "object",
                "properties": {f"portus:{key}": body for key, body in sections["properties"].items()},
                "required": [f"portus:{key}" for key in sections["required"]],
                "patternProperties": {"^pulumi:": {}},
                "additionalProperties": False,
            },
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": {"Secure": SECURE, **definitions},
    }


def _models(model: type[Section]) -> set[type[Section]]:
    models = {model}
    for field in model.model_fields.values():
        for inner in sections_of(field.annotation):
            models |= {inner} if inner in models else _models(inner)
    return models


def _tidy(node: Any) -> Any:
    """Return ``node`` without titles and built defaults, its texts on one line, its secrets as Pulumi writes them."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    if node.get("format") == "password":
        return {"$ref": "#/$defs/Secure"}
    tidy: dict[str, Any] = {}
    for key, value in node.items():
        if (key in {"title", "discriminator"} and not isinstance(value, Mapping | list)) or key == "discriminator":
            continue
        if key == "default" and (value is None or isinstance(value, Mapping)):
            continue
        if key == "properties":
            tidy[key] = {name: _tidy(body) for name, body in value.items()}
        elif key == "description" and isinstance(value, str):
            tidy[key] = " ".join(value.replace("``", "").split())
        else:
            tidy[key] = _tidy(value)
    return tidy
