"""How the application connects to an LDAP directory: net-ldap 0.16.1 on Ruby's OpenSSL 1.1.0, in their words.

ldap3 speaks the protocol. What the application verifies of a server, and the text of a failure, is here: net-ldap's connection.rb, and
``SSLContext#set_params``, ``SSLSocket#connect_nonblock`` and ``SSLSocket#post_connection_check`` of the openssl gem 2.1.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError

from . import ruby
from .errors import ApplicationError

SECONDS: Final = 5
"""To connect, and again for TLS. net-ldap reads ``connect_timeout``; Portus hands it ``ldap.timeout`` as ``connection_timeout``."""

VERSIONS: Final = {
    "SSLv23": (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2),
    "SSLv3": (ssl.TLSVersion.SSLv3, ssl.TLSVersion.SSLv3),
    "TLSv1": (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1),
    "TLSv1_1": (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1),
    "TLSv1_2": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
}
"""The gem's ``METHODS_MAP``: a name is one version, but for SSLv23, all versions. OpenSSL 1.1.0 does not know TLS 1.3."""

RESULTS: Final = {
    1: "Operations Error",
    2: "Protocol Error",
    7: "Auth Method Not Supported",
    8: "Stronger Auth Needed",
    10: "Referral",
    11: "Admin Limit Exceeded",
    13: "Confidentiality Required",
    32: "No Such Object",
    34: "Invalid DN Syntax",
    48: "Inappropriate Authentication",
    49: "Invalid Credentials",
    50: "Insufficient Access Rights",
    51: "Busy",
    52: "Unavailable",
    53: "Unwilling to perform",
    80: "Other",
}
"""net-ldap's names of what a search or a bind ends in."""


@dataclass(frozen=True)
class Encryption:
    """How a connection is encrypted.

    Args:
        verifies: whether certificate and host name are checked.
        ca_file: the only authorities; "" for the system's.
        ssl_version: one of `VERSIONS`; "" for all.
    """

    method: Literal["simple_tls", "start_tls"]
    verifies: bool = True
    ca_file: str = ""
    ssl_version: str = ""


class NetLdapError(Exception):
    """The directory could not be asked; the text is that of ``Net::LDAP::Error``."""


@contextlib.contextmanager
def connected(host: str, port: int, encryption: Encryption | None, **account: Any) -> Iterator[ldap3.Connection]:
    """Open a connection, with TLS where ``encryption`` says so, until the block ends; whatever fails in the block is reported, too.

    Args:
        account: ``user`` and ``password`` for the first bind; without them it is anonymous.

    Raises:
        NetLdapError: no connection, or the server is not trusted.
        ApplicationError: an answer or a setting on which the genuine application fails.
    """
    with contextlib.ExitStack() as left:
        try:
            connection = _open(host, port, _Tls(host, encryption), account)
            left.callback(_close, connection)
            yield connection
        except LDAPInvalidFilterError as error:
            raise NetLdapError("Invalid filter syntax.") from error
        except LDAPException as error:
            raise NetLdapError("no bind result") from error
        except KeyError as error:
            # What an alert of TLS begins with is not of the protocol: ldap3 has no decoder for it, and neither has net-ldap.
            raise ApplicationError("Net::BER::BerError", "Unsupported object type: id=21") from error


def _close(connection: ldap3.Connection) -> None:
    with contextlib.suppress(LDAPException):
        connection.unbind()


