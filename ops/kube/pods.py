"""Pods: found, and reached by the API's port-forward and exec, which need no tool of their images."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kubernetes.client import ApiException
from kubernetes.stream import portforward, stream
from urllib3.exceptions import HTTPError

from ops.errors import OpsError
from ops.kube.client import EVENT, POD, Kube, Object
from ops.kube.errors import no_way_to_pod
from ops.kube.http import SECONDS, NoAnswer, NotChecked, Reply, Request, exchange, saying, trusting, unverified
from ops.kube.status import SHOWN_PODS, is_ready, label_selector, newest_warnings

GREETING_SECONDS: Final = 0.5


class NeverEndedError(OpsError):
    """A command took longer than it may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What a command gave."""

    code: int
    output: str
    errors: str = ""

    @property
    def text(self) -> str:
        """What it printed on both streams."""
        return f"{self.output}{self.errors}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pods:
    """The way to the Pods of one namespace."""

    kube: Kube
    namespace: str

    @contextlib.contextmanager
    def connection(self, pod: str, port: int, seconds: float = SECONDS, *, greets: bool = False) -> Iterator[socket.socket]:
        """Give a connection to a port of ``pod``.

        Args:
            greets: whether the server speaks first.

        Raises:
            ApiException: the cluster refuses it.
        """
        forward = portforward(self.kube.core().connect_get_namespaced_pod_portforward, pod, self.namespace, ports=str(port))
        end = forward.socket(port)
        try:
            end.setblocking(True)  # noqa: FBT003 - the socket's own signature
            end.settimeout(seconds)
            if greets and not select.select([end], [], [], GREETING_SECONDS)[0]:
                # A greeting that came along with the handshake is in the client's TLS buffer, where it waits for a next frame without end.
                forward.websocket.ping()
            yield end
        finally:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            forward.close()

    def ask(self, pod: str, port: int, request: Request) -> Reply:
        """Return what ``pod`` answers; its certificate is noted and not judged."""
        with _recorded_failures(request.seconds) as failures, self.connection(pod, port, request.seconds) as plain:
            end = plain if request.plain else unverified().wrap_socket(plain, server_hostname=request.host)
            leaf = end.getpeercert(binary_form=True) if isinstance(end, ssl.SSLSocket) else None
            return exchange(end, request, leaf)
        return failures[0]

    def refusal(self, pod: str, port: int, host: str, trust: str, *, system: bool) -> str | NotChecked:
        """Return why a client that trusts ``trust`` (and public CAs where ``system``) refuses the server as ``host``; '' if it does not.

        A server that does not answer was not judged.
        """
        context = trusting(trust, system=system)
        if isinstance(context, NoAnswer):
            return context.reason
        try:
            with _recorded_failures() as failures, self.connection(pod, port) as plain, context.wrap_socket(plain, server_hostname=host):
                return ""
        except ssl.SSLCertVerificationError as error:
            return error.verify_message or str(error)
        return NotChecked(failures[0].reason)

    def session(self, pod: str, command: Sequence[str], *, stdin: bool = False, container: str = "") -> Any:
        """Return ``command`` as it runs in ``pod``, with bytes and its standard input open where ``stdin``.

        Args:
            container: by default the first.

        Raises:
            ApiException: the cluster refuses to run it.
        """
        return stream(
            self.kube.core().connect_get_namespaced_pod_exec,
            pod,
            self.namespace,
            command=list(command),
            stderr=True,
            stdout=True,
            stdin=stdin,
            tty=False,
            binary=stdin,
            _preload_content=False,
            **({"container": container} if container else {}),
        )

    def execute(self, pod: str, command: Sequence[str], seconds: float) -> Done:
        """Run ``command`` in ``pod`` to its end.

        Raises:
            ApiException: the cluster refuses to run it.
            NeverEndedError: it takes longer than ``seconds``.
        """
        session = self.session(pod, command)
        session.run_forever(timeout=seconds)
        if session.is_open():
            session.close()
            raise NeverEndedError(
                f"'{command[0]}' in Pod {pod} takes longer than {seconds:.0f} s", "repeat this command when the Pod is less busy."
            )
        try:
            code = int(session.returncode)
        except (KeyError, ValueError) as error:  # the client takes a refusal for a code
            raise ApiException(reason=str(error).partition(": ")[2] or str(error)) from error
        return Done(code=code, output=str(session.read_stdout()), errors=str(session.read_stderr()))

    def run(self, pod: str, command: Sequence[str], seconds: float = SECONDS) -> tuple[int, str] | NotChecked:
        """Return the exit code of ``command`` in ``pod`` and what it printed on both streams."""
        with _recorded_failures() as failures:
            try:
                done = self.execute(pod, command, seconds)
            except NeverEndedError as error:
                return NotChecked(error.problem)
            return done.code, done.text
        return NotChecked(failures[0].reason)


def selected(kube: Kube, owner: Object) -> list[dict[str, Any]]:
    """Return the Pods that a workload's selector matches; none when they cannot be listed."""
    selector = label_selector((owner.get("spec") or {}).get("selector") or {})
    if not selector:
        return []
    try:
        return kube.list(POD, owner["metadata"]["namespace"], labels=selector)
    except (ApiException, HTTPError):  # a caller without the right to list Pods still gets the workload's own status
        return []


def warnings(kube: Kube, pods: Sequence[Object]) -> list[str]:
    """Return the newest warnings of Pods that are not ready."""
    lines: list[str] = []
    for pod in [pod for pod in pods if not is_ready(pod)][:SHOWN_PODS]:
        fields = f"involvedObject.name={pod['metadata']['name']},type=Warning"
        with contextlib.suppress(ApiException, HTTPError):
            lines += newest_warnings(pod, kube.list(EVENT, pod["metadata"]["namespace"], fields=fields))
    return lines


@contextlib.contextmanager
def _recorded_failures(seconds: float = SECONDS) -> Iterator[list[NoAnswer | NotChecked]]:
    """Turn an error of the connection into words. The caller judges a certificate that is refused."""
    failures: list[NoAnswer | NotChecked] = []
    try:
        yield failures
    except ApiException as error:
        failures.append(NotChecked(no_way_to_pod(error)))
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, http.client.HTTPException) as error:
        failures.append(NoAnswer(saying(error, seconds)))


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep the client's threads from printing errors about connections that this side has closed."""
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
