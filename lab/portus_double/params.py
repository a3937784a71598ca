"""Parameters of ``/api/v1``: from query, form or JSON into one tree, then checked against what an endpoint declares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from werkzeug.wrappers import Request

Tree = dict[str, Any]
_NESTED: Final = re.compile(r"\[([^\]]*)\]")
_TRUE: Final = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE: Final = frozenset({"0", "off", "f", "false", "n", "no"})


class MalformedJsonError(Exception):
    """The body claims to be JSON and is not."""


class InvalidParametersError(Exception):
    """Declared parameters are missing or of the wrong kind; ``messages`` by parameter."""

    def __init__(self, messages: dict[str, list[str]]) -> None:
        super().__init__(str(messages))
        self.messages = messages


@dataclass(frozen=True)
class Param:
    """One declared parameter.

    Args:
        path: its name, nested with a dot (``user.email``).
        kind: str, int, bool, dict or list.
    """

    path: str
    required: bool = True
    kind: type = str

    @property
    def shown(self) -> str:
        """The name as Rails writes it: ``user[email]``."""
        first, *rest = self.path.split(".")
        return first + "".join(f"[{name}]" for name in rest)


def read(request: Request) -> Tree:
    """Return all parameters; the body's win over the query's.

    Raises:
        MalformedJsonError: as it says.
    """
    tree: Tree = {}
    _fill(tree, request.args.items(multi=True))
    if "json" in (request.content_type or ""):
        body = request.get_data()
        if body:
            try:
                content = json.loads(body)
            except ValueError as error:
                raise MalformedJsonError from error
            tree.update(content if isinstance(content, dict) else {})
    else:
        _fill(tree, request.form.items(multi=True))
    return tree


def declared(tree: Tree, params: Iterable[Param], *, missing: bool = False) -> Tree:
    """Return the declared parameters, in their declared kinds; what is not declared is dropped in silence.

    Args:
        missing: keep declared ones that are absent, as None.

    Raises:
        InvalidParametersError: with every parameter's reason at once.
    """
    result: Tree = {}
    messages: dict[str, list[str]] = {}
    for param in params:
        present, value = _look(tree, param.path)
        if present:
            fits, value = _coerce(value, param.kind)
            if not fits:
                messages[json.dumps([param.shown])] = ["is invalid"]
        elif param.required:
            messages[json.dumps([param.shown])] = ["is missing"]
        if present or (missing and not param.required):
            _put(result, param.path, {} if param.kind is dict and value is not None else value)
    if messages:
        raise InvalidParametersError(messages)
    return result


def _look(tree: Any, path: str) -> tuple[bool, Any]:
    for name in path.split("."):
        if not isinstance(tree, dict) or name not in tree:
            return False, None
        tree = tree[name]
    return True, tree


def _put(tree: Tree, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = value


def _coerce(value: Any, kind: type) -> tuple[bool, Any]:
    if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
        return True, value
    text = str(value).strip().lower()
    if kind is bool and isinstance(value, str | int) and text in _TRUE | _FALSE:
        return True, text in _TRUE
    if kind is bool and value == "":
        return True, None
    if kind is int and isinstance(value, str) and re.fullmatch(r"[+-]?\d+", text):
        return True, int(text)
    if kind is str and isinstance(value, int | float | bool):
        return True, text if isinstance(value, bool) else str(value)
    return False, value


def _fill(tree: Tree, pairs: Iterable[tuple[str, str]]) -> None:
    """Add ``user[email]=x`` and ``only[]=x`` as Rack nests them."""
    for name, value in pairs:
        first = name.split("[", 1)[0]
        keys = [first, *_NESTED.findall(name)]
        node: Any = tree
        for position, key in enumerate(keys[:-1]):
            fresh: Any = [] if keys[position + 1] == "" else {}
            node = node.setdefault(key, fresh) if isinstance(node, dict) else node
        if isinstance(node, list):
            node.append(value)
        elif isinstance(node, dict):
            node[keys[-1]] = value
