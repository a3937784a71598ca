"""Mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.common.versions import PortusVersion
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.portus_config.flatten import SUBMISSION_PORT
from components.settings.stack import StackSettings

TLS_PORT: Final = 465
"""TLS from the first byte on (RFC 8314)."""
START_TLS_PORTS: Final = frozenset({25, SUBMISSION_PORT})


@rule()
def mail_has_a_sender_of_its_own(stack: StackSettings) -> Iterator[Problem]:
    """Servers refuse portus@example.com, which Portus ships."""
    mail = stack.portus.config.email
    if mail.smtp.enabled and mail.from_ is None:
        yield Problem(
            key="portus.config.email.from",
            value="",
            rule="must be set while email.smtp.enabled is true: otherwise Portus sends as portus@example.com",
            fix="set the sender's address",
        )


@rule(requires=("portus.version",))
def smtp_account_has_name_and_password(stack: StackSettings) -> Iterator[Problem]:
    """A name without a password, or the other way round, ends in a refused mail; before 2.4 the shipped sample would be sent."""
    smtp, version = stack.portus.config.email.smtp, stack.portus.version
    if not smtp.enabled:
        return
    given = {"user_name": smtp.user_name is not None, "password": smtp.password is not None}
    always = version < PortusVersion.V2_4
    why = (
        f"must be set: otherwise Portus {version} logs in with its sample account"
        if always
        else "must be set: user_name and password belong together"
    )
    if not always and not any(given.values()):
        return
    for name, there in given.items():
        if not there:
            yield Problem(
                key=f"portus.config.email.smtp.{name}", value="", rule=why, fix="set it" if always else "set it, or remove the other one"
            )


@rule()
def smtp_encrypts_one_way(stack: StackSettings) -> Iterator[Problem]:
    """Ruby's client fails at each mail if both are on."""
    smtp = stack.portus.config.email.smtp
    if smtp.ssl_tls is not None and smtp.enable_starttls_auto:
        yield Problem(
            key="portus.config.email.smtp.enable_starttls_auto",
            value="true",
            rule=f"must not be true together with ssl_tls ({smtp.ssl_tls}): use TLS from the start, or STARTTLS",
            fix="remove it for port 465, or remove ssl_tls for port 587",
        )


@rule(requires=("portus.version", *(f"portus.config.email.smtp.{name}" for name in ("port", "ssl_tls", "enable_starttls_auto"))))
def smtp_port_fits_its_encryption(stack: StackSettings) -> Iterator[Problem]:
    """A server speaks TLS from the first byte on at 465 and nowhere else; the wrong one hangs, and no mail leaves."""
    smtp, version = stack.portus.config.email.smtp, stack.portus.version
    port = smtp.port or SUBMISSION_PORT
    if port == TLS_PORT and smtp.ssl_tls is None and not smtp.enable_starttls_auto:
        old = version < PortusVersion.V2_4
        yield Problem(
            key="portus.config.email.smtp.port",
            value=str(port),
            rule=f"must not be {TLS_PORT} without ssl_tls: that port expects TLS from the first byte"
            + (f", which Portus {version} cannot" if old else ""),
            fix=f"set the port to {SUBMISSION_PORT}"
            if old
            else "set portus.config.email.smtp.ssl_tls to tls, or the port to 587 with enable_starttls_auto: true",
        )
    elif port == TLS_PORT and smtp.ssl_tls is None:
        yield Problem(
            key="portus.config.email.smtp.enable_starttls_auto",
            value="true",
            rule=f"must not be true with port {TLS_PORT}: that port expects TLS from the first byte",
            fix=f"set ssl_tls: tls instead, or the port to {SUBMISSION_PORT}",
        )
    if port in START_TLS_PORTS and smtp.ssl_tls is not None and not smtp.enable_starttls_auto:
        yield Problem(
            key="portus.config.email.smtp.ssl_tls",
            value=smtp.ssl_tls,
            rule=f"must not be set with port {port}{'' if smtp.port else ' (used if no port is set)'}: that port speaks no TLS until "
            "STARTTLS",
            fix=f"set enable_starttls_auto: true instead, or the port to {TLS_PORT}",
        )


@rule(requires=("portus.config.email.smtp.ca_file", "portus.config.email.smtp.ca_path"))
def smtp_verification_has_authorities(stack: StackSettings) -> Iterator[Problem]:
    """Ruby's client trusts no root by itself (``Net::SMTP.default_ssl_context`` of Ruby 2.5 is a bare SSLContext), so mail fails."""
    smtp = stack.portus.config.email.smtp
    if smtp.enabled and smtp.openssl_verify_mode == "peer" and smtp.ca_file is None and smtp.ca_path is None:
        yield Problem(
            key="portus.config.email.smtp.openssl_verify_mode",
            value="peer",
            rule="must not be set without ca_path or ca_file: Portus' mailer trusts no CA by default and refuses every certificate",
            fix="set portus.config.email.smtp.ca_path to /etc/ssl/certs: the image's CAs and tls.extraCaCertificates",
        )


@rule(requires=("portus.config.email.smtp.openssl_verify_mode",))
def smtp_authorities_are_used(stack: StackSettings) -> Iterator[Problem]:
    """A CA is used only if certificates are checked."""
    smtp = stack.portus.config.email.smtp
    if smtp.openssl_verify_mode not in {None, "none"}:
        return
    for name, value in (("ca_file", smtp.ca_file), ("ca_path", smtp.ca_path)):
        if value is not None:
            yield Problem(
                key=f"portus.config.email.smtp.{name}",
                value=value,
                rule="has no effect without openssl_verify_mode: peer: Portus' default (none) checks no certificate",
                fix="set portus.config.email.smtp.openssl_verify_mode to peer, or remove it",
            )
