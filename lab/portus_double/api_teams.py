"""``/api/v1/teams`` and ``/api/v1/namespaces``, as far as the token rules use them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from werkzeug.wrappers import Response

from . import activities
from .core import Core
from .database import Row, now
from .endpoint import Call, Endpoints, Param, listing, message, number, reply
from .errors import InvalidRecordError, NotPermittedError, RecordNotFoundError
from .policy import Role, Visibility
from .users import namespace_problems

ENDPOINTS: Final = Endpoints()
_TAKEN: Final = "has already been taken"


def shown_team(team: Row) -> dict[str, Any]:
    """Return a team as the API shows it."""
    names = ("id", "name", "created_at", "updated_at", "description", "hidden")
    return {name: bool(team[name]) if name == "hidden" else team[name] for name in names}


@ENDPOINTS.add("GET", "/v1/teams", "users")
def _teams(call: Call) -> Response:
    call.core.require_teams()
    if call.asker["admin"]:
        return listing(call, "SELECT t.* FROM teams t WHERE t.hidden = 0", shown_team, orders_by_name=True)
    query = "SELECT t.* FROM teams t JOIN team_users m ON m.team_id = t.id WHERE t.hidden = 0 AND m.user_id = %s"
    return listing(call, query, shown_team, call.asker["id"], orders_by_name=True)


@ENDPOINTS.add(
    "POST", "/v1/teams", "users", Param("name"), Param("description", required=False), Param("owner_id", required=False, kind=int)
)
def _create_team(call: Call) -> Response:
    db, values = call.core.db, call.values
    if not (call.asker["admin"] or call.core.settings.enabled("user_permission.create_team")):
        raise NotPermittedError
    owner = call.asker
    if values.get("owner_id") is not None:
        if not call.asker["admin"]:
            raise NotPermittedError
        owner = found(db.row("SELECT * FROM users WHERE id = %s", values["owner_id"]))
    name = values["name"]
    if not (name or "").strip():
        raise InvalidRecordError({"name": ["can't be blank"]})
    if db.row("SELECT id FROM teams WHERE name = %s", name):
        raise InvalidRecordError({"name": [_TAKEN]})
    moment = now()
    team_id = db.insert("teams", name=name, description=values.get("description"), hidden=0, created_at=moment, updated_at=moment)
    db.insert("team_users", user_id=owner["id"], team_id=team_id, role=Role.OWNER.value, created_at=moment, updated_at=moment)
    activities.note(db, "team.create", ("Team", team_id), call.asker, parameters={"team": name})
    return reply(shown_team(found(db.row("SELECT * FROM teams WHERE id = %s", team_id))), HTTPStatus.CREATED)


def shown_namespace(core: Core, namespace: Row) -> dict[str, Any]:
    """Return a namespace as the API shows it."""
    team = core.db.row("SELECT id, name, hidden FROM teams WHERE id = %s", namespace["team_id"])
    names = ("created_at", "updated_at", "description")
    return {
        "id": namespace["id"],
        "name": core.clean_name(namespace),
        **{name: namespace[name] for name in names},
        "team": None if team is None else {**team, "hidden": bool(team["hidden"])},
        "visibility": Visibility(namespace["visibility"]).name.lower(),
        "global": bool(namespace["global"]),
    }


def _shown(call: Call, namespace: Row) -> dict[str, Any]:
    entity = shown_namespace(call.core, namespace)
    return {**entity, **_for_the_pages(call, namespace)} if call.by_session else entity


def _for_the_pages(call: Call, namespace: Row) -> dict[str, Any]:
    """Return what a session's user sees of a namespace on top of the public form."""
    core, user, db = call.core, call.asker, call.core.db
    policy = core.policy(user, namespace)
    role = core.role(user, namespace["team_id"])
    shown_role = role.name.lower() if role is not None else "admin" if user["admin"] else None
    personal = db.row("SELECT id FROM users WHERE namespace_id = %s LIMIT 1", namespace["id"]) is not None
    team = db.one("SELECT name FROM teams WHERE id = %s", namespace["team_id"]) or ""
    extra = {
        "description_md": f"<p>{namespace['description']}</p>\n" if namespace["description"] else None,
        "repositories_count": db.one("SELECT COUNT(*) FROM repositories WHERE namespace_id = %s", namespace["id"]),
        "webhooks_count": db.one("SELECT COUNT(*) FROM webhooks WHERE namespace_id = %s", namespace["id"]),
        "updatable": policy.allows("update"),
        "destroyable": policy.allows("destroy") and not personal,
        "permissions": {
            "role": shown_role,
            "pull": policy.allows("pull"),
            "push": policy.allows("push"),
            "webhooks": bool(user["admin"]) or shown_role is not None,
            "visibility": policy.allows("change_visibility"),
        },
    }
    orphan = {"orphan": not namespace["global"] and "global_team" in team} if core.release.paginates_users else {}
    return {**extra, **orphan}


