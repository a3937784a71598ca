"""What a cluster answers instead of doing what a command asks, as one line: no rights, no answer, a kubeconfig that cannot be used.

The official client is imported only when something went wrong, because it is heavy.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from ops.errors import OpsError
from ops.kube.kubeconfig import AGAIN, ANOTHER

if TYPE_CHECKING:
    from kubernetes import client

SHOWN: Final = 300
"""Characters of a refusal."""

_MESSAGE: Final = re.compile(r'"message": ?"((?:[^"\\]|\\.)*)"')


@contextmanager
def cluster_errors(command: str, rights: str = "") -> Iterator[None]:
    """Turn what a cluster answers to ``command`` inside the block into a `OpsError`.

    Args:
        rights: what the command does in the stack's namespace.
    """
    try:
        yield
    except (OpsError, KeyboardInterrupt):
        raise
    except Exception as error:
        translated = translation(error, command, rights)
        if translated is None:
            raise
        raise translated from error


def translation(error: Exception, command: str = "", rights: str = "") -> OpsError | None:
    """Return the message for the user about ``error``; None where it does not come from a cluster."""
    from kubernetes import client, config  # noqa: PLC0415 - heavy
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - of the client

    from ops.kube.client import UnknownKindError  # noqa: PLC0415 - which needs this module

    if isinstance(error, config.ConfigException):
        return OpsError(f"the kubeconfig cannot be used: {error}", AGAIN)
    if isinstance(error, client.ApiException):
        return refusal(error, command, rights)
    if isinstance(error, HTTPError):
        return no_answer(error, fix="repeat this command when it answers again")
    if isinstance(error, UnknownKindError):
        return OpsError(f"{error}: every Kubernetes API server has it.", OF_THE_API_SERVER)
    return None


def refusal(error: client.ApiException, command: str = "", rights: str = "") -> OpsError:
    """Return the message for the user when the cluster refuses ``command``."""
    problem = f"the cluster refuses: {message_of(error)}"
    if is_login_refused(error):
        return OpsError(problem, f"log in again, because the cluster does not accept the kubeconfig's user; {ANOTHER}")
    if error.status == HTTPStatus.FORBIDDEN or str(HTTPStatus.FORBIDDEN.value) in str(error.reason):
        needed = f"'{command}' needs the rights to {rights}" if rights else "grant its user that right"
        return OpsError(problem, f"{needed}; {ANOTHER}")
    if error.status == HTTPStatus.BAD_REQUEST and "HTTPS server" in problem:
        return OpsError(problem, f"write https:// into the kubeconfig (clusters.cluster.server), {ANOTHER}")
    if (error.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return OpsError(problem, f"repeat this command; if it fails again, look at the log of the API server, {ANOTHER}")
    return OpsError(problem, "repeat this command; if it fails again, find the cause: make doctor STACK=...")


def is_login_refused(error: client.ApiException) -> bool:
    """Whether the cluster does not know the user: the kubeconfig's token or certificate is wrong, too old, or missing."""
    return error.status == HTTPStatus.UNAUTHORIZED or "system:anonymous" in message_of(error)


def message_of(error: client.ApiException) -> str:
    """Return the API server's own sentence; a stream's refusal has it in the words of the handshake."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        plain = body if body and "<" not in body and len(body) < SHOWN else ""
        reason = str(plain or error.reason or "no reason given").strip()
        found = _MESSAGE.search(f"{body} {reason}")
        message = found.group(1).replace('\\"', '"') if found else reason.partition(" -+-+- ")[0]
    return " ".join(message.split())[:SHOWN]


CLOSED: Final = ("Connection aborted", "UNEXPECTED_EOF", "EOF occurred", "reset by peer")
UNREADABLE: Final = ("PEM lib", "NO_CERTIFICATE_OR_CRL_FOUND", "KEY_VALUES_MISMATCH", "NO_START_LINE")
WITHOUT_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
"""Python's words for a connection that failed."""


def cause_of(error: Exception) -> str:
    """Return in one line why there was no answer."""
    reason = getattr(error, "reason", None)
    words = str(reason if isinstance(reason, Exception) else error)
    if any(each in words for each in CLOSED):
        return "the server closes the connection without an answer"
    if any(each in words for each in WITHOUT_TLS):
        return "the server answers without TLS"
    words = re.sub(r"(Read|Connection to \S+) timed out\..*", "no answer in time", words)
    words = re.sub(r"^(HTTPS?Connection\w*\(host='([^']*)', port=(\d+)[^)]*\)): ", r"\2:\3: ", words.partition("\n")[0])
    return re.sub(r" \(_ssl\.c:\d+\)|\[Errno -?\d+\] ", "", words)[:SHOWN]


OF_THE_API_SERVER: Final = f"write the address of the API server into the kubeconfig (clusters.cluster.server), {ANOTHER}"


def no_api_server(server: str) -> OpsError:
    """Return the message about a server that answers as no Kubernetes does."""
    return OpsError(f"{server} is not a Kubernetes API server: it does not say its version.", OF_THE_API_SERVER)


DISTRUSTED: Final = {
    9: "set this machine's clock",
    10: "renew the cluster's certificate, and set this machine's clock if it is wrong",
    62: "write a name that the certificate has into the kubeconfig: clusters.cluster.server, or tls-server-name",
    64: "write an address that the certificate has into the kubeconfig: clusters.cluster.server, or tls-server-name",
}
"""OpenSSL's reason to distrust a certificate -> what to do; any other one is a root that the kubeconfig does not have."""
OF_ANOTHER_CA: Final = "get the kubeconfig of this cluster again, because its certificate-authority-data is of another cluster or too old"


def no_answer(error: Exception, of: str = "", fix: str = "start the cluster") -> OpsError:
    """Return the message about a connection to the cluster that failed.

    Args:
        of: the kubeconfig; '' where it is not known.
        fix: what to do where the connection itself does not tell.
    """
    cluster = f"the cluster of {of}" if of else "the cluster"
    inner = getattr(error, "reason", None) or error
    cause = next((each for each in getattr(inner, "args", ()) if isinstance(each, ssl.SSLError)), None)
    words = str(cause or inner)
    problem = f"{cluster} does not answer: {cause_of(error)}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        problem = f"the certificate of {cluster} is not trusted: {cause.verify_message}"
        fix = DISTRUSTED.get(cause.verify_code, OF_ANOTHER_CA)
    elif any(each in words for each in UNREADABLE):
        return OpsError(f"a certificate or key of the kubeconfig {of} cannot be read: {words}.".replace("  ", " "), AGAIN)
    elif any(each in words for each in WITHOUT_TLS):
        fix = "write the address of the API server into the kubeconfig (clusters.cluster.server)"
    elif any(each in words for each in CLOSED):
        fix = f"{fix}; or correct clusters.cluster.server of the kubeconfig (https://, host, port) and its user's certificate"
    elif "alert" in words.lower():
        fix = "log in again: the cluster does not accept the client certificate of the kubeconfig's user"
    elif "resolve" in words:
        fix = "correct the name in the kubeconfig (clusters.cluster.server), or connect to the network that knows it"
    return OpsError(problem, f"{fix}, {ANOTHER}")


def no_way_to_pod(error: client.ApiException) -> str:
    """Return why the cluster opens no way to a Pod, which says nothing about the Pod: no right to it, a node that is away."""
    return f"the cluster opens no way to the Pod: {message_of(error)}"
