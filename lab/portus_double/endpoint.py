"""How ``/api/v1`` endpoints are declared, with their parameters, and what they answer with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from werkzeug.wrappers import Request, Response

from .core import Core
from .database import Row
from .pages import host, scheme

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


_JSON: Final = "application/json"
CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Request-Method": "*",
    "Access-Control-Allow-Headers": "Content-Type, api_key, Authorization, portus-auth",
}
DEFAULT_PAGE: Final = 15


@dataclass
class Call:
    """One request to an endpoint.

    Args:
        values: the declared parameters.
        tree: all parameters.
        ids: the numbers and names in the path.
        user: who asks; None only if an endpoint needs no user.
        by_session: the asker came with a session cookie, which shows more than the public form.
    """

    core: Core
    request: Request
    values: Tree
    tree: Tree
    ids: tuple[str, ...]
    user: Row | None
    by_session: bool = False

    @property
    def asker(self) -> Row:
        """Who asks, if the endpoint needs a user."""
        assert self.user is not None
        return self.user

    @property
    def url(self) -> str:
        """The address asked for, without its query."""
        return f"{scheme(self.request)}://{host(self.request)}{self.request.path}"


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: method and path, who may call it, what it declares, and what answers."""

    method: str
    path: re.Pattern[str]
    who: Literal["anybody", "users", "admins"]
    answer: Handler
    params: tuple[Param, ...] = ()
    missing_as_null: bool = False


@dataclass
class Endpoints:
    """A module's endpoints, in the order they are tried."""

    listed: list[Endpoint] = field(default_factory=list)

    def add(
        self,
        method: str,
        path: str,
        who: Literal["anybody", "users", "admins"],
        *params: Param,
        missing_as_null: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare an endpoint; ``:id`` in the path matches one part of it."""
        pattern = re.compile(re.sub(r":\w+", "([^/]+)", path))

        def keep(answer: Handler) -> Handler:
            self.listed.append(Endpoint(method, pattern, who, answer, params, missing_as_null))
            return answer

        return keep


def reply(content: Any, status: int = 200, *, plain: bool = False) -> Response:
    """Return JSON; ``plain`` leaves out the CORS headers, as answers do that an exception led to."""
    response = Response(json.dumps(content, default=_moment), status, content_type=_JSON)
    if not plain:
        response.headers.update(CORS)
    return response


def message(content: Any, status: int, *, plain: bool = False) -> Response:
    """Return an error: what is wrong, as ``message``."""
    return reply({"message": content}, status, plain=plain)


def nothing(status: int = 204) -> Response:
    """Return an empty answer."""
    response = Response("", status, headers=CORS)
    del response.headers["Content-Type"]
    return response


def number(text: str) -> int:
    """Return an id from a path as the database would read it: its leading digits."""
    match = re.match(r"\d+", text)
    return int(match.group()) if match else 0


def listing(call: Call, query: str, show: Callable[[Row], Any], *values: Any, orders_by_name: bool) -> Response:
    """Return the rows of a query: whole in id order before 2.5, since then a page of them, newest first.

    Args:
        query: without an order; ``t`` must be its table's alias.
        orders_by_name: the table has a ``name``, the one other column ``sort_attr`` can take.
    """
    rows = call.core.db
    if not call.core.release.paginates_users:
        return reply([show(row) for row in rows.rows(f"{query} ORDER BY t.id", *values)])
    column = "name" if orders_by_name and call.tree.get("sort_attr") == "name" else "id"
    direction = "ASC" if call.tree.get("sort_order") == "asc" else "DESC"
    found = rows.rows(f"{query} ORDER BY t.{column} {direction}", *values)
    if str(call.tree.get("all", "")).lower() in {"true", "1"}:
        return reply([show(row) for row in found])
    size = max(number(str(call.tree.get("per_page", DEFAULT_PAGE))), 1)
    page = max(number(str(call.tree.get("page", 1))), 1)
    pages = max(-(-len(found) // size), 1)
    response = reply([show(row) for row in found[(page - 1) * size : page * size]])
    response.headers.update(_page_headers(call, len(found), page, pages, size))
    return response


def _page_headers(call: Call, total: int, page: int, pages: int, size: int) -> dict[str, str]:
    before = str(page - 1) if 1 < page <= pages else ""
    after = str(page + 1) if page < pages else ""
    defaults = {"all": "false", "sort_attr": "id", "sort_order": "asc"}
    given = {**defaults, **{name: value for name, value in call.tree.items() if isinstance(value, str)}, "per_page": str(size)}
    links = [("prev", before), ("next", after), ("first", "1"), ("last", str(pages))]
    return {
        "X-Total": str(total),
        "X-Total-Pages": str(pages),
        "X-Page": str(page),
        "X-Per-Page": str(call.core.settings.value("pagination.per_page")),
        "X-Next-Page": after,
        "X-Prev-Page": before,
        "Link": ", ".join(f'<{call.url}?{_query({**given, "page": target})}>; rel="{rel}"' for rel, target in links if target),
    }


def _query(values: dict[str, str]) -> str:
    return "&".join(f"{name}={values[name]}" for name in sorted(values))


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    raise TypeError(type(value).__name__)
