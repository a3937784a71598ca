"""The lines on which the keys of a stack file stand; read only once something is wrong with it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import yaml

from components.settings.report.problems import SettingsError


def located(error: SettingsError, file: Path) -> SettingsError:
    """Return ``error`` with the line of each problem in ``file``."""
    return SettingsError(error.file, [replace(problem, line=line_of(file, problem.key, problem.namespace)) for problem in error.problems])


def line_of(file: Path, key: str, namespace: str = "portus") -> int:
    """Return the line (from 1) of ``key`` (``registry.storage.driver``), or of its nearest parent in the file; 0 for none."""
    try:
        root = yaml.compose(file.read_bytes(), Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError):
        return 0
    if not namespace:
        return _child(root, key)[0]
    node = _child(root, "config")[1]
    line, _ = _child(node, f"{namespace}:{key}")
    if line:  # also a key with dots in it, as pulumi config set without --path writes one
        return line
    for index, step in enumerate(step for step in re.split(r"\.|\[|\]", key) if step):
        found, node = _child(node, f"{namespace}:{step}" if index == 0 else step)
        if found == 0:
            break
        line = found
    return line


def _child(node: yaml.Node | None, step: str) -> tuple[int, yaml.Node | None]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        item = node.value[int(step)]
        return item.start_mark.line + 1, item
    return 0, None
