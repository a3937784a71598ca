"""What Portus' own account sees in the database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A row of Portus' table ``registries``."""

    hostname: str
    external_hostname: str
    use_ssl: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """Rows of ``registry_events`` in one state; ``oldest`` in seconds."""

    count: int = 0
    oldest: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """What Portus' own account sees.

    Args:
        migrations: versions in ``schema_migrations``.
        expected: versions of the files in the image; empty where it has none to list.
        fresh, stuck: events that wait for the worker, and that it began and never ended.
    """

    version: str
    charset: str
    collation: str
    migrations: tuple[str, ...]
    expected: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    fresh: Backlog = Backlog()
    stuck: Backlog = Backlog()
