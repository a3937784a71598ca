"""The sites of OAuth, asked for what Portus' server asks them: the discovery document of OpenID Connect, else whether they answer.

No login is made: that needs a user at a browser. If Portus' environment has a proxy for the address, the connection uses it.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ops.doctor.facts import Step
from ops.doctor.services.configured import Configured, RefusalError, Server
from ops.kube.http import Answer, Request, exchange

SITES: Final[Mapping[str, tuple[str, ...]]] = {
    "google_oauth2": ("https://www.googleapis.com",),
    "github": ("https://github.com", "https://api.github.com"),
    "bitbucket": ("https://bitbucket.org",),
}
"""From where Portus' server reads who a user is (omniauth-google-oauth2, omniauth-github, lib/omni_auth/strategies/bitbucket.rb)."""
GITLAB: Final = "https://gitlab.com"
DISCOVERY: Final = "/.well-known/openid-configuration"
PORTS: Final = {"http": 80, "https": 443}


def servers(settings: Configured) -> Iterator[Server]:
    """Give every site of a provider that is on."""
    for provider, sites in SITES.items():
        if settings.is_on(f"oauth.{provider}.enabled"):
            yield from (_server(settings, site, _answers) for site in sites)
    if settings.is_on("oauth.gitlab.enabled"):
        yield _server(settings, settings.text("oauth.gitlab.server", GITLAB), _answers)
    if settings.is_on("oauth.open_id.enabled") and (provider := settings.text("oauth.open_id.identifier")):
        yield _server(settings, provider, _answers)
    if settings.is_on("oauth.openid_connect.enabled") and (issuer := settings.text("oauth.openid_connect.issuer")):
        yield _server(settings, issuer, lambda answer: _names_itself(answer, issuer), path=DISCOVERY)


def _server(settings: Configured, address: str, judge: Callable[[Answer], str], path: str = "") -> Server:
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 443)
    proxy = _proxy(settings, parts.scheme, host)

    def talk(end: socket.socket) -> str:
        asked = f"{parts.path.rstrip('/')}{path}" if path else f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        headers = {"Host": parts.netloc, "User-Agent": "portus-doctor"}
        if parts.scheme == "https":
            if proxy:
                _through(end, proxy, f"{host}:{port}")
            end = settings.public_trust().wrap_socket(end, server_hostname=host)
        elif proxy:
            asked, headers = f"http://{parts.netloc}{asked}", {**headers, **_account(proxy)}
        answer = exchange(end, Request(path=asked, host=host, method="GET" if path else "HEAD", headers=headers), None)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RefusalError("answer", f"it answers {answer.status}")
        return judge(answer)

    if proxy:
        return Server(name=f"{address} (by the proxy {proxy.hostname})", host=proxy.hostname or "", port=proxy.port or 80, talk=talk)
    return Server(name=address, host=host, port=port, talk=talk)


def _answers(answer: Answer) -> str:
    return f"it answers {answer.status}"


def _names_itself(answer: Answer, issuer: str) -> str:
    """Return what shows that the discovery document is the issuer's.

    Raises:
        RefusalError: it is not: Portus' library compares the texts.
    """
    if answer.status != HTTPStatus.OK:
        raise RefusalError("answer", f"it answers {answer.status} for {DISCOVERY}, not 200")
    try:
        named = json.loads(answer.body)["issuer"]
    except (ValueError, KeyError, TypeError) as error:
        raise RefusalError("answer", f"what it answers for {DISCOVERY} is not a discovery document") from error
    if named != issuer:
        raise RefusalError("answer", f"it calls itself '{named}', and the stack file '{issuer}'")
    return "its discovery document names it"


def _proxy(settings: Configured, scheme: str, host: str) -> SplitResult | None:
    """Return the proxy by which Portus reaches ``host``; None for none."""
    environment = {name.lower(): value for name, value in settings.pod.variables.items()}
    proxy, without = environment.get(f"{scheme}_proxy", ""), environment.get("no_proxy", "")
    entries = [entry.strip().removeprefix("*").removeprefix(".") for entry in without.lower().split(",")]
    if not proxy or any(entry and (host == entry or host.endswith(f".{entry}")) for entry in entries):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _account(proxy: SplitResult) -> Mapping[str, str]:
    if not proxy.username:
        return {}
    account = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(account.encode()).decode()}"}


def _through(end: socket.socket, proxy: SplitResult, server: str) -> None:
    """Have the proxy open the way to a server.

    Raises:
        RefusalError: it does not.
    """
    headers = {"Host": server, **_account(proxy)}
    lines = [f"CONNECT {server} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    end.sendall("\r\n".join(lines).encode())
    response = http.client.HTTPResponse(end, method="CONNECT")
    response.begin()
    if response.status != HTTPStatus.OK:
        step: Step = "login" if response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED else "answer"
        raise RefusalError(step, f"the proxy {proxy.hostname} answers {response.status} {response.reason}".strip())
