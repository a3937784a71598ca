"""Reads a stack file as Pulumi does, without decrypting it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from typing_extensions import override

from ops import paths
from ops.errors import OpsError

_BOOLEAN: Final = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_NUMBER: Final = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")


class _Loader(yaml.SafeLoader):
    """Pulumi reads YAML by Go's yaml.v3: ``yes`` and ``on`` are texts, ``12:30`` is no number, a date is a text, no key stands twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's way to say it
        first: [
            (tag, _BOOLEAN if tag.endswith(":bool") else _NUMBER if tag.endswith(":int") else expression)
            for tag, expression in resolvers
            if not tag.endswith(":timestamp")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:merge" and lines.setdefault(key.value, line) != line:
                problem = f"'{key.value}' must be set once; line {lines[key.value]} sets it, too"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        return super().construct_mapping(node, deep=deep)


def project_stacks() -> dict[str, Path]:
    """Return name -> file of the stacks that belong to the project: the lab's, and fixed ones of the tests.

    Operators may add, change and delete every other file of ``stacks/``: no check of the project reads those.
    """
    files = [*(paths.ROOT / "tests" / "stacks").glob("Pulumi.*.yaml"), *(paths.ROOT / "stacks").glob("Pulumi.lab*.yaml")]
    return dict(sorted((path.name.removeprefix("Pulumi.").removesuffix(".yaml"), path) for path in files))


@dataclass(frozen=True)
class Configuration:
    """What Pulumi would hand to the program.

    Attributes:
        values: full key -> text; sections as JSON, in which an encrypted text is still ``{"secure": ...}``.
        secret_keys: the full keys that hold something encrypted.
    """

    values: Mapping[str, str]
    secret_keys: tuple[str, ...]


def read(file: Path) -> Configuration:
    """Return the configuration of a stack file; empty if it has none, which the program itself reports.

    Raises:
        OpsError: there is no such file, it cannot be read, or it is no YAML.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise OpsError(f"there is no {file}.", "name a stack that has a file in stacks/") from None
    except OSError as error:
        raise OpsError(f"{file} must be a file that can be read: {error.strerror}.", "correct its kind or its permissions") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OpsError(f"{file} must be YAML.", "correct the place that the reader names:", str(error)) from None
    config = content.get("config") if isinstance(content, Mapping) else None
    written = {str(key): value for key, value in config.items()} if isinstance(config, Mapping) else {}
    return Configuration(
        {key: _text(value) for key, value in written.items()},
        tuple(key for key, value in written.items() if _holds_ciphertext(value)),
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _holds_ciphertext(value: Any) -> bool:
    if isinstance(value, Mapping):
        return set(value) == {"secure"} or any(map(_holds_ciphertext, value.values()))
    return isinstance(value, list) and any(map(_holds_ciphertext, value))
