"""Reads a stack file as Pulumi does, without decrypting it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ops import paths
from ops.errors import OpsError, told_by_reader

_BOOLEAN: Final = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_NUMBER: Final = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_TAG: Final = "tag:yaml.org,2002:"
_CIPHERTEXT: Final = re.compile(r"(?:v1:[A-Za-z0-9+/=]+:)?[A-Za-z0-9+/]{22,}={0,2}")
"""As Pulumi writes it: with a passphrase or a cloud's key (v1, nonce, text) or with Pulumi Cloud; in base64, 16 bytes at least."""
_PLAIN: Final = frozenset(f"{_TAG}{kind}" for kind in ("null", "bool", "int", "float", "merge"))
"""What Go's yaml.v3 makes of a value without quotes, beside a text."""
_TAGS: Final = _PLAIN | {f"{_TAG}{kind}" for kind in ("str", "seq", "map")}
"""What JSON can hold, in which Pulumi hands a section over."""
MOST_VALUES: Final = 100_000
"""Of one file; more is an anchor that repeats others."""


class _Loader(yaml.SafeLoader):
    """Pulumi reads YAML by Go's yaml.v3: ``yes`` and ``on`` are texts, ``12:30`` is not a number, a date is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's way to say it
        first: [
            (tag, _BOOLEAN if tag.endswith(":bool") else _NUMBER if tag.endswith(":int") else expression)
            for tag, expression in resolvers
            if tag in _PLAIN
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {  # noqa: RUF012 - as above
        tag: construct for tag, construct in yaml.SafeLoader.yaml_constructors.items() if tag is None or tag in _TAGS
    }

    def construct_number(self, node: yaml.ScalarNode) -> int | str:
        """Return a whole number; what looks like one and is none (``0x_``) is a text."""
        try:
            return self.construct_yaml_int(node)
        except ValueError:
            return str(node.value)


_Loader.add_constructor(f"{_TAG}int", _Loader.construct_number)


def _loaded(text: str) -> Any:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _expanded(root, {}) > MOST_VALUES:
            raise yaml.constructor.ConstructorError(None, None, "must not have anchors that repeat each other", root.start_mark)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _expanded(node: yaml.Node, known: dict[yaml.Node, int | None]) -> int:
    """Return the number of values with every alias written out; refuse what Go's yaml.v3 refuses.

    That is a key that is set twice, one that is not text, and what is inside itself.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1
    if node not in known:
        known[node] = None
        inside = _values_by_key(node) if isinstance(node, yaml.MappingNode) else node.value
        known[node] = 1 + sum(_expanded(each, known) for each in inside)
    if (count := known[node]) is None:
        raise yaml.constructor.ConstructorError(None, None, "must not be inside itself", node.start_mark)
    return count


def _values_by_key(node: yaml.MappingNode) -> list[yaml.Node]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key.start_mark)
        if key.tag != f"{_TAG}merge" and key.value in lines:
            problem = f"'{key.value}' must be set once; line {lines[key.value]} sets it, too"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        lines[key.value] = key.start_mark.line + 1
    return [value for _, value in node.value]


def _how_to_correct(error: Exception, text: str) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "save it as UTF-8:"
    if "{{" in text:
        return "render the template first, or put its value in quotes, at the place that the reader names:"
    return "correct the place that the reader names:"


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
        plain_secrets: where ``secure`` holds a text that Pulumi did not encrypt, as paths: the file exposes those.
    """

    values: Mapping[str, str]
    secret_keys: tuple[str, ...]
    plain_secrets: tuple[str, ...]


def read(file: Path) -> Configuration:
    """Return the configuration of a stack file; empty if it has none, which the program itself reports.

    Raises:
        OpsError: there is no such file, it cannot be read, or it is not YAML.
    """
    text = ""
    try:
        text = file.read_text(encoding="utf-8")
        content = _loaded(text)
    except FileNotFoundError:
        raise OpsError(f"there is no {file}.", "name a stack that has a file in stacks/") from None
    except OSError as error:
        raise OpsError(f"{file} must be a file that can be read: {error.strerror}.", "correct its kind or its permissions") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = [f"{what}{f' (line {line}, column {column})' if line else ''}" for what, line, column in told_by_reader(error)]
        raise OpsError(f"{file} must be YAML.", _how_to_correct(error, text), "\n".join(told)) from None
    except RecursionError:
        raise OpsError(f"{file} must be YAML of fewer levels.", "write no list or section hundreds of levels deep") from None
    config = content.get("config") if isinstance(content, Mapping) else None
    written = {str(key): value for key, value in config.items()} if isinstance(config, Mapping) else {}
    return Configuration(
        {key: _text(value) for key, value in written.items()},
        tuple(key for key, value in written.items() if _holds_ciphertext(value)),
        tuple(path for key, value in written.items() for path in _plain_secrets(key, value)),
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _holds_ciphertext(value: Any) -> bool:
    if isinstance(value, Mapping):
        return _is_secure(value) or any(map(_holds_ciphertext, value.values()))
    return isinstance(value, list) and any(map(_holds_ciphertext, value))


def _plain_secrets(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if not _is_secure(value):
            for key, inner in value.items():
                yield from _plain_secrets(f"{path}.{key}", inner)
        elif not _CIPHERTEXT.fullmatch(value["secure"]):
            yield path
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _plain_secrets(f"{path}[{index}]", inner)


def _is_secure(value: Mapping[Any, Any]) -> bool:
    return set(value) == {"secure"} and isinstance(value["secure"], str)
