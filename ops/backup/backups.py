"""The backups of a stack: made now, and listed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.common.names import BACKUP, RESTORE
from ops.console import Step
from ops.kube.jobs import Jobs


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup, as its manifest says: it was loaded into a throw-away server and counted."""

    name: str
    portus: str
    bytes: int
    tables: Mapping[str, int] = field(repr=False)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Backup:
        """Return the backup that ``manifest`` describes."""
        return cls(name=manifest["name"], portus=manifest["portus"], bytes=manifest["bytes"], tables=manifest["tables"])

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(self.tables.values())

    @property
    def taken(self) -> dt.datetime:
        """When its dump began."""
        return dt.datetime.strptime(self.name, "%Y%m%dT%H%M%S%z")


@dataclass(frozen=True, kw_only=True)
class CutOff:
    """A restore that has begun and not ended: the database may hold half of each state.

    Args:
        restore: the backup that was being restored.
        before: the backup of the state before; empty where none was made.
    """

    restore: str
    before: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is on the claim."""

    backups: tuple[Backup, ...]
    cut_off: CutOff | None

    @property
    def names(self) -> str:
        """The names, newest first, for a sentence."""
        return ", ".join(backup.name for backup in self.backups) or "none"

    def find(self, name: str) -> Backup | None:
        """Return the backup called ``name``."""
        return next((backup for backup in self.backups if backup.name == name), None)


def listing(jobs: Jobs, step: Step) -> Listing:
    """Return what is on the claim, newest first; a Pod of the stack reads it.

    Raises:
        OpsError: the stack has no backups, or the Pod could not look.
    """
    run = jobs.start(RESTORE)
    try:
        return read(jobs.wait(run, step))
    finally:
        jobs.delete(run)


def read(lines: list[str]) -> Listing:
    """Return the listing that ``restore.sh`` printed; what is not JSON is a message to the reader."""
    documents = [json.loads(line) for line in lines if line.startswith("{")]
    cut_off = [CutOff(**each) for each in documents if "restore" in each]
    return Listing(backups=tuple(Backup.of(each) for each in documents if "tables" in each), cut_off=cut_off[0] if cut_off else None)


def take(jobs: Jobs, step: Step, *, environment: Mapping[str, str] | None = None) -> Backup:
    """Make a backup now.

    Raises:
        OpsError: the stack has no backups, or this one failed; then none of the others was removed.
    """
    lines = jobs.wait(jobs.start(BACKUP, environment=environment), step)
    return Backup.of(json.loads(lines[-1]))
