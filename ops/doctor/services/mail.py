"""The mail server, asked as Portus' gems do (mail 2.7, Net::SMTP): connect, TLS as set, EHLO, login with the method that is set.

No mail is sent. Before 2.4 Portus has no settings of TLS: it encrypts where the server offers it and an account is set, without a check.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final

from ops.doctor.services.configured import Configured, RefusalError, Server, context_of
from ops.kube.http import SECONDS, unverified

PORT: Final = 587
"""What Portus' own "587," is read as; the program exports it in any case."""


class _Over(smtplib.SMTP):
    """Speaks over a connection that is open already."""

    def __init__(self, end: socket.socket, host: str, greeting: str) -> None:
        self._end = end
        super().__init__(host, local_hostname=greeting, timeout=SECONDS)

    def _get_socket(self, *_: object) -> socket.socket:
        return self._end


def servers(settings: Configured) -> Iterator[Server]:
    """Give the mail server if SMTP is on."""
    if settings.is_on("email.smtp.enabled"):
        host, port = settings.text("email.smtp.address"), settings.number("email.smtp.port", PORT)
        yield Server(name=f"{host}:{port}", host=host, port=port, talk=lambda end: _talk(settings, host, end))


def _talk(settings: Configured, host: str, end: socket.socket) -> str:
    user = settings.text("email.smtp.user_name")
    context = _context(settings)
    encrypted = bool(settings.text("email.smtp.ssl_tls"))
    if encrypted:
        end = context.wrap_socket(end, server_hostname=host)
    try:
        server = _Over(end, host, settings.text("email.smtp.domain", "example.com"))
        server.ehlo_or_helo_if_needed()
        if not encrypted and _starts_tls(settings, user) and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
            encrypted = True
        how = "encrypted" if encrypted else "not encrypted"
        return f"{how}, {_login(settings, server, user)}" if user else f"{how}, no account is set"
    except smtplib.SMTPServerDisconnected as error:
        raise RefusalError("answer", "the connection is closed without an answer") from error
    except smtplib.SMTPResponseException as error:
        raise RefusalError("answer", _words(error)) from error
    except smtplib.SMTPException as error:
        raise RefusalError("answer", str(error)) from error


def _starts_tls(settings: Configured, user: str) -> bool:
    return settings.is_on("email.smtp.enable_starttls_auto") or bool(user and not settings.is_since("2.4"))


def _context(settings: Configured) -> ssl.SSLContext:
    """Return a context as Ruby has it: with a check it trusts the CAs that are set and no others."""
    if settings.text("email.smtp.openssl_verify_mode", "none") == "none":
        return unverified()
    if authorities := settings.text("email.smtp.ca_file"):
        return context_of(settings.read(authorities), system=False)
    return settings.public_trust() if settings.text("email.smtp.ca_path") else context_of("", system=False)


def _login(settings: Configured, server: smtplib.SMTP, user: str) -> str:
    """Log in once, with the account that Portus uses and in its way.

    Raises:
        RefusalError: the server refuses it.
    """
    server.user, server.password = user, settings.text("email.smtp.password")
    ways: dict[str, Callable[..., str]] = {
        "plain": server.auth_plain,
        "login": server.auth_login,
        "cram_md5": server.auth_cram_md5,
    }
    way = settings.text("email.smtp.authentication", "login")
    try:
        server.auth(way.replace("_", "-").upper(), ways.get(way, server.auth_login), initial_response_ok=way == "plain")
    except smtplib.SMTPAuthenticationError as error:
        raise RefusalError("login", f"it refuses '{user}' by {way}: {_words(error)}") from error
    except smtplib.SMTPServerDisconnected as error:
        raise RefusalError("login", f"it ends the connection when '{user}' logs in by {way}") from error
    return f"it accepts {user}"


def _words(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    reply = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return f"{error.smtp_code} {' '.join(reply.split())[:200]}"
