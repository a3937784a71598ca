"""Backups."""

from __future__ import annotations

from collections.abc import Iterator

from components.common import names
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.registry_storage import FilesystemStorage
from components.settings.stack import StackSettings


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
                remedy="remove it, or set backup.enabled to true",
            )


@rule()
def backup_has_one_claim(stack: StackSettings) -> Iterator[Problem]:
    """A claim of the stack's own beside the existing one would stay empty."""
    if stack.backup.existing_claim is not None and "claim" in stack.backup.model_fields_set:
        yield Problem(key="backup.existingClaim", value="", rule="must not be set together with claim", remedy="remove one of the two")


@rule(requires=("registry.storage",))
def backups_lie_apart_from_what_they_save(stack: StackSettings) -> Iterator[Problem]:
    """What takes the database's volume, or fills the registry's, would take the backups along."""
    taken = {names.DATABASE_CLAIM: "database", names.REGISTRY_CLAIM: "registry"}
    storage = stack.registry.storage
    if isinstance(storage, FilesystemStorage) and storage.existing_claim is not None:
        taken[storage.existing_claim.name] = "registry"
    claim = stack.backup.existing_claim
    if claim is not None and claim in taken:
        yield Problem(
            key="backup.existingClaim",
            value=claim,
            rule=f"must be another claim than the {taken[claim]}'s",
            remedy="name a claim for the backups only, or remove it: this program then creates one",
        )
