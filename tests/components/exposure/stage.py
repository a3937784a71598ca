"""A real haproxy from the lab's image between a client and two upstreams that keep what arrives."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

from components.exposure import haproxy
from lab.images.build import build_images
from lab.images.rootfs import Bind, started
from lab.images.servers import LOOPBACK, free_port, listens, wait_ready
from tests.settings import authority

PORTUS, REGISTRY = "portus.example.com", "registry.example.com"
PROXY_LINE = "PROXY TCP4 203.0.113.9 127.0.0.1 50000 443\r\n"


def certificate(name: str, *, issuer: str, hosts: tuple[str, ...] = ()) -> str:
    """Return the certificate of the key called ``name``, signed by that of ``issuer``; a CA's where it names no hosts."""
    return authority.certificate(name, common_name=name, issuer=issuer, signed_by=issuer, hosts=hosts, is_server=bool(hosts))


def private_key(name: str) -> str:
    """Return the key called ``name``."""
    return authority.private(name)


class _QuietServer(ThreadingHTTPServer):
    request_queue_size = 1024
    free: threading.Semaphore

    def process_request_thread(self, *request: Any) -> None:
        with self.free:
            super().process_request_thread(*request)

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that refuses the certificate is the point of some tests."""


@dataclass
class Upstream:
    """A server that answers 200 with its name and keeps each request."""

    name: str
    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    cookies: tuple[str, ...] = ()
    """What it answers as Set-Cookie."""
    threads: int | None = None
    """How many connections it serves at once, each from its TLS handshake on, as Puma does; None for any number."""
    seconds: float = 0.0
    """How long each answer takes."""

    @contextmanager
    def serving(self, folder: Path, chain: str, key: str) -> Iterator[None]:
        """Serve TLS until the block ends."""
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                time.sleep(upstream.seconds)
                digest, length = hashlib.sha256(), int(self.headers.get("Content-Length", 0))
                while length and (part := self.rfile.read(min(length, 1 << 16))):
                    digest.update(part)
                    length -= len(part)
                upstream.seen.append(
                    {"method": self.command, "path": self.path, "headers": self.headers.items(), "digest": digest.hexdigest()}
                )
                body = json.dumps({"upstream": upstream.name}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                for cookie in upstream.cookies:
                    self.send_header("Set-Cookie", cookie)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                pass

        (folder / f"{self.name}.crt").write_text(chain)
        (folder / f"{self.name}.key").write_text(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{self.name}.crt", folder / f"{self.name}.key")
        server = _QuietServer((LOOPBACK, 0), Handler)
        server.free = threading.Semaphore(self.threads or 1000)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@dataclass
class Answer:
    """What a client got."""

    status: int
    headers: dict[str, str]
    upstream: str
    cookies: tuple[str, ...] = ()


@dataclass
class Stage:
    """The front proxy and what stands behind it."""

    portus: Upstream
    registry: Upstream
    ports: dict[str, int]
    authority: Path

    def ask(
        self,
        path: str,
        *,
        host: str = PORTUS,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        body_as_sent: bytes | None = None,
        proxy_line: str = "",
        port: str = "HTTPS",
        sni: str | None = "",
    ) -> Answer:
        """Send one request, its path exactly as given.

        Args:
            sni: the name in the TLS handshake: '' for ``host``, None for none.
        """
        raw = socket.create_connection((LOOPBACK, self.ports[port]), timeout=60)
        raw.sendall(proxy_line.encode())
        secure = "HTTPS" in port
        connection = http.client.HTTPConnection(host, timeout=60)
        context = ssl.create_default_context(cafile=str(self.authority))
        context.check_hostname = sni is not None
        connection.sock = context.wrap_socket(raw, server_hostname=host if sni == "" else sni) if secure else raw
        connection._validate_path = lambda _: None  # type: ignore[attr-defined]  # odd paths are the point
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host, **(headers or {})}.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body if body_as_sent is None else body_as_sent)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        upstream = json.loads(text)["upstream"] if text.startswith(b"{") else ""
        cookies = tuple(value for name, value in answer.getheaders() if name.lower() == "set-cookie")
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, upstream, cookies)

    def last(self) -> dict[str, str]:
        """Return the headers of the request that reached an upstream last, by their names in lower case."""
        request = (self.portus.seen or self.registry.seen)[-1]
        return {name.lower(): value for name, value in request["headers"]}


@contextmanager
def stage(
    folder: Path,
    *,
    one_host: bool = False,
    upstream_hosts: tuple[str, ...] = (PORTUS, REGISTRY),
    upstream_issuer: str = "Intermediate",
    trusted: str = "Root",
    portus: Upstream | None = None,
    **routes: Any,
) -> Iterator[Stage]:
    """Run the front proxy and its upstreams until the block ends.

    Args:
        one_host: whether one name serves both.
        upstream_hosts: in the upstreams' certificate.
        upstream_issuer: who has signed it.
        trusted: the one certificate in ``ca.crt``: ``Root``, or ``Intermediate`` as for a public CA.
        portus: the upstream of that name, where it is a special one.
        routes: of ``haproxy.Routes``.
    """
    intermediate = certificate("Intermediate", issuer="Root")
    authorities = {"Root": certificate("Root", issuer="Root"), "Intermediate": intermediate}
    chain = certificate("server", issuer="Intermediate", hosts=(PORTUS, REGISTRY)) + intermediate
    behind = certificate("behind", issuer=upstream_issuer, hosts=upstream_hosts) + intermediate
    stage = Stage(portus or Upstream("portus"), Upstream("registry"), {}, folder / "root.crt")
    stage.authority.write_text(authorities["Root"])
    with ExitStack() as stack:
        for upstream in (stage.portus, stage.registry):
            stack.enter_context(upstream.serving(folder, behind, private_key("behind")))
        for name in ("HTTPS", "HTTP", "HEALTH", "PROXIED_HTTPS", "PROXIED_HTTP"):
            stage.ports[name] = free_port()
            stack.enter_context(mock.patch.object(haproxy, name, stage.ports[name]))
        values: dict[str, Any] = {
            "host": PORTUS,
            "registry_name": PORTUS if one_host else REGISTRY,
            "public_port": 443,
            "portus": f"{LOOPBACK}:{stage.portus.port}",
            "registry": f"{LOOPBACK}:{stage.registry.port}",
            "shield": True,
        }
        files = {
            f"{haproxy.CONFIGURATION}/haproxy.cfg": haproxy.haproxy_cfg(haproxy.Routes(**(values | routes))),
            haproxy.TRUST: authorities[trusted],
            f"{haproxy.CERTIFICATE}/edge.pem": chain,
            f"{haproxy.CERTIFICATE}/edge.pem.key": private_key("server"),
        }
        binds = []
        for number, (target, text) in enumerate(files.items()):
            source = folder / f"edge-{number}"
            source.write_text(text)
            binds.append(Bind(source=source, target=target, read_only=True))
        (image,) = build_images(["haproxy-lab"])
        log = stack.enter_context((folder / "haproxy.log").open("w+"))
        container = image.container(binds=binds, user="10700:10700", read_only=True)
        running = stack.enter_context(started(container, image.argv, output=log))
        wait_ready("haproxy", running, log, lambda: listens(stage.ports["HEALTH"]))
        yield stage
