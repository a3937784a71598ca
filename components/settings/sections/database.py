"""Where Portus keeps its state, and its backups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from components.settings.sections.cluster import ClaimSettings, WorkloadResources
from components.settings.types.base import ChangeImpact, Checked, Matching, Section, broken
from components.settings.types.cron import CronSchedule, TimeZone
from components.settings.types.hosts import NetworkHost
from components.settings.types.secrets import SafeSecretSource
from components.settings.types.values import Bytes, ObjectName, Port

YAML_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What Portus' database.yml, into which names are pasted unquoted, would read as something else than a text."""

_NO_YAML_WORD: Final = Checked(
    lambda v: v not in YAML_WORDS,
    "must not be a word that YAML reads as a value: Portus writes it unquoted into its database.yml",
    "choose another name",
)


def _nearest_name(value: str, example: str) -> str:
    near = re.sub("[^a-z0-9]+", "_", value.lower()).strip("_")
    return f"write {near}" if re.fullmatch("[a-z][a-z0-9_]{1,31}", near) and near not in YAML_WORDS else f"write e.g. {example}"


DatabaseName = Annotated[
    str,
    Matching(
        r"[a-z][a-z0-9_]{0,62}",
        "must be a database's name: a lower case letter, then letters, digits and '_'",
        lambda value: _nearest_name(value, "portus_production"),
    ),
    _NO_YAML_WORD,
]
DatabaseUser = Annotated[
    str,
    Matching(
        r"[a-z][a-z0-9_]{0,31}",
        "must be a user's name: a lower case letter, then letters, digits and '_', at most 32",
        lambda value: _nearest_name(value, "portus"),
    ),
    _NO_YAML_WORD,
]
ExternalName = Annotated[
    str,
    Matching(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", "must be letters, digits, '_', '.' and '-', a letter first", "write e.g. portus"),
    Checked(lambda v: v.lower() not in YAML_WORDS, _NO_YAML_WORD.rule, _NO_YAML_WORD.fix),
]
"""Of an account or a database that already has its name; without the characters that YAML would read as its own."""


def _nearest_size(value: str) -> str:
    match = re.fullmatch(r"([1-9][0-9]*)\s*([MG])(i?B?)", value.strip(), re.IGNORECASE)
    return f"write {match[1]}{match[2].upper()}" if match else "write e.g. 256M"


BufferPoolSize = Annotated[str, Matching(r"[1-9][0-9]*[MG]", "must be a size in MariaDB's notation: a number and M or G", _nearest_size)]


OTHER_DATABASE: Final = ChangeImpact("an empty database: move the data first, and unprotect the claim (docs/operate/protection.md)")


class InClusterDatabase(Section):
    """MariaDB as a StatefulSet of this stack with a claim of its own."""

    kind: Annotated[Literal["in_cluster"], OTHER_DATABASE] = "in_cluster"
    """Where the server runs: in this stack or elsewhere."""
    name: Annotated[DatabaseName, ChangeImpact("MariaDB reads it at its first start only: Portus would lose access")] = "portus_production"
    """Name of the database; Portus' own default."""
    user: Annotated[DatabaseUser, ChangeImpact("MariaDB reads it at its first start only: Portus would lose access")] = "portus"
    """Portus' account."""
    backup_user: Annotated[DatabaseUser, ChangeImpact("MariaDB reads it at its first start only: backups would fail")] = "portus_backup"
    """Account of the backups. It may only read and lock: SELECT, LOCK TABLES, SHOW VIEW."""
    claim: ClaimSettings = ClaimSettings()
    resources: Annotated[WorkloadResources, ChangeImpact("MariaDB restarts; Portus waits some seconds")] = WorkloadResources()
    innodb_buffer_pool_size: Annotated[BufferPoolSize, ChangeImpact("MariaDB restarts; Portus waits some seconds")] = "256M"
    """Under MariaDB's name and in its notation. Portus' data is small: 256M has room for all of it."""
    max_connections: Annotated[int, Field(ge=20, le=2000), ChangeImpact("MariaDB restarts; Portus waits some seconds")] = 150
    """Each thread of Puma and the worker hold one connection; each takes about 1 MiB. 150 serves eight replicas of the default size."""


def _no_postgresql(value: object) -> object:
    if isinstance(value, str) and value in {"postgresql", "postgres", "pg"}:
        raise broken(
            "must be mysql2: on PostgreSQL Portus' readiness check fails and no Pod becomes ready (SUSE/Portus#1697)",
            "use MariaDB or MySQL",
        )
    return value


Adapter = Annotated[Literal["mysql2"], BeforeValidator(_no_postgresql)]


_OTHER_PROTOCOLS: Final = {5432: "PostgreSQL", 33060: "MySQL's X protocol"}


def _port(value: int) -> int:
    """Number, 1 to 65535."""
    if value in _OTHER_PROTOCOLS:
        raise broken(f"must be the port of a MariaDB or MySQL: {value} is that of {_OTHER_PROTOCOLS[value]}", "write 3306, or remove it")
    return value


DatabasePort = Annotated[Port, AfterValidator(_port)]


class ExternalDatabase(Section):
    """A MariaDB or MySQL that the stack does not run; utf8 with utf8_unicode_ci, the user owning the database."""

    synonyms: ClassVar[Mapping[str, str]] = {"database": "name", "username": "user", "dbname": "name"}
    moved_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("url", "uri", "dsn"), "write 'host: ...', 'port: ...', 'name: ...', 'user: ...' and 'password: ...' in its place"),
        **dict.fromkeys(
            ("ssl", "sslmode", "tls"), "remove it: Portus cannot encrypt its connection to the database (docs/deploy/database.md)"
        ),
    }

    kind: Annotated[Literal["external"], OTHER_DATABASE]
    """Where the server runs: in this stack or elsewhere."""
    adapter: Adapter = "mysql2"
    """The driver, by Portus' name. PostgreSQL is refused: its readiness check ends in a NameError (SUSE/Portus#1697)."""
    host: NetworkHost
    """The server, as Portus' Pods reach it."""
    port: DatabasePort = 3306
    """Port of the server. Portus 2.0-2.2 can use no other than 3306."""
    name: ExternalName = "portus_production"
    """Name of the database; Portus' own default."""
    user: ExternalName
    """Portus' account, which owns the database."""
    password: SafeSecretSource
    """Password of that account."""


