"""Ways to a Pod's ports and into its containers that need no tool of its image: the API's port-forward and exec."""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubernetes import client, config
from kubernetes.stream import portforward, stream
from kubernetes.stream.ws_client import WSClient

from ops.doctor.facts import Reply, Silent, Unseen
from ops.kube.http import SECONDS, Request, exchange, saying, trusting, unverified

GREETING_SECONDS: Final = 0.5
MESSAGE: Final = re.compile(r'"message": ?"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, kw_only=True, slots=True)
class Wire:
    """The way to the Pods of one namespace."""

    kubeconfig: Path
    context: str | None
    namespace: str

    def api(self) -> client.CoreV1Api:
        """Return a client of its own: a stream changes the one that it runs on."""
        return client.CoreV1Api(config.new_client_from_config(str(self.kubeconfig), self.context))  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def connection(self, pod: str, port: int, seconds: float = SECONDS, *, greets: bool = False) -> Iterator[socket.socket]:
        """Give a connection to a port of ``pod``.

        Args:
            greets: whether the server speaks first.

        Raises:
            client.ApiException: the cluster refuses it.
        """
        forward = portforward(self.api().connect_get_namespaced_pod_portforward, pod, self.namespace, ports=str(port))
        end = forward.socket(port)
        try:
            end.setblocking(True)  # noqa: FBT003 - the socket's own signature
            end.settimeout(seconds)
            if greets and not select.select([end], [], [], GREETING_SECONDS)[0]:
                # A greeting that came along with the handshake lies in the client's TLS buffer, where it waits for a next frame for ever.
                forward.websocket.ping()
            yield end
        finally:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            forward.close()

    def ask(self, pod: str, port: int, request: Request) -> Reply:
        """Return what ``pod`` answers; its certificate is noted and not judged."""
        with _told(request.seconds) as told, self.connection(pod, port, request.seconds) as plain:
            end = plain if request.plain else unverified().wrap_socket(plain, server_hostname=request.host)
            leaf = end.getpeercert(binary_form=True) if isinstance(end, ssl.SSLSocket) else None
            return exchange(end, request, leaf)
        return told[0]

    def refusal(self, pod: str, port: int, host: str, trust: str, *, system: bool) -> str | Unseen:
        """Return why a client that trusts ``trust`` (and public CAs where ``system``) refuses the server as ``host``; '' if it does not.

        A server that does not answer was not judged.
        """
        context = trusting(trust, system=system)
        if isinstance(context, Silent):
            return context.reason
        try:
            with _told() as told, self.connection(pod, port) as plain, context.wrap_socket(plain, server_hostname=host):
                return ""
        except ssl.SSLCertVerificationError as error:
            return error.verify_message or str(error)
        return Unseen(told[0].reason)

    def run(self, pod: str, command: Sequence[str], seconds: float = SECONDS) -> tuple[int, str] | Unseen:
        """Return the exit code of ``command`` in ``pod`` and what it said on both streams."""
        with _told() as told:
            session = stream(
                self.api().connect_get_namespaced_pod_exec,
                pod,
                self.namespace,
                command=list(command),
                stderr=True,
                stdout=True,
                stdin=False,
                tty=False,
                _preload_content=False,
            )
            session.run_forever(timeout=seconds)
            if session.is_open():
                session.close()
                return Unseen(f"'{command[0]}' in Pod {pod} takes longer than {seconds:.0f} s")
            return _code(session), f"{session.read_stdout()}{session.read_stderr()}".strip()
        return Unseen(told[0].reason)


def _code(session: WSClient) -> int:
    """Return the exit code of a command.

    Raises:
        client.ApiException: it was never run.
    """
    try:
        return int(session.returncode)
    except (KeyError, ValueError) as error:  # the client takes a refusal for a code
        raise client.ApiException(reason=str(error).partition(": ")[2] or str(error)) from error


@contextlib.contextmanager
def _told(seconds: float = SECONDS) -> Iterator[list[Silent | Unseen]]:
    """Turn what goes wrong on the way into words: the first of the list that is given. A certificate that is refused is the caller's."""
    told: list[Silent | Unseen] = []
    try:
        yield told
    except client.ApiException as error:
        told.append(Unseen(refusal_of(error)))
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, http.client.HTTPException) as error:
        told.append(Silent(saying(error, seconds)))


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep the client's threads from telling the terminal of connections that this side has closed."""
    before = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        name = arguments.thread.name if arguments.thread else ""
        if not (isinstance(arguments.exc_value, OSError) and name.startswith("Kubernetes port forward")):
            before(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def refusal_of(error: client.ApiException) -> str:
    """Return why the cluster opens no way to a Pod, which says nothing about the Pod: no right to it, a node that is away."""
    reason = str(error.reason or error.body or "no reason given").strip()
    found = MESSAGE.search(reason)  # a stream's refusal has no status of its own, only the words of the handshake
    said = found.group(1).replace('\\"', '"') if found else reason.partition(" -+-+- ")[0]
    return f"the cluster opens no way to the Pod: {said[:300]}"
