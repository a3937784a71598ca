"""The web application: what each path leads to, and how an unhandled error looks there."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pymysql
from werkzeug.wrappers import Request, Response

from . import BANNER, api, events, log, login, sessions, tokens
from .core import Core
from .database import Row
from .errors import ApplicationError
from .pages import Pages
from .tokens import Scope, ScopeNotHandledError, granted, merge, parse, requested

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_FAILURE: Final = (
    "500 Internal Server Error\nIf you are the administrator of this website, then please read this web application's log file "
    "and/or the web server's log file to find out what went wrong."
)
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Application"'}
_JSON: Final = "application/json"
_JSON_UTF8: Final = "application/json; charset=utf-8"


class Web:
    """The WSGI application of one process."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pages = Pages(core)
        self._api = api.Api(core)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        response = self._answer(request)
        response.headers["Server"] = BANNER
        log.say(f'"{request.method} {request.path}" {response.status_code}')
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        path = request.path.rstrip("/") or "/"
        try:
            if path == "/api" or path.startswith("/api/"):
                return self._api.answer(request, method, path.removeprefix("/api"))
            routes = {
                ("GET", "/v2"): self._ping,
                ("GET", "/v2/token"): self._token,
                ("POST", "/v2/webhooks/events"): self._events,
            }
            route = routes.get((method, path))
            return route(request) if route is not None else self._pages.answer(request, method, path)
        except ApplicationError as error:
            log.say(f"{error}:", level="fatal")
        except pymysql.MySQLError as error:
            log.say(f"ActiveRecord::StatementInvalid (Mysql2::Error {error.args[0] if error.args else ''}):", level="fatal")
        except Exception:  # noqa: BLE001 - whatever an odd request leads to is one failed request, as with any web application
            log.say(traceback.format_exc(), level="fatal")
        return Response(_FAILURE, 500, content_type="text/plain")

    def _ping(self, request: Request) -> Response:
        result = self._login(request, with_tokens=False)
        if result.user is None:
            return _denied(result.error or login.NOT_SIGNED_IN)
        return self._with_session(Response("", 200, content_type=_JSON), None)

    def _events(self, request: Request) -> Response:
        events.receive(self._core, request.get_data())
        return Response("", 202, content_type=_JSON)

    def _token(self, request: Request) -> Response:
        """Answer the token request: a wrong login is challenged, an unreadable scope denied, an unknown service gets no access."""
        result = self._login(request, with_tokens=True)
        if result.error is not None:
            response = _denied(result.error)
            return self._with_session(response, None) if result.by_token else response
        service = _last(request, "service")
        registry = self._core.registry_by_host(service, external=self._core.release.service_by_external_hostname)
        try:
            access = [] if registry is None else self._access(registry, result.user, request.query_string.decode("latin-1"))
        except ScopeNotHandledError as error:
            log.say(f"Denied access on these grounds: {error}")
            response = Response("", 401, content_type=_JSON)
        else:
            response = self._signed(_last(request, "account"), service, access)
        if result.user is None:
            return response
        return self._with_session(response, result.user["id"] if result.by_token else None)

    def _signed(self, account: str | None, service: str | None, access: list[dict[str, Any]] | None) -> Response:
        minutes = self._core.settings.number("registry.jwt_expiration_time.value")
        issuer = self._core.settings.value("machine_fqdn.value")
        content = tokens.claims(issuer=issuer, account=account, service=service, minutes=minutes, access=access)
        body = {
            "token": tokens.sign(content, tokens.load_key(self._core.secrets.key_path)),
            "expires_in": minutes * 60,
            "issued_at": datetime.fromtimestamp(content["iat"], UTC).isoformat(),
        }
        return Response(json.dumps(body), 200, content_type=_JSON_UTF8)

    def _access(self, registry: Row, user: Row | None, query: str) -> list[dict[str, Any]] | None:
        scopes = requested(query)
        if not scopes:
            return None
        found: list[tuple[Scope, list[str]]] = []
        for text in scopes:
            if text is None:
                raise ApplicationError("NoMethodError", "undefined method `split' for nil:NilClass")
            scope = parse(text)
            found.append((scope, granted(scope, self._judge(registry, user, scope))))
        return merge(found)

    def _judge(self, registry: Row, user: Row | None, scope: Scope) -> Any:
        if scope.kind == "registry":
            return lambda _action: user is not None and bool(user["admin"])
        namespace = self._core.namespace(registry["id"], scope.namespace)
        if namespace is None and not self._core.release.unknown_namespace_is_private:
            return lambda _action: False
        return self._core.policy(user, namespace).allows

    def _login(self, request: Request, *, with_tokens: bool) -> login.Login:
        header = request.headers.get("Authorization")
        if header is None:
            return login.Login(user=sessions.user(self._core.db, self._core.secrets.key_base, request), by_token=True)
        account = _last(request, "account")
        return login.authenticate(self._core, header, request.remote_addr or "", tokens=with_tokens, account=account)

    def _with_session(self, response: Response, user_id: int | None) -> Response:
        cookie = sessions.make(self._core.secrets.key_base, user_id)
        response.headers.add("Set-Cookie", f"{sessions.COOKIE}={cookie}; path=/; HttpOnly")
        return response


def _denied(message: str) -> Response:
    return Response(json.dumps({"error": message}), 401, content_type=_JSON_UTF8, headers=_CHALLENGE)


def _last(request: Request, name: str) -> str | None:
    values = request.args.getlist(name)
    return values[-1] if values else None
