"""The database and its backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.common import names
from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.credentials import OF_THE_DATABASE
from components.settings.rules.rule import rule
from components.settings.sections.credentials import ExistingCredentials
from components.settings.sections.database import ExternalDatabase, InClusterDatabase
from components.settings.sections.storage.driver import ExistingClaim
from components.settings.stack import StackSettings
from components.settings.types.base import key_of

SYSTEM_DATABASES: Final = frozenset({"mysql", "sys", "information_schema", "performance_schema"})
"""Of every MariaDB and MySQL."""
ROTATION_DATABASE: Final = "portus_rotation"
"""Of the stack's own MariaDB: its procedures run with root's rights (components/mariadb/scripts/rotation.sql)."""


@rule()
def existing_passwords_need_a_database_in_the_cluster(stack: StackSettings) -> Iterator[Problem]:
    """The accounts of an external server are not this stack's; its password is under ``database``."""
    if isinstance(stack.database, InClusterDatabase):
        return
    for name in OF_THE_DATABASE:
        if getattr(stack.credentials.existing, name) is not None:
            yield Problem(
                key=f"credentials.existing.{key_of(ExistingCredentials, name)}",
                value=HIDDEN,
                rule="has no effect while database.kind is external",
                fix="remove it; Portus' password at that server is database.password",
            )


@rule(requires=("portus.version",))
def old_image_family_uses_port_3306(stack: StackSettings) -> Iterator[Problem]:
    """database.yml of 2.0-2.2 has no port key."""
    database = stack.database
    if isinstance(database, ExternalDatabase) and not stack.portus.version.is_puma and database.port != 3306:  # noqa: PLR2004
        yield Problem(
            key="database.port",
            value=str(database.port),
            rule=f"must be 3306: Portus {stack.portus.version} always connects to that port",
            fix="let the database listen on 3306, or use Portus 2.3 or later",
        )


@rule(requires=("database.user",))
def database_users_differ(stack: StackSettings) -> Iterator[Problem]:
    """One account with two passwords would lose one of them."""
    database = stack.database
    if not isinstance(database, InClusterDatabase):
        return
    if database.user == database.backup_user:
        yield Problem(
            key="database.backupUser",
            value=database.backup_user,
            rule="must differ from database.user",
            fix="choose another name, e.g. portus_backup",
        )
    for key, user in (("user", database.user), ("backupUser", database.backup_user)):
        if user in {"root", "mysql", "mariadb", "healthcheck", "portus_rotation"}:
            yield Problem(
                key=f"database.{key}", value=user, rule="must not be an account that the server itself uses", fix="choose another name"
            )


@rule()
def database_is_not_one_of_the_servers_own(stack: StackSettings) -> Iterator[Problem]:
    """Portus' account owns its database. In one of the server's own it could change the accounts, and a restore would empty it."""
    database = stack.database
    own = SYSTEM_DATABASES if isinstance(database, ExternalDatabase) else {*SYSTEM_DATABASES, ROTATION_DATABASE}
    if database.name.lower() in own:
        yield Problem(
            key="database.name",
            value=database.name,
            rule="must not be a database that the server itself uses",
            fix="choose another name, e.g. portus_production",
        )


@rule()
def backup_settings_have_backups(stack: StackSettings) -> Iterator[Problem]:
    """A user who sets a schedule expects backups."""
    backup = stack.backup
    if backup.enabled:
        return
    for name, field in type(backup).model_fields.items():
        if name != "enabled" and name in backup.model_fields_set:
            yield Problem(
                key=f"backup.{field.alias or name}",
                value="",
                rule="has no effect while backup.enabled is false",
                fix="remove it, or set backup.enabled to true",
            )


@rule()
def backup_has_one_claim(stack: StackSettings) -> Iterator[Problem]:
    """A claim of the stack's own beside the existing one would stay empty."""
    if stack.backup.existing_claim is not None and "claim" in stack.backup.model_fields_set:
        yield Problem(key="backup.existingClaim", value="", rule="must not be set together with claim", fix="remove one of the two")


@rule(requires=("registry.storage",))
def backups_have_another_claim_than_the_data(stack: StackSettings) -> Iterator[Problem]:
    """The loss of the data's volume would be the loss of the backups, and a full volume would stop both."""
    taken = {names.DATABASE_CLAIM: "database", names.REGISTRY_CLAIM: "registry"}
    volume = stack.registry.storage.volume
    if isinstance(volume, ExistingClaim):
        taken[volume.name] = "registry"
    claim = stack.backup.existing_claim
    if claim is not None and claim in taken:
        yield Problem(
            key="backup.existingClaim",
            value=claim,
            rule=f"must be another claim than the {taken[claim]}'s",
            fix="name a claim for the backups only, or remove it: this program then creates one",
        )
