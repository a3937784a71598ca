"""Configuration files as dotted keys with lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.adopt.lines import YamlLines
from ops.adopt.model import AdoptError, Item, Place, Problem


def read_config(path: Path, folder: Path | None = None) -> tuple[Any, YamlLines]:
    """Return a YAML file's content and lines.

    Raises:
        AdoptError: it is missing, or not a mapping in YAML.
    """
    name = str(path.relative_to(folder)) if folder and path.is_relative_to(folder) else str(path)
    if not path.is_file():
        raise AdoptError([Problem(Place(name), "must exist", "give the file's path")])
    return parse_config(path.read_text("utf-8", "replace"), name)


def parse_config(text: str, name: str, *, shift: int = 0) -> tuple[Any, YamlLines]:
    """Return the content and lines of ``text``.

    Raises:
        AdoptError: it is not a mapping in YAML.
    """
    lines = YamlLines(text, name, shift=shift)
    content = lines.content
    if content is not None and not isinstance(content, dict):
        raise AdoptError([Problem(Place(name, 1), "must be a mapping of keys", "give the configuration file itself")])
    return content or {}, lines


def config_entries(read: tuple[Any, YamlLines]) -> Iterator[tuple[str, Item]]:
    """Yield every leaf of a configuration file: dotted key and item."""
    content, lines = read
    for path, value in leaves(content):
        dotted = ".".join(map(str, path))
        yield dotted, Item(lines.place(path), dotted, value)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield path and value of every leaf; a list is a leaf."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from leaves(each, (*path, str(key)))
    elif path:
        yield path, value
