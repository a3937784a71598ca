"""The client by which the application asks a registry: with the hidden user's token, and with the genuine one's limits.

It splits ``WWW-Authenticate`` at ``,`` and ``=``, accepts only the docker v2 manifest, and trusts what OpenSSL's default places
(``SSL_CERT_FILE``, ``SSL_CERT_DIR``, the system's store) trust.
"""

from __future__ import annotations

import base64
import errno
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urljoin, urlsplit

from . import log, ruby
from .config import Settings
from .errors import ApplicationError, CatalogError, RegistryAnswerError, RegistryUnreachableError, no_method

MANIFEST_V2: Final = "application/vnd.docker.distribution.manifest.v2+json"
_NO_REGISTRY: Final = "Error: registry does not implement v2 of the API."
_OK, _NOT_FOUND, _UNAUTHORIZED = 200, 404, 401


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Manifest:
    """What the application keeps of a manifest: the image's id, its digest, its size, and its content."""

    image_id: str | None
    digest: str | None
    size: int | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


class RegistryClient:
    """Asks one registry.

    Args:
        host: ``host:port`` as the registry's record has it.
        password: the hidden user's.
    """

    def __init__(self, settings: Settings, host: str, *, use_ssl: bool, password: str) -> None:
        self._base = f"http{'s' if use_ssl else ''}://{host}/v2/"
        self._password = password
        self._token: str | None = None
        self._page_size = settings.value("registry.catalog_page.value")
        self._timeouts = (settings.number("registry.timeout.value"), settings.number("registry.read_timeout.value"))

    def problem(self) -> str:
        """Return why the registry cannot be used, "" if it can: it must answer ``/v2/`` with the API's header and 200 or 401.

        Raises:
            ApplicationError: the host cannot even be made into an address.
        """
        try:
            return "" if self.reachable() else _NO_REGISTRY
        except RegistryUnreachableError as error:
            return str(error)

    def reachable(self) -> bool:
        """Return whether a registry answers there.

        Raises:
            RegistryUnreachableError: no server answers.
        """
        answer = self._ask("/v2/", login=False)
        return "docker-distribution-api-version" in answer.headers and answer.status in {_OK, _UNAUTHORIZED}

    def manifest(self, repository: str, reference: str, *, with_size: bool) -> Manifest:
        """Fetch a manifest.

        Raises:
            RegistryUnreachableError, RegistryAnswerError: as they say.
            ApplicationError: the size of something without a config (a manifest list) was wanted.
        """
        answer = self._ask(f"{repository}/manifests/{reference}")
        if answer.status != _OK:
            raise RegistryAnswerError(f"Something went wrong while fetching manifest for {repository}:{reference}:[{answer.status}]")
        content = json.loads(answer.body)
        image = (content.get("config") or {}).get("digest")
        size = _size(content) if with_size else None
        return Manifest(
            image.split(":")[-1] if isinstance(image, str) else None, answer.headers.get("docker-content-digest"), size, content
        )

    def catalog(self) -> list[tuple[str, list[str] | None]]:
        """Return every repository with its tags; None for tags that could not be listed.

        Raises:
            RegistryUnreachableError, RegistryAnswerError: survivable.
            CatalogError: the list itself was refused.
        """
        found: list[tuple[str, list[str] | None]] = []
        for name in self._pages("_catalog", "repositories"):
            try:
                found.append((name, self.tags(name)))
            except (RegistryUnreachableError, RegistryAnswerError, CatalogError) as error:
                log.say(f"Could not get tags for repo: {name}: {error}.", level="debug")
                found.append((name, None))
        return found

    def tags(self, repository: str) -> list[str]:
        """Return a repository's tags.

        Raises:
            RegistryUnreachableError, RegistryAnswerError, CatalogError: as they say.
        """
        return self._pages(f"{repository}/tags/list", "tags")

    def _pages(self, path: str, key: str) -> list[str]:
        found: list[str] = []
        link = f"{path}?n={self._page_size}"
        while link:
            answer = self._ask(link)
            if answer.status == _NOT_FOUND:
                raise RegistryAnswerError(f"Code: {answer.status}")
            if answer.status != _OK:
                raise CatalogError(f"Something went wrong while fetching the catalog Response: [{answer.status}]")
            found += json.loads(answer.body).get(key) or []
            link = answer.headers.get("link", "").split(";")[0].strip().strip("<>")
        return found

    def _ask(self, path: str, *, login: bool = True) -> Answer:
        headers = {"Accept": MANIFEST_V2, "User-Agent": "Ruby"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        url = urljoin(self._base, path)
        try:
            answer = _fetch(url, headers, self._timeouts)
            if answer.status == _UNAUTHORIZED and login:
                self._token = self._fetch_token(answer)
                return self._ask(path, login=False)
        except OSError as error:
            raise RegistryUnreachableError(_net_error(error)) from error
        except http.client.HTTPException as error:
            raise RegistryUnreachableError(_BAD_ANSWER) from error
        return answer

    def _fetch_token(self, answer: Answer) -> str:
        challenge = dict(part.split("=", 1) for part in answer.headers.get("www-authenticate", "").split(",") if part.count("=") == 1)
        given = {name.strip() if name.startswith("Bearer") else name: value.strip('"') for name, value in challenge.items()}
        if "Bearer realm" not in given:
            raise RegistryAnswerError("Cannot find bearer realm")
        query = {"account": "portus", "scope": given.get("scope"), "service": given.get("service")}
        pairs = "&".join(f"{name}={quote_plus(value)}" for name, value in query.items() if value is not None)
        basic = base64.b64encode(f"portus:{self._password}".encode()).decode()
        token = _fetch(f"{given['Bearer realm']}?{pairs}", {"Authorization": f"Basic {basic}"}, self._timeouts)
        if token.status != _OK:
            raise RegistryAnswerError(f"Cannot obtain authorization token: {token.status}")
        return str(json.loads(token.body)["token"])


def _size(content: Mapping[str, Any]) -> int:
    config = content.get("config")
    if config is None:
        raise no_method("[]")
    return int(config["size"]) + sum(int(layer["size"]) for layer in content.get("layers") or [])


def _fetch(url: str, headers: Mapping[str, str], timeouts: tuple[int, int]) -> Answer:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ApplicationError("URI::InvalidURIError", f'bad URI(is not URI?): "{url}"') from error
    if any(character.isspace() for character in url):
        raise ApplicationError("URI::InvalidURIError", f'bad URI(is not URI?): "{url}"')
    if not host:
        raise ApplicationError("ArgumentError", "no host component for URI")
    open_timeout, read_timeout = timeouts
    connection = (
        http.client.HTTPSConnection(host, port or 443, timeout=open_timeout, context=_trust())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port or 80, timeout=open_timeout)
    )
    try:
        try:
            connection.connect()
        except TimeoutError as error:
            raise TimeoutError(_OPEN_TIMEOUT) from error
        connection.sock.settimeout(read_timeout or None)
        connection.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", headers=dict(headers))
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def _trust() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ruby.trust_defaults(context)
    return context