def _open(host: str, port: int, tls: _Tls, account: dict[str, Any]) -> ldap3.Connection:
    try:
        addresses = list(dict.fromkeys(found[4][0] for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    except socket.gaierror as error:
        raise NetLdapError(f"getaddrinfo: {error.strerror}") from error
    problem = ""
    for address in addresses:
        at_once = tls.method == "simple_tls"
        server = ldap3.Server(str(address), port=port, use_ssl=at_once, tls=tls, connect_timeout=SECONDS, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, receive_timeout=None, **account)
        try:
            connection.open(read_server_info=False)
            if tls.method == "start_tls":
                _start_tls(connection, tls)
            connection.socket.settimeout(None)
        except LDAPException as error:
            if tls.problem:
                raise NetLdapError(tls.problem) from error
            problem = _of_tcp(str(error), str(address), port)
        else:
            return connection
    raise NetLdapError(problem)


def _start_tls(connection: ldap3.Connection, tls: _Tls) -> None:
    try:
        connection.start_tls(read_server_info=False)
    except LDAPException as error:
        code = (connection.result or {}).get("result")
        raise NetLdapError(tls.problem or (f"start_tls failed: {code}" if code else "no start_tls result")) from error


def _of_tcp(text: str, address: str, port: int) -> str:
    """Return what Ruby says of a failed connection, of which ldap3 keeps the text only."""
    number = re.search(r"\[Errno (\d+)\]", text)
    if number is None:
        return "Connection timed out - user specified timeout"
    return f"{os.strerror(int(number[1]))} - connect(2) for {f'[{address}]' if ':' in address else address}:{port}"


class _Tls(ldap3.Tls):
    """Ruby's TLS in the place of ldap3's, which keeps nothing of a failure but a text of its own.

    Attributes:
        problem: what Ruby says of the handshake that failed; "" for none.
    """

    def __init__(self, host: str, encryption: Encryption | None) -> None:
        super().__init__()
        self.method = encryption.method if encryption else ""
        self.problem = ""
        self._host = host
        self._encryption = encryption
        self._context = _context(encryption) if encryption else None

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - ldap3's
        """Do the handshake on the connection's socket, without a server name as net-ldap 0.16 does."""
        assert self._context
        assert self._encryption
        try:
            connection.socket.settimeout(SECONDS)
            connection.socket = self._context.wrap_socket(connection.socket)
        except OSError as error:
            self.problem = _of_handshake(error)
            raise
        if self._encryption.verifies and not names(connection.socket.getpeercert() or {}, self._host):
            self.problem = f'hostname "{self._host}" does not match the server certificate'
            raise OSError(self.problem)


def _context(encryption: Encryption) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if encryption.verifies else ssl.CERT_NONE
    # What OpenSSL 1.1.0 lets pass: TLS 1.0, which OpenSSL 3 has on this level only.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    version = encryption.ssl_version
    if version and version not in VERSIONS:
        raise ApplicationError("ArgumentError", f"unknown SSL method `{version}'")
    context.minimum_version, context.maximum_version = VERSIONS[version or "SSLv23"]
    if encryption.ca_file:
        # A file that cannot be read is a warning in Ruby, and no server is trusted.
        with contextlib.suppress(OSError):
            context.load_verify_locations(encryption.ca_file)
    elif encryption.verifies:
        ruby.trust_defaults(context)
    return context


def _of_handshake(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message.replace("self-signed", "self signed")
        return f"SSL_connect returned=1 errno=0 state=error: certificate verify failed ({reason})"
    if isinstance(error, ssl.SSLEOFError):
        return "SSL_connect SYSCALL returned=5 errno=0 state=SSLv3/TLS write client hello"
    if isinstance(error, ssl.SSLError):
        return f"SSL_connect returned=1 errno=0 state=error: {(error.reason or '').lower().replace('_', ' ')}"
    if isinstance(error, TimeoutError):
        return "Connection timed out - OpenSSL connection read timeout"
    return f"{error.strerror} - SSL_connect"


def names(certificate: Any, host: str) -> bool:
    """Return whether a certificate is ``host``'s, as ``OpenSSL::SSL.verify_certificate_identity`` decides.

    Args:
        certificate: as ``SSLSocket.getpeercert`` gives it. Its common name counts where it has no other names.
    """
    others = [(kind, value) for kind, value in certificate.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
    if others:
        return any(_matches(host, value) if kind == "DNS" else _address(value) == host for kind, value in others)
    return any(_matches(host, value) for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName")


def _address(value: str) -> str:
    address = ipaddress.ip_address(value.strip())
    return (
        str(address)
        if isinstance(address, ipaddress.IPv4Address)
        else ":".join(f"{int(part, 16):X}" for part in address.exploded.split(":"))
    )


def _matches(host: str, pattern: str) -> bool:
    """Return whether a host has a name of a certificate, in whose first label ``*`` is at least one letter."""
    if not (host.isascii() and pattern.isascii()):
        return False
    labels, own = pattern.lower().split("."), host.lower().split(".")
    if "." not in pattern:
        return pattern == host
    before, star, after = labels[0].partition("*")
    if not star:
        return labels == own
    if "*" in after or labels[1:] != own[1:] or (own[0].startswith("xn--") and labels[0] != "*"):
        return False
    return len(before) + len(after) < len(own[0]) and own[0].startswith(before) and own[0].endswith(after)
