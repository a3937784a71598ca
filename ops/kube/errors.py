"""What a cluster of the user's says instead of doing a verb's work, told in one line: no rights, no answer, a kubeconfig of no use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from ops.errors import LabError

JOBS: Final = "get CronJobs, create, get, list and delete Jobs, list Pods and read their logs"
RIGHTS: Final = {
    "check": "exec into Pods, and get Secrets where the administrator's password is in one of yours",
    "backup": JOBS,
    "backups": JOBS,
    "restore": f"{JOBS}, exec into Pods, get and patch Deployments, and get Secrets where the administrator's password is in one of yours",
    "password": "get Secrets, for the administrator's password is in one of yours",
    "collect": f"{JOBS}, exec into Pods, get Deployments and ConfigMaps",
    "export": "list Pods, Secrets and ConfigMaps, and open ports of Pods",
}
"""What each verb does in the stack's namespace, in the words of Kubernetes' roles."""

SHOWN: Final = 300
"""Characters of a refusal."""

_MESSAGE: Final = re.compile(r'"message": ?"((?:[^"\\]|\\.)*)"')


@contextmanager
def told(verb: str) -> Iterator[None]:
    """Turn what a cluster answers to ``verb`` inside the block into a `LabError`."""
    try:
        yield
    except config.ConfigException as error:
        raise LabError(f"the kubeconfig cannot be used: {error}", "Mend it, or name another: KUBECONFIG=...") from error
    except client.ApiException as error:
        raise refused(error, verb) from error
    except HTTPError as error:
        raise LabError(f"the cluster does not answer: {str(error)[:SHOWN]}", "When it answers again run this again.") from error


def refused(error: client.ApiException, verb: str = "") -> LabError:
    """Return what the user is told of a refusal, of ``verb`` where it is known."""
    problem = f"the cluster refuses: {words_of(error)}"
    another = "or name another kubeconfig: KUBECONFIG=..."
    if error.status == HTTPStatus.UNAUTHORIZED:
        return LabError(problem, f"It does not know the kubeconfig's user (any more): log in again, {another}")
    if error.status == HTTPStatus.FORBIDDEN or str(HTTPStatus.FORBIDDEN.value) in str(error.reason):
        rights = f"'make {verb}' needs the rights to {RIGHTS[verb]}" if verb in RIGHTS else "Give its user that right"
        return LabError(problem, f"{rights}; {another}")
    return LabError(problem, "Run this again; if it says the same: make doctor STACK=... names what is broken.")


def words_of(error: client.ApiException) -> str:
    """Return the API server's own sentence; a stream's refusal has it in the words of the handshake."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    reason = str(error.reason or "no reason given").strip()
    found = _MESSAGE.search(f"{body} {reason}")
    said = found.group(1).replace('\\"', '"') if found else reason.partition(" -+-+- ")[0]
    return " ".join(said.split())[:SHOWN]
