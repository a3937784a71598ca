"""What profile ``production`` refuses unless the stack file accepts it by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from components.common.versions import PortusVersion
from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.rule import rule
from components.settings.sections.tls import SelfSignedTls
from components.settings.stack import Accepted, Profile, StackSettings
from components.settings.types.base import Section, names_and_keys_set
from components.settings.types.secrets import ExistingSecret
from components.settings.types.values import image_digest, image_tag

FLOATING_TAGS: Final = frozenset({"latest", "head", "master", "stable", "edge"})


@rule(requires=("profile", "accept"))
def production_is_protected(stack: StackSettings) -> Iterator[Problem]:
    """A default must never lose data."""
    if not stack.protect and not _accepted(stack, Accepted.UNPROTECTED_STATE):
        yield _refused(
            "protect", "false", "must be true, so that claims, secrets and keys cannot be deleted", Accepted.UNPROTECTED_STATE, "remove it"
        )


@rule(requires=("profile", "accept"))
def production_has_a_trusted_certificate(stack: StackSettings) -> Iterator[Problem]:
    """Every client and every node would need the private CA."""
    if isinstance(stack.tls, SelfSignedTls) and not _accepted(stack, Accepted.SELF_SIGNED_CERTIFICATE):
        yield _refused(
            "tls.source",
            "self_signed",
            "must give a certificate from a CA that clients trust",
            Accepted.SELF_SIGNED_CERTIFICATE,
            "use source: provided, existing_secret or cert_manager",
        )


@rule(requires=("profile", "accept"))
def production_pins_its_images(stack: StackSettings) -> Iterator[Problem]:
    """A floating tag changes under a running deployment."""
    for name in ("portus", "registry", "mariadb", "edge", "client", "redis"):
        image = getattr(stack.images, name)
        floats = image is not None and image_digest(image) is None and image_tag(image) in FLOATING_TAGS
        if floats and not _accepted(stack, Accepted.FLOATING_IMAGE_TAGS):
            yield _refused(
                f"images.{name}",
                image,
                "must be pinned by version or digest",
                Accepted.FLOATING_IMAGE_TAGS,
                "name a version or a digest",
            )


@rule(requires=("profile", "accept", "portus.version", "portus.config.email.smtp.ssl_tls"))
def production_sends_no_password_in_clear(stack: StackSettings) -> Iterator[Problem]:
    """Every user's password passes between Portus and the directory, and the mail account's at each mail."""
    if _accepted(stack, Accepted.CLEAR_TEXT_PASSWORDS):
        return
    ldap, smtp = stack.portus.config.ldap, stack.portus.config.email.smtp
    old = not stack.portus.version >= PortusVersion.V2_3
    if ldap.enabled and (ldap.method if old else ldap.encryption.method) in {None, "plain"}:
        yield _refused(
            "portus.config.ldap.method" if old else "portus.config.ldap.encryption.method",
            ldap.method or "",
            "must encrypt the passwords that Portus sends to the directory",
            Accepted.CLEAR_TEXT_PASSWORDS,
            "set it to simple_tls or, with 389, to " + ("starttls" if old else "start_tls"),
        )
    encrypted = smtp.ssl_tls is not None or smtp.enable_starttls_auto
    if smtp.enabled and smtp.user_name is not None and stack.portus.version >= PortusVersion.V2_4 and not encrypted:
        yield _refused(
            "portus.config.email.smtp.enable_starttls_auto",
            "" if smtp.enable_starttls_auto is None else "false",
            "must be true, so that the mail account's password is sent encrypted",
            Accepted.CLEAR_TEXT_PASSWORDS,
            "set it to true, or for port 465 set ssl_tls",
        )


@rule(requires=("profile", "accept"))
def production_shares_no_secret(stack: StackSettings) -> Iterator[Problem]:
    """A client that learns one of them has them all, and none can be changed alone."""
    if _accepted(stack, Accepted.SHARED_PASSWORDS):
        return
    first: dict[str | tuple[str, str], str] = {}
    for key, value in _secrets(stack):
        if value in first:
            yield _refused(key, HIDDEN, f"must be another secret than {first[value]}", Accepted.SHARED_PASSWORDS, "generate a new one")
        first.setdefault(value, key)


@rule(requires=("profile", "accept", "backup.enabled"))
def production_has_backups(stack: StackSettings) -> Iterator[Problem]:
    """Users, teams and their rights are only in the database."""
    if not stack.backup.enabled and not _accepted(stack, Accepted.NO_BACKUPS):
        yield _refused("backup.enabled", "false", "must be true, so that the database is backed up", Accepted.NO_BACKUPS, "remove it")


def _secrets(section: Section, path: str = "") -> Iterator[tuple[str, str | tuple[str, str]]]:
    """Yield key and text, or Secret and its key, of every secret."""
    for name, step in names_and_keys_set(section):
        value, key = getattr(section, name), f"{path}{step}"
        if isinstance(value, ExistingSecret):
            yield key, (value.secret, value.key)
        elif isinstance(value, Section):
            yield from _secrets(value, f"{key}.")
        elif isinstance(value, SecretStr):
            yield key, value.get_secret_value()


def _accepted(stack: StackSettings, what: Accepted) -> bool:
    return stack.profile is not Profile.PRODUCTION or what in stack.accept


def _refused(key: str, value: str, rule: str, waiver: Accepted, fix: str) -> Problem:
    return Problem(
        key=key, value=value, rule=f"{rule} (profile production)", fix=f"{fix}; to accept the risk add '{waiver}' to portus:accept"
    )
