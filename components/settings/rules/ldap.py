"""The directory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.settings.report import Problem
from components.settings.rules.foundations import rests_on
from components.settings.stack import StackSettings

LDAP_PORT: Final = 389
LDAPS_PORT: Final = 636


@rests_on("portus.config.ldap.encryption.method", "portus.config.ldap.method")
def ldap_port_fits_its_encryption(stack: StackSettings) -> Iterator[Problem]:
    """A server speaks plainly on 389 and TLS on 636; the wrong one hangs until the time is over."""
    ldap = stack.portus.config.ldap
    method = ldap.encryption.method or ldap.method
    port = ldap.port or LDAP_PORT
    if method == "simple_tls" and port == LDAP_PORT:
        yield Problem(
            key="portus.config.ldap.port",
            value="" if ldap.port is None else str(port),
            rule=f"is not {LDAP_PORT}, which is Portus' default, where encryption is simple_tls: that port expects start_tls",
            remedy=f"set it to {LDAPS_PORT}, or use start_tls",
        )
    if method != "simple_tls" and port == LDAPS_PORT:
        yield Problem(
            key="portus.config.ldap.port",
            value=str(port),
            rule=f"is not {LDAPS_PORT} without simple_tls: that port speaks TLS from the first byte on",
            remedy=f"set the encryption's method to simple_tls, or the port to {LDAP_PORT}",
        )


@rests_on("portus.config.ldap.encryption.method", "portus.config.ldap.encryption.options.ca_file")
def ldap_encryption_options_need_a_method(stack: StackSettings) -> Iterator[Problem]:
    """Without a method nothing is encrypted, whatever the options say; the protocol is read only beside a CA."""
    encryption = stack.portus.config.ldap.encryption
    for name, value in (("ca_file", encryption.options.ca_file), ("ssl_version", encryption.options.ssl_version)):
        if value is not None and encryption.method is None:
            yield Problem(
                key=f"portus.config.ldap.encryption.options.{name}",
                value=value,
                rule="needs ldap.encryption.method: without one Portus encrypts nothing",
                remedy="set the method to start_tls or simple_tls, or remove it",
            )
    if encryption.method is not None and encryption.options.ssl_version is not None and encryption.options.ca_file is None:
        yield Problem(
            key="portus.config.ldap.encryption.options.ssl_version",
            value=encryption.options.ssl_version,
            rule="needs ca_file beside it: Portus reads it only then",
            remedy="set ca_file, or remove it",
        )


def ldap_closes_sign_up(stack: StackSettings) -> Iterator[Problem]:
    """Portus ignores ``signup`` under LDAP; who wrote it expects a form that will not be there."""
    config = stack.portus.config
    if config.ldap.enabled and config.signup.enabled:
        yield Problem(
            key="portus.config.signup.enabled",
            value="true",
            rule="has no effect while ldap.enabled is true: accounts come from the directory",
            remedy="remove it",
        )
