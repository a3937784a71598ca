"""What a client on this machine sees under the public names; changes nothing."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from components.common.names import EVENTS_PATH
from ops.doctor.facts import Expected
from ops.doctor.servers import EVENTS_TYPE, NO_EVENTS
from ops.kube.http import SECONDS, NoAnswer, Reply, Request, exchange, saying, trusting

PORTUS: Final = "portus"
REGISTRY: Final = "registry"
TOKEN: Final = "token"  # noqa: S105 - a name
CLOSED: Final = "events"


def questions(expected: Expected) -> Mapping[str, Request]:
    """Return what is asked from outside, under the name in the report."""
    return {
        PORTUS: Request(path=expected.ping, host=expected.host),
        REGISTRY: Request(path="/v2/", host=expected.registry_name),
        TOKEN: Request(path=f"/v2/token?service={quote(expected.registry)}", host=expected.host),
        CLOSED: Request(path=EVENTS_PATH, host=expected.host, method="POST", headers={"Content-Type": EVENTS_TYPE}, body=NO_EVENTS),
    }


def addresses(name: str, port: int) -> tuple[str, ...] | NoAnswer:
    """Return the addresses that ``name`` has on this machine."""
    try:
        addresses = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return NoAnswer(error.strerror or str(error))
    return tuple(dict.fromkeys(str(address[0]) for *_, address in addresses))


def ask(expected: Expected, request: Request) -> Reply:
    """Return the answer on the public port, as a client that trusts public CAs and the stack's own."""
    context = trusting(expected.trust, system=True)
    if isinstance(context, NoAnswer):
        return context
    host = request.host if expected.https_port == 443 else f"{request.host}:{expected.https_port}"  # noqa: PLR2004 - HTTPS
    sent = Request(
        path=request.path, host=request.host, method=request.method, headers={**(request.headers or {}), "Host": host}, body=request.body
    )
    try:
        with (
            socket.create_connection((request.host, expected.https_port), timeout=SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=request.host) as end,
        ):
            return exchange(end, sent, end.getpeercert(binary_form=True))
    except ssl.SSLCertVerificationError as error:
        return NoAnswer(f"its certificate is refused: {error.verify_message}")
    except (OSError, http.client.HTTPException) as error:
        return NoAnswer(saying(error))
