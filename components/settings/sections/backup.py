"""Backups of Portus' database."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.settings.sections.cluster import ClaimSettings, WorkloadResources
from components.settings.types.base import Later, Section
from components.settings.types.cron import CronSchedule, TimeZone
from components.settings.types.values import Bytes, ObjectName

OTHER_FOLDER = Later("the next backup is the first one there: copy the previous ones, and unprotect the claim (docs/operate/protection.md)")


class BackupSettings(Section):
    """Dumps of Portus' database, each loaded into a throw-away server and counted before it is called a backup (docs/operate/backup.md).

    The registry's blobs and Pulumi's state, which holds the keys and passwords, are not in them.
    """

    enabled: Annotated[bool, Later("off: the schedule ends; unprotect its claim, which stays (docs/operate/protection.md)")] = True
    """Off if something else backs up the database, or if its data has no value."""
    schedule: CronSchedule = "17 2 * * *"
    """The CronJob's own: minute, hour, day of the month, month, day of the week. Nightly, at no full hour, when everybody's jobs start."""
    time_zone: TimeZone = "Etc/UTC"
    """The CronJob's own: in which ``schedule`` is read."""
    before_upgrade: Annotated[bool, Later("nothing that runs")] = True
    """Whether a deployment of another Portus version, which migrates the database, first makes a backup, and stops where that fails."""
    keep: Annotated[int, Field(ge=1, le=1000), Later("after the next backup; the oldest ones beyond it go")] = 14
    """How many backups are kept; older ones go after a new one has been proven, never before. The newest of each Portus version stays
    beyond it: it is the way back from an upgrade."""
    claim: ClaimSettings = ClaimSettings(size="5Gi")
    existing_claim: Annotated[ObjectName | None, OTHER_FOLDER] = None
    """Instead of ``claim``: one that exists, which this stack neither makes nor removes. Group 10999 must be able to write it."""
    scratch_size: Bytes = "2Gi"
    """The most that the throw-away server may take of its node's disk: the database twice."""
    active_deadline_seconds: Annotated[int, Field(ge=60, le=86400)] = 3600
    """Seconds after which a backup counts as failed and is ended."""
    resources: WorkloadResources = WorkloadResources()
    """Of each of its containers, which run one after the other."""
