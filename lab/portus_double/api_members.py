"""``/api/v1/teams/:id/members``: who belongs to a team, in which role."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from werkzeug.wrappers import Response

from . import activities, api_users
from .api_teams import found
from .database import Row, now
from .endpoint import Call, Endpoints, Param, nothing, number, reply
from .errors import ApplicationError, InvalidRecordError, NotPermittedError, UnprocessableError
from .policy import Role
from .users import by_name

ENDPOINTS: Final = Endpoints()


@ENDPOINTS.add("GET", "/v1/teams/:id/members", "users")
def _members(call: Call) -> Response:
    team_id = number(call.ids[0])
    found(call.core.db.row("SELECT id FROM teams WHERE id = %s", team_id))
    if not call.asker["admin"] and call.core.role(call.asker, team_id) is None:
        raise NotPermittedError
    query = "SELECT u.* FROM users u JOIN team_users m ON m.user_id = u.id WHERE m.team_id = %s ORDER BY m.id"
    return reply([api_users.shown(row) for row in call.core.db.rows(query, team_id)])


@ENDPOINTS.add("POST", "/v1/teams/:id/members", "users", Param("role"), Param("user"))
def _add_member(call: Call) -> Response:
    db = call.core.db
    team = found(db.row("SELECT * FROM teams WHERE id = %s AND hidden = 0", number(call.ids[0])))
    member = found(by_name(db, call.values["user"]))
    roles = {each.name.lower(): each for each in Role}
    if call.values["role"] not in roles:
        raise ApplicationError("ArgumentError", f"'{call.values['role']}' is not a valid role")
    role = Role.OWNER if member["admin"] else roles[call.values["role"]]
    _must_own(call, team["id"])
    if call.core.role(member, team["id"]) is not None:
        raise InvalidRecordError({"user": ["has already been taken"]})
    moment = now()
    ids = {"team_id": team["id"], "user_id": member["id"]}
    member_id = db.insert("team_users", **ids, role=role.value, created_at=moment, updated_at=moment)
    parameters = {"team_user": member["username"], "team": team["name"], "role": role.name.lower()}
    place, recipient = ("Team", team["id"]), ("User", member["id"])
    activities.note(db, "team.add_member", place, call.asker, recipient=recipient, parameters=parameters)
    return reply(_shown(call, _membership(call, team["id"], member_id)), HTTPStatus.CREATED)


@ENDPOINTS.add("PUT", "/v1/teams/:id/members/:member_id", "users", Param("role"))
def _change_role(call: Call) -> Response:
    team_id, member_id = (number(part) for part in call.ids)
    membership = _membership(call, team_id, member_id)
    _must_own(call, team_id)
    role = call.values["role"]
    if role != "owner":
        _must_leave_an_owner(call, membership)
    roles = {each.name.lower(): each for each in Role}
    if role not in roles:
        raise ApplicationError("ArgumentError", f"'{role}' is not a valid role")
    call.core.db.update("team_users", member_id, role=roles[role].value, updated_at=now())
    return reply(_shown(call, _membership(call, team_id, member_id)))


@ENDPOINTS.add("DELETE", "/v1/teams/:id/members/:member_id", "users")
def _remove_member(call: Call) -> Response:
    team_id, member_id = (number(part) for part in call.ids)
    membership = _membership(call, team_id, member_id)
    _must_own(call, team_id)
    _must_leave_an_owner(call, membership)
    call.core.db.run("DELETE FROM team_users WHERE id = %s", member_id)
    return nothing()


def _membership(call: Call, team_id: int, member_id: int) -> Row:
    return found(call.core.db.row("SELECT * FROM team_users WHERE id = %s AND team_id = %s", member_id, team_id))


def _must_own(call: Call, team_id: int) -> None:
    if not call.asker["admin"] and call.core.role(call.asker, team_id) is not Role.OWNER:
        raise NotPermittedError


def _must_leave_an_owner(call: Call, membership: Row) -> None:
    owners = call.core.db.rows("SELECT id FROM team_users WHERE team_id = %s AND role = %s", membership["team_id"], Role.OWNER.value)
    if [row["id"] for row in owners] == [membership["id"]]:
        raise UnprocessableError("Cannot remove the only owner of the team")


def _shown(call: Call, membership: Row) -> dict[str, Any]:
    user = found(call.core.db.row("SELECT username, display_name FROM users WHERE id = %s", membership["user_id"]))
    by_display_name = call.core.settings.enabled("display_name") and user["display_name"]
    names = ("id", "team_id", "user_id", "created_at", "updated_at")
    entity = {name: membership[name] for name in names}
    role = Role(membership["role"]).name.lower()
    return {**entity, "role": role, "display_name": user["display_name"] if by_display_name else user["username"]}