@ENDPOINTS.add("GET", "/v1/namespaces", "users")
def _namespaces(call: Call) -> Response:
    if call.asker["admin"]:
        query = "SELECT t.* FROM namespaces t WHERE t.name <> 'portus'"
        return listing(call, query, lambda row: _shown(call, row), orders_by_name=True)
    query = (
        "SELECT DISTINCT t.* FROM namespaces t JOIN team_users m ON m.team_id = t.team_id WHERE t.visibility IN (%s, %s) OR m.user_id = %s"
    )
    values = (Visibility.PUBLIC.value, Visibility.PROTECTED.value, call.asker["id"])
    return listing(call, query, lambda row: _shown(call, row), *values, orders_by_name=True)


@ENDPOINTS.add("GET", "/v1/teams/:id", "users")
def _team(call: Call) -> Response:
    call.core.require_teams()
    team = found(call.core.db.row("SELECT * FROM teams WHERE id = %s", number(call.ids[0])))
    if not call.asker["admin"] and call.core.role(call.asker, team["id"]) is None:
        raise NotPermittedError
    return reply(shown_team(team))


@ENDPOINTS.add("GET", "/v1/namespaces/validate", "users", Param("name"))
def _validate_namespace(call: Call) -> Response:
    problems = _name_problems(call.core, call.values["name"])
    return reply({"messages": {"name": problems} if problems else {}, "valid": not problems})


@ENDPOINTS.add("POST", "/v1/namespaces", "users", Param("name"), Param("team"), Param("description", required=False))
def _create_namespace(call: Call) -> Response:
    core, values = call.core, call.values
    team = found(core.db.row("SELECT * FROM teams WHERE name = %s AND hidden = 0", values["team"]))
    registry = core.registry()
    planned = {"id": None, "visibility": Visibility.PRIVATE.value, "global": 0, "team_id": team["id"]}
    if not core.policy(call.asker, planned).allows("create"):
        raise NotPermittedError
    if problems := _name_problems(core, values["name"]):
        raise InvalidRecordError({"name": problems})
    moment = now()
    namespace_id = core.db.insert(
        "namespaces",
        name=values["name"],
        description=values.get("description"),
        team_id=team["id"],
        registry_id=None if registry is None else registry["id"],
        visibility=Visibility.PRIVATE.value,
        created_at=moment,
        updated_at=moment,
    )
    activities.note(core.db, "namespace.create", ("Namespace", namespace_id), call.asker, parameters={"team": team["name"]})
    return reply(_shown(call, _namespace(core, namespace_id)), HTTPStatus.CREATED)


@ENDPOINTS.add("GET", "/v1/namespaces/:id", "users")
def _one_namespace(call: Call) -> Response:
    namespace = _namespace(call.core, number(call.ids[0]))
    if not call.core.policy(call.asker, namespace).allows("show"):
        raise NotPermittedError
    return reply(_shown(call, namespace))


_CHANGES: Final = tuple(Param(f"namespace.{name}", required=False) for name in ("name", "description", "team", "visibility"))


@ENDPOINTS.add("PUT", "/v1/namespaces/:id", "users", Param("namespace", kind=dict), *_CHANGES)
def _change_namespace(call: Call) -> Response:
    core, values = call.core, call.values["namespace"]
    namespace = _namespace(core, number(call.ids[0]))
    policy = core.policy(call.asker, namespace)
    visibility = values.get("visibility")
    if not policy.allows("update"):
        raise NotPermittedError
    if visibility and visibility.upper() not in Visibility.__members__:
        return message(f"unknown visibility kind '{visibility}'", HTTPStatus.UNPROCESSABLE_ENTITY, plain=True)
    if visibility and not policy.allows("change_visibility"):
        raise NotPermittedError
    columns = _changed(core, namespace, values)
    if not columns:
        raise InvalidRecordError({})
    core.db.update("namespaces", namespace["id"], **columns, updated_at=now())
    if visibility:
        place = ("Namespace", namespace["id"])
        activities.note(core.db, "namespace.change_visibility", place, call.asker, parameters={"visibility": visibility})
    return reply(_shown(call, _namespace(core, namespace["id"])))


def _changed(core: Core, namespace: Row, values: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if visibility := values.get("visibility"):
        columns["visibility"] = Visibility[visibility.upper()].value
        if namespace["global"] and columns["visibility"] == Visibility.PRIVATE:
            raise InvalidRecordError({"visibility": ["global namespace cannot be private"]})
    if values.get("description") is not None:
        columns["description"] = values["description"]
    if values.get("name") and values["name"] != namespace["name"]:
        if problems := _name_problems(core, values["name"]):
            raise InvalidRecordError({"name": problems})
        columns["name"] = values["name"]
    if values.get("team"):
        columns["team_id"] = found(core.db.row("SELECT id FROM teams WHERE name = %s", values["team"]))["id"]
    return columns


def _name_problems(core: Core, name: str | None) -> list[str]:
    problems = namespace_problems(name)
    registry = core.registry()
    if registry is not None and core.namespace(registry["id"], name or "") is not None:
        problems.append(_TAKEN)
    return problems


def _namespace(core: Core, namespace_id: int) -> Row:
    return found(core.db.row("SELECT * FROM namespaces WHERE id = %s", namespace_id))


def found(row: Row | None) -> Row:
    """Return a row that must be there.

    Raises:
        RecordNotFoundError: it is not.
    """
    if row is None:
        raise RecordNotFoundError
    return row
