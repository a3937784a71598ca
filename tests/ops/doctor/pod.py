"""A Pod of Portus on this machine: its commands run here, with the same bash, and its connections begin here."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ops.doctor.facts import Contact, Pod
from ops.doctor.services import questions
from ops.kube.http import NotChecked
from tests.ops.doctor import stage
from tests.ops.doctor.stage import healthy

HOST = "localhost"
"""Name of every server of these tests."""
SECRET = "pA55-word-of-the-account"


@dataclass
class LocalPods:
    """Runs a Pod's commands on this machine; notes every word of them.

    Args:
        files: of the image.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def run(self, _: str, command: Sequence[str]) -> tuple[int, str]:
        self.words += command
        if command[0] == "cat":
            return (0, self.files[command[1]]) if command[1] in self.files else (1, "no such file")
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout

    def session(self, _: str, command: Sequence[str], *, stdin: bool) -> Session:
        assert stdin
        self.words += command
        return Session(command)


class Session:
    """A command as the cluster's client gives it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._output, self._open = b"", True

    def is_open(self) -> bool:
        return self._open

    def update(self, timeout: float) -> None:
        assert self._process.stdout
        if select.select([self._process.stdout], [], [], timeout)[0]:
            data = os.read(self._process.stdout.fileno(), 65536)
            self._output, self._open = self._output + data, bool(data)

    def peek_stdout(self, timeout: float) -> bytes:
        del timeout
        return self._output

    def read_stdout(self, timeout: float) -> bytes:
        found, self._output = self.peek_stdout(timeout), b""
        return found

    def write_stdin(self, data: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def close(self) -> None:
        """End its input, as the cluster does, and no more: a command that goes on stays in the Pod."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait(2)
        assert self._process.stdout.read() is not None, "nothing holds the output open"
        self._process.stdout.close()


def ask(settings: Mapping[str, Any], *, version: str = "2.5", trust: str = "", pods: LocalPods | None = None) -> list[Contact | NotChecked]:
    """Return what a Portus with these settings gets from the servers that they turn on.

    Args:
        settings: path -> value, such as ``ldap.enabled``.
        trust: PEM in /certificates.
    """
    variables = {f"PORTUS_{path.replace('.', '_').upper()}" if "." in path else path: str(value) for path, value in settings.items()}
    web = Pod(name="portus-0", ready=True, variables=variables, files={"/certificates/own.crt": trust} if trust else {})
    workloads = stage.workloads() | {"web": stage.workload("web", variables=web.variables, files=web.files)}
    before = healthy(workloads=workloads)
    snapshot = dataclasses.replace(before, expected=dataclasses.replace(before.expected, portus_version=version))
    return [asked() for _, asked in questions(pods or LocalPods(), snapshot)]  # type: ignore[arg-type]


def only(settings: Mapping[str, Any], **named: Any) -> Contact:
    """Return what it gets from the one server that its settings turn on."""
    (found,) = ask(settings, **named)
    assert isinstance(found, Contact), found
    return found


@contextmanager
def serving(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Give the port of a server that gives each connection to ``handle``."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                handle(self.request)
            except (OSError, ValueError):
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def authority() -> str:
    """Return the certificate of `HOST`, which is its own authority."""
    return stage.certificate(HOST, days=9)[0]


def server_tls() -> ssl.SSLContext:
    """Return the TLS of a server of that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write("".join(stage.certificate(HOST, days=9)))
        file.flush()
        context.load_cert_chain(file.name)
    return context
