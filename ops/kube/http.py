"""One HTTP request over a connection that is open already, and TLS as a client has it."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECONDS: Final = 10.0
"""How long a server may take to answer: so long that a busy one is not taken for a broken one."""

HEALTH_SECONDS: Final = 20.0
"""Portus' own examination boots a rake task: 3 s idle, 7 s have been seen (caasp-services#35)."""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """It could not be looked at, which says nothing about the stack."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """It was asked and gave no answer; ``fix`` says what to do where that is known."""

    reason: str
    fix: str = field(default="", kw_only=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An HTTP answer.

    Args:
        headers: by their names in lower case.
        certificate: DER, the leaf that the server presented; None without TLS.
        at: this machine's clock when it came, in seconds since 1970.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = field(default="", repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    at: float = 0.0


Reply = Answer | NoAnswer | NotChecked


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request to a Pod.

    Args:
        host: the name it is asked under, for TLS and HTTP; '' for plain HTTP.
    """

    path: str
    host: str
    method: str = "GET"
    headers: Mapping[str, str] | None = None
    body: str = ""
    plain: bool = False
    seconds: float = SECONDS


def exchange(end: socket.socket, request: Request, leaf: bytes | None) -> Answer:
    """Send ``request`` over an open connection and return the answer; raises as `http.client` does."""
    body = request.body.encode()
    headers = {"Host": request.host or "localhost", "Connection": "close", "Accept": "*/*", **(request.headers or {})}
    if request.method != "GET":
        headers["Content-Length"] = str(len(body))
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    end.sendall("\r\n".join(lines).encode() + body)
    response = http.client.HTTPResponse(end, method=request.method)
    response.begin()
    text = response.read().decode(errors="replace")
    response_headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=response_headers, body=text, certificate=leaf, at=time.time())


def trusting(trust: str, *, system: bool) -> ssl.SSLContext | NoAnswer:
    """Return a client's context that trusts the certificates in ``trust``."""
    context = ssl.create_default_context() if system else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if trust.strip():
            context.load_verify_locations(cadata=trust)
    except ssl.SSLError as error:
        return NoAnswer(f"what it should trust is not a certificate: {error}")
    return context


def unverified() -> ssl.SSLContext:
    """Return a client's context that takes any certificate, to look at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def late(seconds: float) -> str:
    """Return the words for an answer that did not come: they say nothing of keys, passwords or certificates."""
    return f"no answer in {seconds:.0f} s: slow or overloaded"


def saying(error: Exception, seconds: float = SECONDS) -> str:
    """Return an error of the network in words; ``seconds`` were waited."""
    if isinstance(error, TimeoutError):
        return late(seconds)
    if isinstance(error, http.client.RemoteDisconnected | http.client.BadStatusLine | ConnectionResetError | ssl.SSLEOFError):
        return "the connection is closed without an answer"
    return str(error) or type(error).__name__
