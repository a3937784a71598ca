"""``/api``: authentication, parameters and errors around the endpoints, in the order the genuine API takes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pymysql
from werkzeug.wrappers import Request, Response

from . import BANNER, api_members, api_registries, api_teams, api_users, log, login, ruby, schema, sessions
from .core import Core
from .database import State
from .endpoint import Call, Endpoint, Endpoints, InvalidParametersError, MalformedJsonError, declared, message, nothing, read, reply
from .errors import (
    ApplicationError,
    InvalidRecordError,
    NotPermittedError,
    RecordNotFoundError,
    RegistryUnreachableError,
    UnprocessableError,
)

_DATABASE_WORDS = {
    State.READY: "database is up-to-date",
    State.EMPTY: "database is initializing",
    State.MISSING: "database has not been created",
    State.DOWN: "cannot connect to database",
    State.UNKNOWN: "unknown error",
}
ENDPOINTS = Endpoints()


class Api:
    """The REST API of 2.3 and later."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._endpoints = [
            *ENDPOINTS.listed,
            *api_users.ENDPOINTS.listed,
            *api_registries.ENDPOINTS.listed,
            *api_teams.ENDPOINTS.listed,
            *api_members.ENDPOINTS.listed,
        ]

    def answer(self, request: Request, method: str, path: str) -> Response:
        """Answer a request below ``/api``."""
        if method == "OPTIONS" and "Origin" in request.headers:
            return Response("", HTTPStatus.OK, headers={"Access-Control-Allow-Origin": "*"})
        if not self._core.release.rest_api:
            return message("Not found", HTTPStatus.NOT_FOUND)
        for endpoint in self._endpoints:
            match = endpoint.path.fullmatch(path)
            if match and method == "OPTIONS":
                return nothing()
            if match and endpoint.method == method:
                return self._guarded(endpoint, request, match.groups())
        return message("Not found", HTTPStatus.NOT_FOUND)

    def _guarded(self, endpoint: Endpoint, request: Request, ids: tuple[str, ...]) -> Response:
        status: int
        words: Any
        try:
            return self._call(endpoint, request, ids)
        except InvalidRecordError as error:
            return message(error.messages, HTTPStatus.UNPROCESSABLE_ENTITY)
        except UnprocessableError as error:
            return message(str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
        except MalformedJsonError:
            status, words = self._core.release.malformed_json
        except InvalidParametersError as error:
            status, words = HTTPStatus.BAD_REQUEST, error.messages
        except NotPermittedError:
            status, words = HTTPStatus.FORBIDDEN, "Authorization fails"
        except RecordNotFoundError:
            status, words = HTTPStatus.NOT_FOUND, "Not found"
        except ApplicationError as error:
            status, words = HTTPStatus.INTERNAL_SERVER_ERROR, error.message
        except pymysql.MySQLError as error:
            log.say(f"Mysql2::Error {error.args[0] if error.args else ''}", level="fatal")
            status, words = HTTPStatus.INTERNAL_SERVER_ERROR, f"Mysql2::Error: {error.args[-1] if error.args else ''}"
        return message(words, status, plain=True)

    def _call(self, endpoint: Endpoint, request: Request, ids: tuple[str, ...]) -> Response:
        tree = read(request)
        cookie = request.cookies.get(sessions.COOKIE)
        user = sessions.user(self._core.db, self._core.secrets.key_base, request)
        by_session = user is not None
        if endpoint.who != "anybody":
            user = user or login.from_token_header(self._core.db, request.headers)
            if user is None:
                return self._renew(message("Authentication fails", HTTPStatus.UNAUTHORIZED), cookie)
            if endpoint.who == "admins" and not user["admin"]:
                raise NotPermittedError
        values = declared(tree, endpoint.params, missing=endpoint.missing_as_null)
        call = Call(self._core, request, values, tree, ids, user, by_session=by_session)
        return self._renew(endpoint.answer(call), cookie)

    def _renew(self, response: Response, cookie: str | None) -> Response:
        if cookie is not None:
            response.headers.add("Set-Cookie", f"{sessions.COOKIE}={cookie}; path=/; HttpOnly")
        return response


@ENDPOINTS.add("GET", "/v1/_ping", "anybody")
def _ping(_call: Call) -> Response:
    return reply(200)


@ENDPOINTS.add("GET", "/v1/health", "anybody")
def _health(call: Call) -> Response:
    ruby.take(call.core.web_memory())
    state = schema.state(call.core.db, call.core.release.version)
    database: dict[str, Any] = {"msg": _DATABASE_WORDS[state], "success": state is State.READY}
    registry = _registry_health(call.core) if state is State.READY else {"msg": "no registry configured", "success": False}
    healthy = database["success"] and registry["success"]
    return reply({"database": database, "registry": registry}, HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)


def _registry_health(core: Core) -> dict[str, Any]:
    registry = core.registry()
    if registry is None:
        return {"msg": "no registry configured", "success": False}
    try:
        reachable = core.client(registry).reachable()
    except RegistryUnreachableError as error:
        return {"msg": str(error), "success": False}
    return {"msg": f"registry is{'' if reachable else ' not'} reachable", "success": reachable}


@ENDPOINTS.add("GET", "/version", "users")
def _version(call: Call) -> Response:
    return reply({"api-versions": ["v1"], "version": call.core.release.version, "software": BANNER})


@ENDPOINTS.add("GET", "/openapi-spec", "anybody")
def _specification(call: Call) -> Response:
    return reply({"swagger": "2.0", "info": {"title": "Portus API", "description": BANNER, "version": call.core.release.version}})