_OPEN_TIMEOUT: Final = "open"
_BAD_ANSWER: Final = "Net::HTTPBadResponse: could not stablish connection: SSL error"


def _net_error(error: OSError) -> str:
    """Return the user's message for a failed connection, in the genuine words (spelling included)."""
    if isinstance(error, ssl.SSLError):
        return "OpenSSL::SSL::SSLError: could not stablish connection: SSL error"
    if isinstance(error, http.client.RemoteDisconnected):
        return "EOFError: "
    if isinstance(error, socket.gaierror):
        return "SocketError: connection refused"
    if isinstance(error, TimeoutError):
        return "Net::OpenTimeout: connection timed out" if error.args == (_OPEN_TIMEOUT,) else "Net::ReadTimeout: "
    known = {
        errno.ECONNREFUSED: "Errno::ECONNREFUSED: connection refused",
        errno.EHOSTUNREACH: "Errno::EHOSTUNREACH: connection refused",
        errno.ECONNRESET: "Errno::ECONNRESET: connection reset",
        errno.ETIMEDOUT: "Errno::ETIMEDOUT: connection timed out",
    }
    if error.errno in known:
        return known[error.errno]
    raise ApplicationError(f"Errno::{errno.errorcode.get(error.errno or 0, 'EIO')}", f"Failed to open TCP connection ({error.strerror})")
