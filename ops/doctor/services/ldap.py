"""The directory, asked as lib/portus/ldap asks it: connect, TLS by the method that is set, bind, and one search below the base.

Net::LDAP checks certificate and name whenever it encrypts, by ``ca_file`` or the image's own CAs. Before 2.3 Portus sets no check
(net-ldap 0.11 with a method alone). No user's password is used, and the search is for a user that no directory has.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ops.doctor.facts import Step
from ops.doctor.services.configured import Configured, RefusalError, Server, context_of
from ops.kube.http import SECONDS, late, unverified

if TYPE_CHECKING:
    import ldap3

PORT: Final = 389
"""Portus' own default."""
START_TLS: Final = "1.3.6.1.4.1.1466.20037"
METHODS: Final = {"starttls": "start_tls", "start_tls": "start_tls", "simple_tls": "simple_tls"}
"""What Portus reads; anything else means no encryption."""
NEWEST: Final = ssl.TLSVersion.TLSv1_2
"""Of the images' OpenSSL: Portus cannot use a directory that speaks TLS 1.3 only."""
ABSENT: Final = "portus-doctor"
"""A user that no directory has: the search costs what one login costs, and finds nothing."""
FOUND: Final = (0, 4)
"""Result codes of a search: success, and more entries than were asked for."""


def servers(settings: Configured) -> Iterator[Server]:
    """Give the directory if LDAP is on."""
    if settings.is_on("ldap.enabled"):
        host, port = settings.text("ldap.hostname"), settings.number("ldap.port", PORT)
        yield Server(name=f"{host}:{port}", host=host, port=port, talk=lambda end: _talk(settings, host, end))


def _talk(settings: Configured, host: str, end: socket.socket) -> str:
    method = METHODS.get(settings.text("ldap.encryption.method" if settings.is_since("2.3") else "ldap.method"), "")
    if method == "simple_tls":
        end = _context(settings).wrap_socket(end, server_hostname=host)
    connection = _connection(settings, end)
    if method == "start_tls":
        with _refusals("tls"):
            connection.extended(START_TLS)
        _require(connection, (0,), "tls", "it refuses start_tls")
        connection.socket = _context(settings).wrap_socket(end, server_hostname=host)
    with _refusals("login"):
        connection.bind()
    _require(connection, (0,), "login", f"it refuses {_who(connection)}")
    base, user = settings.text("ldap.base"), f"({settings.text('ldap.uid', 'uid')}={ABSENT})"
    with _refusals("answer"):
        connection.search(base, user, attributes=["1.1"], size_limit=1, time_limit=int(SECONDS))
    _require(connection, FOUND, "answer", f"it refuses {_who(connection)} a search below '{base}'")
    return f"{method or 'not encrypted'}, it accepts {_who(connection)}, and a search below '{base}'"


def _context(settings: Configured) -> ssl.SSLContext:
    authorities = settings.text("ldap.encryption.options.ca_file")
    if not settings.is_since("2.3"):
        context = unverified()
    else:
        context = context_of(settings.read(authorities), system=False) if authorities else settings.public_trust()
    context.maximum_version = NEWEST
    return context


def _connection(settings: Configured, end: socket.socket) -> ldap3.Connection:
    """Return a connection that speaks over ``end`` and is not bound yet."""
    import ldap3  # noqa: PLC0415 - only stacks with LDAP need it

    account: dict[str, Any] = {}
    if settings.is_on("ldap.authentication.enabled"):
        account = {"user": settings.text("ldap.authentication.bind_dn"), "password": settings.text("ldap.authentication.password")}
        if not account["password"]:
            raise RefusalError("login", "the password of ldap.authentication is empty, or in no Secret that Portus' Pod reads")
    server = ldap3.Server("localhost", get_info=ldap3.NONE)
    connection = ldap3.Connection(server, **account, auto_referrals=False, check_names=False, receive_timeout=SECONDS)

    def given(*_: object, **__: object) -> None:
        connection.socket, connection.closed = end, False

    connection.strategy._open_socket = given  # noqa: SLF001 - its own connects from this machine, which may not reach the directory
    with _refusals("answer"):
        connection.open(read_server_info=False)
    return connection


def _who(connection: ldap3.Connection) -> str:
    return f"'{connection.user}'" if connection.user else "anonymous users"


def _require(connection: ldap3.Connection, codes: tuple[int, ...], step: Step, what: str) -> None:
    """Refuse what the directory refuses.

    Raises:
        RefusalError: the last result's code is none of ``codes``.
    """
    result = connection.result or {}
    if result.get("result") not in codes:
        words = " ".join(str(result.get("message") or "").replace("\0", "").split())[:200]
        raise RefusalError(step, f"{what}: {result.get('description')} (code {result.get('result')}){f', {words}' if words else ''}")


@contextlib.contextmanager
def _refusals(step: Step) -> Iterator[None]:
    """Turn what goes wrong in the library into a refusal: none of its texts has the password."""
    from ldap3.core.exceptions import LDAPException  # noqa: PLC0415 - only stacks with LDAP need it
    from pyasn1.error import PyAsn1Error  # noqa: PLC0415 - only stacks with LDAP need it

    try:
        yield
    except LDAPException as error:
        words = str(error) or type(error).__name__
        raise RefusalError(step, late(SECONDS) if "timed out" in words else words) from error
    except (PyAsn1Error, ValueError, KeyError, IndexError, TypeError) as error:
        raise RefusalError(step, "its answer is not LDAP") from error
