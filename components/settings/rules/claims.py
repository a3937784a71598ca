"""The sizes of claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.cluster import amount
from components.settings.rules.rule import rule
from components.settings.sections.database import InClusterDatabase
from components.settings.sections.registry_storage import FilesystemStorage
from components.settings.stack import StackSettings

DATABASE_NEEDS: Final = "512Mi"
"""An empty MariaDB takes about 180 MiB (redo log 96 MiB, system and undo tablespaces, Aria's log); the rest is room for Portus' tables
and for temporary ones."""
REGISTRY_NEEDS: Final = "1Gi"
"""One image of a usual size, and the upload that it comes by."""
BACKUP_NEEDS: Final = "100Mi"
"""A dump of a Portus in use is some MiB; there are ``backup.keep`` of them."""
SCRATCH_NEEDS: Final = "512Mi"
"""The throw-away server is a MariaDB, too."""


@rule(requires=("database", "registry.storage", "backup"))
def claims_hold_what_lives_in_them(stack: StackSettings) -> Iterator[Problem]:
    """A full volume stops MariaDB in the middle of its start, and each push."""
    for key, size, needed, what in _sizes(stack):
        if amount(size) < amount(needed):
            yield Problem(key=key, value=size, rule=f"must be {needed} or more: {what}", remedy=f"write {needed} or more")


def _sizes(stack: StackSettings) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, size, least size and reason of each volume that this stack makes."""
    if isinstance(stack.database, InClusterDatabase):
        yield "database.claim.size", stack.database.claim.size, DATABASE_NEEDS, "an empty MariaDB needs about 180Mi"
    storage = stack.registry.storage
    if isinstance(storage, FilesystemStorage) and storage.existing_claim is None:
        yield "registry.storage.claim.size", storage.claim.size, REGISTRY_NEEDS, "every layer of every image is stored here"
    if stack.backup.enabled:
        if stack.backup.existing_claim is None:
            yield "backup.claim.size", stack.backup.claim.size, BACKUP_NEEDS, f"{stack.backup.keep} backups are kept here"
        yield "backup.scratchSize", stack.backup.scratch_size, SCRATCH_NEEDS, "each backup is loaded into an empty MariaDB here"
