"""The directory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.common.versions import PortusVersion
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import StackSettings

LDAP_PORT: Final = 389
TLS_PORTS: Final = {389: 636, 3268: 3269}
"""Port of LDAP or of Active Directory's global catalog -> its port for TLS from the first byte on."""
PROMOTE: Final = "kubectl exec deployment/portus -- /stack/rake 'portus:make_admin[NAME]'"
"""As docs/deploy/ldap.md has it."""


@rule(requires=("portus.version", *(f"portus.config.ldap.{name}" for name in ("enabled", "port", "encryption.method", "method"))))
def ldap_port_fits_its_encryption(stack: StackSettings) -> Iterator[Problem]:
    """A server speaks plain LDAP on 389 and 3268, and TLS on 636 and 3269. At the wrong port every login fails or hangs."""
    ldap = stack.portus.config.ldap
    old = stack.portus.version < PortusVersion.V2_3
    method = ldap.method if old else ldap.encryption.method
    setting, start_tls = ("method", "starttls") if old else ("encryption.method", "start_tls")
    port = ldap.port or LDAP_PORT
    default = ", which Portus uses if no port is set" if ldap.port is None else ""
    plain = next((plain for plain, tls in TLS_PORTS.items() if tls == port), None)
    if method == "simple_tls" and port in TLS_PORTS:
        yield Problem(
            key="portus.config.ldap.port",
            value="" if ldap.port is None else str(port),
            rule=f"must not be {port} with simple_tls{default}: that port speaks no TLS until start_tls",
            fix=f"set portus.config.ldap.port to {TLS_PORTS[port]}, or portus.config.ldap.{setting} to {start_tls}",
        )
    if ldap.enabled is not False and method != "simple_tls" and plain is not None:
        yield Problem(
            key="portus.config.ldap.port",
            value=str(port),
            rule=f"must not be {port} without simple_tls: that port expects TLS from the first byte",
            fix=f"set portus.config.ldap.{setting} to simple_tls, or the port to {plain}",
        )


@rule(requires=("portus.config.ldap.encryption.method", "portus.config.ldap.encryption.options.ca_file"))
def ldap_encryption_options_need_a_method(stack: StackSettings) -> Iterator[Problem]:
    """Without a method nothing is encrypted, whatever the options say; the protocol is read only if there is a CA."""
    encryption = stack.portus.config.ldap.encryption
    for name, value in (("ca_file", encryption.options.ca_file), ("ssl_version", encryption.options.ssl_version)):
        if value is not None and encryption.method is None:
            yield Problem(
                key=f"portus.config.ldap.encryption.options.{name}",
                value=value,
                rule="has no effect without ldap.encryption.method: Portus then encrypts nothing",
                fix="set the method to start_tls or simple_tls, or remove it",
            )
    if encryption.method is not None and encryption.options.ssl_version is not None and encryption.options.ca_file is None:
        yield Problem(
            key="portus.config.ldap.encryption.options.ssl_version",
            value=encryption.options.ssl_version,
            rule="has no effect without ca_file: Portus reads it only together with ca_file",
            fix="set ca_file, or remove it",
        )


@rule()
def ldap_closes_sign_up(stack: StackSettings) -> Iterator[Problem]:
    """Portus ignores ``signup`` under LDAP; a user who sets it expects a form that will not be there."""
    config = stack.portus.config
    if config.ldap.enabled and config.signup.enabled:
        yield Problem(
            key="portus.config.signup.enabled",
            value="true",
            rule="has no effect while ldap.enabled is true: accounts come from the directory",
            fix="remove it",
        )


@rule(requires=("portus.version", "portus.bootstrap"))
def first_administrator_is_in_the_directory(stack: StackSettings) -> Iterator[Problem]:
    """Before 2.5 Portus asks only the directory (lib/portus/ldap): an account that only Portus has can never log in.

    A user of the directory is an administrator only if there is no user yet, and the first set-up makes one. Whether the
    directory has the account only the operator knows: a name that is written out says so.
    """
    portus = stack.portus
    if not portus.config.ldap.enabled or portus.version >= PortusVersion.V2_5 or not portus.bootstrap.enabled:
        return
    if "username" not in portus.bootstrap.model_fields_set:
        yield Problem(
            key="portus.bootstrap.username",
            value="",
            rule=f"must name an account of the directory while ldap.enabled is true: Portus {portus.version.value} accepts no other, "
            "so it would have no administrator",
            fix=f"set it to an account, which logs in with its password of the directory; for more administrators: {PROMOTE}",
        )
