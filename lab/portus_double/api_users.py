"""``/api/v1/users``: the first admin, accounts, application tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from werkzeug.wrappers import Response

from . import activities, users
from .database import Row
from .endpoint import Call, Endpoints, InvalidParametersError, Param, listing, message, nothing, number, reply
from .errors import NotPermittedError, RecordNotFoundError

ENDPOINTS: Final = Endpoints()
_NAMES: Final = (Param("user", kind=dict), Param("user.username"), Param("user.email"), Param("user.password"))
_DISPLAY: Final = Param("user.display_name", required=False)


def shown(user: Row) -> dict[str, Any]:
    """Return a user as the API shows it."""
    names = ("id", "username", "email", "current_sign_in_at", "last_sign_in_at", "created_at", "updated_at", "admin", "enabled")
    entity = {name: user[name] for name in (*names, "locked_at", "namespace_id", "display_name", "bot")}
    flags = ("admin", "enabled", "bot")
    return {name: bool(value) if name in flags and value is not None else value for name, value in entity.items()}


@ENDPOINTS.add("POST", "/v1/users/bootstrap", "anybody", *_NAMES, _DISPLAY, missing_as_null=True)
def _bootstrap(call: Call) -> Response:
    db = call.core.db
    if not call.core.settings.enabled("first_user_admin"):
        return message("this instance has disabled this endpoint", HTTPStatus.METHOD_NOT_ALLOWED)
    if users.any_but_hidden(db):
        return message("you can only use this when there are no users on the system", HTTPStatus.BAD_REQUEST)
    user = users.create(db, {**call.values["user"], "admin": 1})
    return _token(call, user["id"], "bootstrap", user)


def _owner_id(call: Call) -> int:
    if not call.ids[0].lstrip("+-").isdigit():
        raise InvalidParametersError({'["id"]': ["is invalid"]})
    return number(call.ids[0])


@ENDPOINTS.add("GET", "/v1/users/:id/application_tokens", "users")
def _tokens(call: Call) -> Response:
    user = users.by_id(call.core.db, _owner_id(call))
    rows = call.core.db.rows("SELECT id, application FROM application_tokens WHERE user_id = %s ORDER BY id", user["id"])
    return reply(rows)


@ENDPOINTS.add("POST", "/v1/users/:id/application_tokens", "users", Param("application"))
def _create_token(call: Call) -> Response:
    return _token(call, _owner_id(call), call.values["application"], call.asker)


@ENDPOINTS.add("DELETE", "/v1/users/application_tokens/:id", "users")
def _delete_token(call: Call) -> Response:
    db = call.core.db
    token = db.row("SELECT * FROM application_tokens WHERE id = %s", number(call.ids[0]))
    if token is None:
        raise RecordNotFoundError
    owner = users.by_id(db, token["user_id"])
    if owner["id"] != call.asker["id"] and not (call.asker["admin"] and owner["bot"]):
        raise NotPermittedError
    parameters = {"application": token["application"]}
    activities.note(db, "application_token.destroy", ("ApplicationToken", token["id"]), call.asker, parameters=parameters)
    db.run("DELETE FROM application_tokens WHERE id = %s", token["id"])
    return nothing()


@ENDPOINTS.add("GET", "/v1/users", "admins")
def _list(call: Call) -> Response:
    return listing(call, "SELECT t.* FROM users t", shown, orders_by_name=False)


@ENDPOINTS.add("POST", "/v1/users", "admins", *_NAMES, _DISPLAY, Param("user.bot", required=False, kind=bool), missing_as_null=True)
def _create(call: Call) -> Response:
    return reply(shown(users.create(call.core.db, call.values["user"])), HTTPStatus.CREATED)


@ENDPOINTS.add("GET", "/v1/users/:id", "admins")
def _show(call: Call) -> Response:
    db = call.core.db
    user = db.row("SELECT * FROM users WHERE id = %s", number(call.ids[0])) or db.row("SELECT * FROM users WHERE email = %s", call.ids[0])
    if user is None:
        raise RecordNotFoundError
    return reply(shown(user))


_CHANGES: Final = tuple(Param(f"user.{name}", required=False) for name in ("username", "email", "password", "display_name"))


@ENDPOINTS.add("PUT", "/v1/users/:id", "admins", Param("user", kind=dict), *_CHANGES)
def _change(call: Call) -> Response:
    return reply(shown(users.change(call.core.db, number(call.ids[0]), call.values["user"])))


@ENDPOINTS.add("DELETE", "/v1/users/:id", "admins")
def _remove(call: Call) -> Response:
    users.remove(call.core.db, number(call.ids[0]), call.asker)
    return nothing()


def _token(call: Call, user_id: int, application: str, by: Row) -> Response:
    token_id, plain = users.create_token(call.core.db, user_id, application, by)
    return reply({"id": token_id, "application": application, "plain_token": plain}, HTTPStatus.CREATED)
