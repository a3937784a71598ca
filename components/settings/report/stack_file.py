"""The stack file as a text: the lines of its keys, and what is wrong with one that has no settings at all.

Imported only once something is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from components.settings.parse import name_in, stray
from components.settings.report.fixes import close_to
from components.settings.report.problems import Problem, SettingsError
from components.settings.stack import StackSettings


def located(error: SettingsError, file: Path) -> SettingsError:
    """Return ``error`` with the line of each problem in ``file``."""
    return SettingsError(error.file, [replace(problem, line=line_of(file, problem.key, problem.namespace)) for problem in error.problems])


def line_of(file: Path, key: str, namespace: str = "portus") -> int:
    """Return the line (from 1) of ``key`` (``registry.storage.driver``), or of its nearest parent in the file; 0 for none."""
    try:
        root = yaml.compose(file.read_bytes(), Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError, RecursionError):
        return 0
    if not namespace:
        return _child(root, key)[0] or _child(_child(root, "config")[1], key)[0]
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


EXAMPLE = "config:, and below it portus:host, portus:portus and portus:exposure (stacks/ has examples)"


def without_settings(content: object, project: str, unknown_namespaces: Sequence[str] = ()) -> list[Problem]:
    """Return what is wrong with a stack file without any of the program's keys: one problem for each mistake.

    Args:
        content: the file as YAML; None where it is missing or empty.
        project: the text before each key's colon.
        unknown_namespaces: the keys of other namespaces, which this program does not read.
    """
    prefixed = [stray(key) for key in unknown_namespaces if ":" in key]
    if any(problem.key in StackSettings.model_fields for problem in prefixed):
        return list(map(stray, unknown_namespaces))
    return [_without_settings(content, project), *prefixed]


def _without_settings(content: object, project: str) -> Problem:
    key, value, rule = "config", "", "must have the settings of this program"
    if not content:
        fix = f"the file is empty or missing: write {EXAMPLE}"
    elif not isinstance(content, Mapping):
        rule, fix = "must be a mapping that begins with 'config:'", f"write {EXAMPLE}"
    elif "config" not in content:
        mistyped = next((str(name) for name in content if close_to(str(name), ["config"])), None)
        bare = [str(name) for name in content if str(name).startswith(f"{project}:")]
        if mistyped:
            key, rule, fix = mistyped, "unknown key", "did you mean 'config'?"
        elif bare:
            fix = f"write 'config:' above {bare[0]}, and all keys that begin with '{project}:' below it, indented"
        else:
            fix = f"write {EXAMPLE}"
    else:
        settings = content["config"]
        bare = [str(name) for name in settings if ":" not in str(name)] if isinstance(settings, Mapping) else []
        also = "and the same for every other key"
        fix = f"write '{project}:{name_in(bare[0])}' instead of '{bare[0]}', {also}" if bare else f"write {EXAMPLE}"
    return Problem(namespace="", key=key, value=value, rule=rule, fix=fix)
