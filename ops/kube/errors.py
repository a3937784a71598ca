"""What a cluster answers instead of doing what a command asks, as one line: no rights, no answer, a kubeconfig that cannot be used.

The official client is imported when something went wrong, for it is heavy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from ops.errors import OpsError

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

    if isinstance(error, config.ConfigException):
        return OpsError(f"the kubeconfig cannot be used: {error}", "correct it, or name another one: KUBECONFIG=...")
    if isinstance(error, client.ApiException):
        return refusal(error, command, rights)
    if isinstance(error, HTTPError):
        return OpsError(f"the cluster does not answer: {cause_of(error)}", "repeat this command when it answers again.")
    return None


def refusal(error: client.ApiException, command: str = "", rights: str = "") -> OpsError:
    """Return the message for the user when the cluster refuses ``command``."""
    problem = f"the cluster refuses: {message_of(error)}"
    another = "or name another kubeconfig: KUBECONFIG=..."
    if error.status == HTTPStatus.UNAUTHORIZED:
        return OpsError(problem, f"log in again, because the cluster does not accept the kubeconfig's user; {another}")
    if error.status == HTTPStatus.FORBIDDEN or str(HTTPStatus.FORBIDDEN.value) in str(error.reason):
        needed = f"'{command}' needs the rights to {rights}" if rights else "grant its user that right"
        return OpsError(problem, f"{needed}; {another}")
    return OpsError(problem, "repeat this command; if it fails again, find the cause: make doctor STACK=...")


def message_of(error: client.ApiException) -> str:
    """Return the API server's own sentence; a stream's refusal has it in the words of the handshake."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        said = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        reason = str(error.reason or "no reason given").strip()
        found = _MESSAGE.search(f"{body} {reason}")
        said = found.group(1).replace('\\"', '"') if found else reason.partition(" -+-+- ")[0]
    return " ".join(said.split())[:SHOWN]


def cause_of(error: Exception) -> str:
    """Return the first line of why there was no answer."""
    reason = getattr(error, "reason", None)
    return str(reason if isinstance(reason, Exception) else error).splitlines()[0][:SHOWN]


def no_way_to_pod(error: client.ApiException) -> str:
    """Return why the cluster opens no way to a Pod, which says nothing about the Pod: no right to it, a node that is away."""
    return f"the cluster opens no way to the Pod: {message_of(error)}"
