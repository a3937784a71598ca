"""The ``pulumi.com/waitFor`` annotation: readiness in the user's own terms, by JSONPath or by condition."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from lab.engine.plugins.kube.objects import WAIT_FOR, annotation
from lab.engine.plugins.kube.readiness import Look, Progress, Rule
from lab.engine.plugins.provider import ProviderError
from ops.kube.status import condition

_STEP: Final = re.compile(
    r"""\.(?P<name>[\w$-]+)|\[(?P<index>\d+)\]|\[(?P<all>\*)\]|\[(?P<quote>['"])(?P<key>.+?)(?P=quote)\]"""
    r"""|\[\?\(@\.(?P<field>[\w.-]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]"""
)


def wait_for_rule(inputs: Any) -> Rule | None:
    """Return the rule that the annotation describes, None without one.

    Raises:
        ProviderError: the annotation cannot be understood.
    """
    text = annotation(inputs, WAIT_FOR)
    if not text:
        return None
    rules = [_rule(expression) for expression in _expressions(text)]
    if not rules:
        raise ProviderError(f"the annotation {WAIT_FOR} names no condition.")

    def all_of(look: Look) -> Progress:
        progress = [rule(look) for rule in rules]
        return next((found for found in progress if not found.ready), progress[-1])

    return all_of


def _expressions(text: str) -> Sequence[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return found if isinstance(found, list) else [text]


def _rule(expression: str) -> Rule:
    kind, _, rest = expression.partition("=")
    if kind == "jsonpath":
        return _json_path_rule(expression, rest)
    if kind == "condition":
        name, _, value = rest.partition("=")
        wanted = value or "True"
        return lambda look: Progress(condition(look.obj, name).get("status", "").lower() == wanted.lower(), f"waiting for {expression}")
    raise ProviderError(f"the annotation {WAIT_FOR} begins with 'jsonpath=' or 'condition=', not '{expression}'.")


def _json_path_rule(expression: str, rest: str) -> Rule:
    path, closed, value = rest.partition("}") if rest.startswith("{") else rest.partition("=")
    wanted = value.lstrip("=") if closed else None
    steps = _steps(path.strip("{} "), expression)

    def rule(look: Look) -> Progress:
        found = evaluate(look.obj, steps)
        return Progress(bool(found) and (not wanted or all(_text(item) == wanted for item in found)), f"waiting for {expression}")

    return rule


def _steps(path: str, expression: str) -> list[re.Match[str]]:
    path = path.removeprefix("$")
    path = path if path.startswith((".", "[")) else f".{path}"
    steps, position = [], 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ProviderError(f"the annotation {WAIT_FOR} holds a JSONPath that the lab's plugin does not know: '{expression}'.")
        steps.append(step)
        position = step.end()
    return steps


def evaluate(value: Any, steps: Sequence[re.Match[str]]) -> list[Any]:
    """Return every value that the steps lead to."""
    found = [value]
    for step in steps:
        found = [item for parent in found for item in _children(parent, step)]
    return found


def _children(parent: Any, step: re.Match[str]) -> list[Any]:
    name = step["name"] or step["key"]
    if name is not None:
        return [parent[name]] if isinstance(parent, dict) and name in parent else []
    if not isinstance(parent, list):
        return []
    if step["index"] is not None:
        return parent[int(step["index"]) :][:1]
    if step["all"]:
        return parent
    return [item for item in parent if isinstance(item, dict) and _text(item.get(step["field"])) == step["value"]]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