DatabaseSettings = Annotated[InClusterDatabase | ExternalDatabase, Field(discriminator="kind")]


OTHER_FOLDER = ChangeImpact(
    "the next backup is the first one there: copy the previous ones, and unprotect the claim (docs/operate/protection.md)"
)


class BackupSettings(Section):
    """Dumps of Portus' database, each loaded into a throw-away server and counted before it is called a backup (docs/operate/backup.md).

    The registry's blobs and Pulumi's state, which holds the keys and passwords, are not in them.
    """

    synonyms: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("retention", "retain", "history", "copies"), "keep"),
        "cron": "schedule",
        "tz": "timeZone",
        "claimName": "existingClaim",
    }

    enabled: Annotated[bool, ChangeImpact("off: the schedule ends; unprotect its claim, which stays (docs/operate/protection.md)")] = True
    """Off if something else backs up the database, or if its data has no value."""
    schedule: CronSchedule = "17 2 * * *"
    """When a backup is made: minute, hour, day of the month, month, day of the week. By default at night, and not at a full hour, when
    most jobs of a cluster start."""
    time_zone: TimeZone = "Etc/UTC"
    """Time zone of ``schedule``."""
    before_upgrade: Annotated[bool, ChangeImpact("nothing that runs changes")] = True
    """Whether a deployment of another Portus version, which migrates the database, first makes a backup, and stops if that fails."""
    keep: Annotated[int, Field(ge=1, le=1000), ChangeImpact("the next backup deletes the oldest ones beyond it")] = 14
    """How many backups are kept. Older ones are deleted after a new one has been proven, never before. The newest of each Portus version
    is always kept: an upgrade is undone with it."""
    claim: ClaimSettings = ClaimSettings(size="5Gi")
    existing_claim: Annotated[ObjectName | None, OTHER_FOLDER] = None
    """In place of ``claim``: an existing one, which this stack neither creates nor deletes. Group 10999 must be able to write it."""
    scratch_size: Bytes = "2Gi"
    """The most that the throw-away server may use of its node's disk: twice the size of the database."""
    active_deadline_seconds: Annotated[int, Field(ge=60, le=86400)] = 3600
    """Seconds after which a backup counts as failed and is ended."""
    resources: WorkloadResources = WorkloadResources()
    """Requests and limits of each container of a backup. They run one after the other."""
