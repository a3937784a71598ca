"""Whether Portus reaches the servers outside the stack that its settings turn on: the directory, mail, the sites of OAuth.

Each is contacted from Portus' own Pod, with its names, network policies and settings, and for at most `SECONDS` after it is reached.
Nothing is changed there: the most that is done is one login with the account that Portus uses.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from kubernetes.client import ApiException

from components.common.names import WEB
from ops.doctor.facts import Contact, Pod, Step
from ops.doctor.relay import relay
from ops.doctor.servers import from_portus
from ops.doctor.services import ldap, mail, oauth
from ops.doctor.services.configured import LDAP, MAIL, OAUTH, Configured, RefusalError
from ops.kube.errors import no_way_to_pod
from ops.kube.http import NotChecked, saying

if TYPE_CHECKING:
    from ops.doctor.services.configured import Server
    from ops.doctor.snapshot import Snapshot
    from ops.kube.pods import Pods

__all__ = ["LDAP", "MAIL", "OAUTH", "contact", "questions"]

SECONDS: Final = 20.0
"""For TLS, login and answer together."""


def questions(pods: Pods, snapshot: Snapshot) -> Iterator[tuple[str, Callable[[], Contact | NotChecked]]]:
    """Give the kind of each server that Portus' settings turn on, and what asks it."""
    web = snapshot.pod(WEB)
    if web is None:
        return
    settings = Configured.of(web, snapshot.expected.portus_version, lambda path: _text(pods, web, path))
    for kind, found in ((LDAP, ldap.servers(settings)), (MAIL, mail.servers(settings)), (OAUTH, oauth.servers(settings))):
        for server in found:
            yield kind, lambda server=server: contact(pods, web, server)  # type: ignore[misc]


def contact(pods: Pods, web: Pod, server: Server) -> Contact | NotChecked:
    """Return what ``server`` answers Portus' Pod."""
    why = from_portus(pods, web, server.host, server.port)
    if isinstance(why, NotChecked):
        return why
    if why:
        return Contact(server=server.name, problem=why, step="connect")
    try:
        with relay(pods, web.name, server.host, server.port, SECONDS) as end:
            return Contact(server=server.name, seen=server.talk(end))
    except ApiException as error:
        return NotChecked(no_way_to_pod(error))
    except (RefusalError, OSError, http.client.HTTPException) as error:
        step, problem = _refused(error)
    return Contact(server=server.name, step=step, problem=problem)


def _refused(error: Exception) -> tuple[Step, str]:
    """Return where and why contact ended."""
    if isinstance(error, RefusalError):
        return error.step, error.problem
    if isinstance(error, ssl.SSLError) and not isinstance(error, TimeoutError):
        return "tls", getattr(error, "verify_message", "") or saying(error)
    return "answer", saying(error)


def _text(pods: Pods, web: Pod, path: str) -> str:
    """Return a file of Portus' Pod: one that it mounts, else one of its image.

    Raises:
        RefusalError: it is not there.
    """
    if path in web.files:
        return web.files[path]
    done = pods.run(web.name, ["cat", path])
    if isinstance(done, NotChecked):
        raise RefusalError("tls", f"{path} in Pod {web.name} cannot be read: {done.reason}")
    if done[0] != 0:
        raise RefusalError("tls", f"Pod {web.name} has no file {path}")
    return done[1]
