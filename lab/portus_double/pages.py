"""The few pages a deployment meets: login, first sign-up, explore, errors, and the check that decides about HTTPS for all.

They hold the genuine pages' words without their forms; this is a test part, and each says so.
"""

from __future__ import annotations

from html import escape
from typing import Final

from werkzeug.wrappers import Request, Response

from . import BANNER, login, sessions, users
from .core import Core
from .database import Row

_HTML: Final = "text/html; charset=utf-8"
_CLOSE: Final = "<button>&times;</button><button>Close</button>"
_NOT_FOUND: Final = "Oh no! Page not found! The page you are looking for does not exist."
_UNPROCESSABLE: Final = (
    "Oh no! Unprocessable Entity The given resource was well-formatted but it was semantically incorrect. "
    "Maybe you tried to change something you did not have access to."
)
_UNAUTHORIZED: Final = (
    "Oh no! Unauthorized! You are not authorized to access this page. If you are sure that you should have access to this page, "
    "contact the administrator of this Portus instance."
)
_NEEDS_SSL: Final = (
    "Oh no! Something's wrong with our lighthouse. Please review your configuration SSL For security reasons you need to use SSL. "
    "SSL is not configured, please review your server configuration."
)
_PROTECTED: Final = ("/namespaces", "/teams", "/repositories", "/admin", "/dashboard", "/search", "/help", "/tags")


class Pages:
    """The pages of one process, which remembers what the first request for one of them looked like."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._wrong: bool | None = None

    def answer(self, request: Request, method: str, path: str) -> Response:
        """Answer a request for a page."""
        outside = {("GET", "/500"): self._error, ("GET", "/explore"): self._explore}
        if (method, path) in outside:
            return outside[method, path](request)
        if not (path in _OPEN or path.startswith(_PROTECTED)) or method not in {"GET", "POST"}:
            return _without_session(self._page(_NOT_FOUND, 404))
        if method == "POST":
            # Every form needs the token that its page carries; these pages carry none.
            return _without_session(self._page(_UNPROCESSABLE, 422))
        if self._fix(request):
            return _without_session(self._redirect(request, "/500?fixes=true"))
        return self._protected(request, path) if path.startswith(_PROTECTED) else _OPEN[path](self, request)

    def _error(self, request: Request) -> Response:
        explained = "fixes" in request.args and self._fix(request)
        return self._page(_NEEDS_SSL if explained else "Oh no! Something's wrong with our lighthouse.", 500)

    def _fix(self, request: Request) -> bool:
        """Return whether everybody is sent to the error page: the first request for a page decides, until the next start."""
        if self._wrong is None:
            plain = scheme(request) != "https" and self._core.settings.enabled("check_ssl_usage")
            self._wrong = plain or not str(self._core.settings.value("machine_fqdn.value") or "").strip()
        return self._wrong

    def _user(self, request: Request) -> Row | None:
        return login.from_token_header(self._core.db, request.headers)

    def _protected(self, request: Request, path: str) -> Response:
        user = self._user(request)
        if user is None:
            return self._redirect(request, "/users/sign_in")
        if path.startswith("/admin") and not user["admin"]:
            return self._page(_UNAUTHORIZED, 401)
        if path.startswith("/teams"):
            self._core.require_teams()
        return self._page(f"{_CLOSE} {escape(path.strip('/').capitalize())}", 200)

    def _sign_in(self, request: Request) -> Response:
        settings = self._core.settings
        if settings.enabled("signup") and not users.any_but_hidden(self._core.db):
            return self._redirect(request, "/users/sign_up")
        notice = ""
        user = self._user(request)
        if user is not None and user["admin"] and self._core.registry() is None:
            notice = f"{_CLOSE} No registry found. Click <a href='/admin/registries/new'>here</a> to complete configuration. "
        links = ["Create a new account"] if settings.enabled("signup") else []
        links += ["Explore"] if settings.enabled("anonymous_browsing") else []
        return self._page(f"{notice}{_CLOSE} Login {' '.join([*links, 'I forgot my password'])}", 200)

    def _sign_up(self, request: Request) -> Response:
        if not self._core.settings.enabled("signup"):
            return _without_session(self._redirect(request, "/users/sign_in"))
        has_admin = self._core.db.row("SELECT id FROM users WHERE admin = 1 AND enabled = 1 AND username <> %s LIMIT 1", users.HIDDEN_USER)
        first = has_admin is None and self._core.settings.enabled("first_user_admin")
        text = f"{_CLOSE} {'Create admin' if first else 'Create account'}"
        if users.any_but_hidden(self._core.db):
            text += " I already have an account. Login."
        return self._page(text, 200)

    def _explore(self, request: Request) -> Response:
        if not self._core.settings.enabled("anonymous_browsing"):
            return _without_session(self._redirect(request, "/"))
        return self._page(f"{_CLOSE} Go back to the login page Search", 200)

    def _page(self, text: str, status: int) -> Response:
        html = (
            f'<!DOCTYPE html>\n<html><head><title>Portus</title><meta name="generator" content="{BANNER}"></head><body>{text}</body></html>'
        )
        return self._with_session(Response(html, status, content_type=_HTML))

    def _redirect(self, request: Request, target: str) -> Response:
        location = f"{scheme(request)}://{host(request)}{target}"
        html = f'<html><body>You are being <a href="{escape(location)}">redirected</a>.</body></html>'
        return self._with_session(Response(html, 302, content_type=_HTML, headers={"Location": location}))

    def _with_session(self, response: Response) -> Response:
        cookie = sessions.make(self._core.secrets.key_base, None)
        response.headers.add("Set-Cookie", f"{sessions.COOKIE}={cookie}; path=/; HttpOnly")
        return response


_OPEN: Final = {"/": Pages._sign_in, "/users/sign_in": Pages._sign_in, "/users/sign_up": Pages._sign_up}  # noqa: SLF001 - its own methods


def _without_session(response: Response) -> Response:
    response.headers.remove("Set-Cookie")
    return response


def scheme(request: Request) -> str:
    """Return http or https as Rack decides it: a TLS connection, else what the proxy's headers say."""
    headers = request.headers
    if request.scheme == "https" or headers.get("X-Forwarded-Ssl") == "on":
        return "https"
    named = headers.get("X-Forwarded-Scheme") or headers.get("X-Forwarded-Proto", "").split(",")[0].strip()
    return "https" if named == "https" else "http"


def host(request: Request) -> str:
    """Return the host the client named, the proxy's word first."""
    return request.headers.get("X-Forwarded-Host", "").split(",")[-1].strip() or request.headers.get("Host", "")
