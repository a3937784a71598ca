"""The HTTP servers: one on 3000 for Puma's images, 80 and 443 for Apache's."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import socket
import ssl
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pymysql
from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server

from . import BANNER, log, registries, users
from .config import typed
from .core import Core
from .errors import ApplicationError, InvalidRecordError
from .web import Web

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

APACHE_THREADS: Final = 10
HANDSHAKE: Final = b"\x16"
"""A TLS record's first byte, where it opens a connection."""
SHUTDOWN_SECONDS: Final = 30
"""How long Puma lets what is under way come to its end."""
_CERTIFICATE: Final = "/certificates/portus-ca.crt"
_EVENTS_PREFIX: Final = "/v2/webhooks/events"


def run(core: Core) -> int:
    """Serve until a signal; return the exit code (the process ends by the signal itself)."""
    log.say(BANNER)
    _prepare(core)
    web = Web(core)
    servers = _apache(core, web) if core.release.server == "apache" else [_puma(core, web)]
    for server in servers:
        server.prepare()
    pid = os.getpid()
    stops: queue.SimpleQueue[int] = queue.SimpleQueue()  # an Event's lock may be held by the very thread that a signal interrupts
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stops.put(received))
    for server in servers:
        threading.Thread(target=server.serve, daemon=True).start()
        log.say(f"* Listening on {server.bind_addr}", tag=str(pid))
    stops.get()
    log.say("- Gracefully shutting down workers...", tag=str(pid))
    for server in servers:
        server.stop()
    log.say("- Goodbye!", tag=str(pid))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(pid, signal.SIGTERM)
    return 0


def _prepare(core: Core) -> None:
    """Do what the application's initializers do with the database; a failure is a line in the log, no more."""
    try:
        hidden = users.by_name(core.db, users.HIDDEN_USER)
        if hidden is None:
            return
        if core.release.portus_password_follows and not users.matches(core.secrets.portus_password, hidden["encrypted_password"]):
            core.db.update("users", hidden["id"], encrypted_password=users.digest(core.secrets.portus_password))
        hostname = core.environ.get("PORTUS_INIT_REGISTRY_HOSTNAME", "").strip()
        use_ssl = core.environ.get("PORTUS_INIT_REGISTRY_USE_SSL", "").strip()
        if core.release.rest_api and hostname and use_ssl and core.registry() is None:
            name = core.environ.get("PORTUS_INIT_REGISTRY_NAME", "registry")
            registries.create(core, {"name": name, "hostname": hostname, "use_ssl": typed(use_ssl) not in (False, 0)})
            log.say(f"Registry created: {name} {hostname}", tag="registry")
    except (InvalidRecordError, ApplicationError, OSError, pymysql.MySQLError) as error:
        log.say(f"{error}", tag="registry", level="warn")


def _puma(core: Core, web: Web) -> Server:
    host, _, port = core.environ.get("PORTUS_PUMA_HOST", "0.0.0.0:3000").rpartition(":")
    key = core.environ.get("PORTUS_PUMA_TLS_KEY")
    workers, threads = core.puma()
    tls = Tls(core.environ.get("PORTUS_PUMA_TLS_CERT", ""), key, silent_seconds=core.release.silent_seconds) if key else None
    return _server((host, int(port)), web, tls, workers * threads)


def _apache(core: Core, web: Web) -> list[Server]:
    plain_port = int(core.environ.get("PORTUS_DOUBLE_PLAIN_PORT", "80"))
    tls_port = int(core.environ.get("PORTUS_DOUBLE_TLS_PORT", "443"))
    certificate = core.environ.get("PORTUS_DOUBLE_CERTIFICATE", _CERTIFICATE)
    for path in (certificate, core.secrets.key_path):
        if not Path(path).is_file():
            raise ApplicationError("SSLCertificateFile", f"file '{path}' does not exist or is empty")
    name = core.environ.get("SERVER_NAME", "localhost")
    return [
        _server(("0.0.0.0", plain_port), PlainPort(web, name), None, APACHE_THREADS),  # noqa: S104 - a container serves all its addresses
        _server(("0.0.0.0", tls_port), web, Tls(certificate, core.secrets.key_path, silent_seconds=0), APACHE_THREADS),  # noqa: S104
    ]


def _server(address: tuple[str, int], application: WSGIApplication, tls: Tls | None, threads: int) -> Server:
    server = Server(address, application, numthreads=threads)
    server.shutdown_timeout = SHUTDOWN_SECONDS
    if tls is not None:
        server.ssl_adapter = tls
        server.ConnectionClass = TlsConnection
    return server


class Tls(BuiltinSSLAdapter):
    """Leaves the handshake to the thread that answers: cheroot's own, in the one that accepts, has all clients wait for a silent one.

    Args:
        silent_seconds: as in `Release`.
    """

    def __init__(self, certificate: str, key: str, *, silent_seconds: float | None) -> None:
        super().__init__(certificate, key)
        self.silent_seconds = silent_seconds

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        """Return the socket before its handshake, and what the application learns of it."""
        end = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return end, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class TlsConnection(HTTPConnection):
    """A connection that begins with a handshake.

    Before its first byte it holds no thread, as with Puma's reactor; one that then speaks without TLS gets no answer and keeps its thread.
    """

    def communicate(self) -> bool:
        """Answer a request; return whether the connection stays."""
        try:
            if self.socket.version() is None:
                if not select.select([self.socket], [], [], 0)[0]:
                    return True
                # Not by the socket's own method: one with TLS does not peek.
                if (first := socket.socket.recv(self.socket, 1, socket.MSG_PEEK)) != HANDSHAKE:
                    self._keep_waiting(said_something=bool(first))
                    return False
                self.socket.do_handshake()
        except OSError as error:
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
                log.say(f"SSL error, peer: {self.remote_addr}: {error}", level="warn")
            return False
        return bool(super().communicate())  # type: ignore[no-untyped-call]

    def _keep_waiting(self, *, said_something: bool) -> None:
        seconds = self.server.ssl_adapter.silent_seconds
        if not said_something or seconds == 0:
            return
        socket.socket.settimeout(self.socket, seconds)
        with contextlib.suppress(OSError):
            while socket.socket.recv(self.socket, 4096):
                pass


class PlainPort:
    """Port 80 of the Apache images: everything goes to the start page over HTTPS, its path lost, but the registry's events."""

    def __init__(self, web: WSGIApplication, name: str) -> None:
        self._web = web
        self._name = name

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("PATH_INFO", "").startswith(_EVENTS_PREFIX):
            return self._web(environ, start_response)
        host = (environ.get("HTTP_HOST") or self._name).split(":")[0]
        start_response("302 Found", [("Location", f"https://{host}/"), ("Content-Type", "text/html; charset=iso-8859-1")])
        return [b""]
