"""Configuration files as dotted keys, with the lines of keys in YAML and environment files, by PyYAML's nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from ops.adopt.model import AdoptError, Item, Place, Problem, Role, Source, Workload
from ops.errors import told_by_reader

_VARIABLE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*(?:=|:|$)")
_LIST_VARIABLE = re.compile(r"^([A-Za-z_][A-Za-z0-9_.]*)(?:=|$)")
MOST_KEYS: Final = 100_000
"""Of one file: more is an anchor that repeats itself."""
Step = str | int
REGISTRY_CONFIGS: Final = ("/etc/docker/registry/config.yml", "/etc/distribution/config.yml")
"""Where the registry 2 and 3 read their configuration."""
PORTUS_CONFIGS: Final = ("/srv/Portus/config/config.yml", "/srv/Portus/config/config-local.yml")
"""Portus' shipped and own configuration; the first is a full copy where a team mounts it, and the second overrides it."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml may be missing
    """Takes a date for a text: none is asked for, and PyYAML ends at one that the calendar does not have (``2026-13-45``)."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's way to say it
        first: [pair for pair in resolvers if not pair[0].endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class YamlLines:
    """Where the keys of one YAML file are written."""

    def __init__(self, text: str, name: str, *, shift: int = 0) -> None:
        """Read ``text``; ``shift`` is added to each line.

        Raises:
            AdoptError: the text is not YAML.
        """
        self.name = name
        self.text = text
        self._shift = shift
        try:
            self._root = yaml.compose(text, Loader=_Loader)
            if _expanded(self._root, {}) > MOST_KEYS:
                fix = "take anchors that repeat themselves out"
                raise AdoptError([Problem(Place(name), f"must have at most {MOST_KEYS} keys, and none inside itself", fix)])
            self.content: Any = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
        except (yaml.YAMLError, ValueError) as error:
            raise AdoptError([_unreadable(error, text, name)]) from None

    def refuse_repeated_keys(self) -> None:
        """Refuse keys that one mapping has twice.

        Raises:
            AdoptError: there are some.
        """
        fix = "keep one: the program that reads this file takes the last and ignores the others"
        twice = [(Place(self.name, key.start_mark.line + 1 + self._shift), key.value) for key in _repeated_keys(self._root, set())]
        if twice:
            raise AdoptError([Problem(place, f"'{key}' must be set once", fix) for place, key in twice])

    def place(self, path: Sequence[Step]) -> Place:
        """Return the place of ``path``, or of the nearest key around it."""
        node, line = self._root, 0
        for step in path:
            found = next(_children(node, step), None)
            if found is None:
                break
            key_node, node = found
            line = key_node.start_mark.line + 1 + self._shift
        return Place(self.name, line)

    def has(self, path: Sequence[Step]) -> bool:
        """Whether the file itself writes ``path``."""
        node = self._root
        for step in path:
            found = next(_children(node, step), None)
            if found is None:
                return False
            node = found[1]
        return True

    @cached_property
    def uses(self) -> dict[str, list[int]]:
        """Variable that the file asks for -> lines."""
        lines: dict[str, list[int]] = {}
        for number, line in enumerate(self.text.splitlines(), start=1 + self._shift):
            if line.lstrip().startswith("#"):
                continue
            for name in re.findall(r"(?<!\$)(?:\$\$)*\$\{?([A-Za-z_][A-Za-z0-9_]*)", line):
                lines.setdefault(name, []).append(number)
        return lines


def _expanded(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Return the number of nodes with every alias written out; more than `MOST_KEYS` for a node inside itself."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_KEYS + 1  # what it is while its own children are counted
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(node)]


def _repeated_keys(node: yaml.Node | None, seen: set[int]) -> Iterator[yaml.ScalarNode]:
    """Yield each key that its mapping has already; merges may repeat."""
    if node is None or isinstance(node, yaml.ScalarNode) or id(node) in seen:
        return
    seen.add(id(node))
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(None, each) for each in node.value]
    known: set[str] = set()
    for key, value in pairs:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            if key.value in known:
                yield key
            known.add(key.value)
        yield from _repeated_keys(value, seen)


def _children(node: yaml.Node | None, step: Step) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Yield key and value of ``step`` in ``node``; what a merge brings comes last."""
    if isinstance(node, yaml.MappingNode):
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.value == str(step):
                yield key, value
            if key.value == "<<":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
        for each in merged:
            yield from _children(each, step)
    elif isinstance(node, yaml.SequenceNode):
        if isinstance(step, int):
            yield from ((each, each) for each in node.value[step : step + 1])
        else:
            for each in node.value:
                named = _LIST_VARIABLE.match(each.value) if isinstance(each, yaml.ScalarNode) else None
                if named and named[1] == step:
                    yield each, each


def _unreadable(error: Exception, text: str, name: str) -> Problem:
    told = told_by_reader(error)
    line = next((line for _, line, _ in reversed(told) if line), 0)
    fix = "correct the file at this line"
    if "{{" in text:
        line = next(number for number, each in enumerate(text.splitlines(), start=1) if "{{" in each)
        fix = "this is a template: render it first, and give the result"
    elif "\t" in text:
        fix = "use spaces, not tabs, before keys"
    return Problem(Place(name, line), f"must be YAML: {told[-1][0]}", fix)


def variable_lines(path: Path) -> dict[str, int]:
    """Return the line of each variable of an environment file; of a repeated one the last, which counts."""
    found = ((_VARIABLE.match(line), number) for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1))
    return {match[1]: number for match, number in found if match}


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
        AdoptError: it is not a mapping in YAML, or sets a key twice.
    """
    lines = YamlLines(text, name, shift=shift)
    lines.refuse_repeated_keys()
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


def config_paths(workload: Workload) -> tuple[str, ...]:
    """Return where the program of ``workload`` looks for its configuration, in the order in which files override others."""
    named = [workload.environment.get(name) for name in ("REGISTRY_CONFIGURATION_PATH", "PORTUS_LOCAL_CONFIG_PATH")]
    others = [item.text for item in named if item and item.text.startswith("/")]
    if workload.role is Role.REGISTRY:
        return (*REGISTRY_CONFIGS, *others, *re.findall(r"(?:^|\s)(/\S+\.ya?ml)(?=[\s'\"]|$)", workload.command))
    return (*PORTUS_CONFIGS, *others) if workload.role in {Role.PORTUS, Role.WORKER} else ()


def read_configs(source: Source, given: Mapping[Role, Sequence[Path]]) -> None:
    """Read the configuration of Portus and of the registry: from the ``given`` files, else from those that mounts bring.

    Raises:
        AdoptError: one of them is missing or no YAML.
    """
    entries = {Role.PORTUS: source.portus_config, Role.REGISTRY: source.registry_config}
    for role, files in given.items():
        source.given |= {role, Role.WORKER} if files and role is Role.PORTUS else {role} if files else set()
        for file in files:
            content, lines = read_config(file)
            if ("version" in content) is not (role is Role.REGISTRY):  # the registry refuses a file without it, and Portus has no such key
                other, option = ("Portus", "--portus-config") if role is Role.REGISTRY else ("the registry", "--registry-config")
                raise AdoptError([Problem(Place(str(file)), f"looks like the configuration of {other}", f"give it with {option}")])
            entries[role].extend(config_entries((content, lines)))
    for workload in source.workloads:
        found = [file for mount in workload.mounts for file in mount.files] if workload.role in entries.keys() - source.given else []
        for path in dict.fromkeys(config_paths(workload)):
            for name, text, place in found:
                if name == path:
                    entries[workload.role].extend(config_entries(parse_config(text, place.file, shift=place.line)))
