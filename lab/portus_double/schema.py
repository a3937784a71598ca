"""Making, upgrading and judging the tables; ``schema/<version>.sql`` holds one column a line, so that both can read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pymysql

from . import database
from .database import Database, State
from .release import Release

_FOLDER: Final = Path(__file__).resolve().parent / "schema"
_TABLE: Final = re.compile(r"^CREATE TABLE `(\w+)` \(\n(.*?)\n\);", re.DOTALL | re.MULTILINE)
_MIGRATION: Final = re.compile(r"^-- (\d{14})$", re.MULTILINE)


@dataclass(frozen=True)
class Table:
    """One table: its whole statement, and the definition of each column."""

    name: str
    statement: str
    columns: dict[str, str]


def tables(version: str) -> list[Table]:
    """Return the tables of a version, those others refer to first."""
    found = []
    for match in _TABLE.finditer((_FOLDER / f"{version}.sql").read_text()):
        lines = [line.strip().rstrip(",") for line in match.group(2).splitlines()]
        columns = {line.split("`")[1]: line for line in lines if line.startswith("`")}
        found.append(Table(match.group(1), match.group().rstrip(";"), columns))
    return found


def migrations(version: str) -> list[str]:
    """Return the migrations that a version's ``schema_migrations`` lists."""
    return _MIGRATION.findall((_FOLDER / f"{version}.sql").read_text())


def state(db: Database, version: str) -> State:
    """Look at the database as the start-up scripts do.

    Any refusal but that of an absent database reads as DOWN, a wrong password or a user without rights, too. A pending migration
    reads as EMPTY.
    """
    try:
        return State.READY if not pending(db, version) else State.EMPTY
    except pymysql.MySQLError as error:
        return State.MISSING if database.error_code(error) == database.NO_DATABASE else State.DOWN
    except Exception:  # noqa: BLE001 - the genuine check calls every other error unknown
        return State.UNKNOWN


def pending(db: Database, version: str) -> list[str]:
    """Return the migrations the database lacks: all of them where there is no ``schema_migrations`` yet."""
    if not db.row("SHOW TABLES LIKE 'schema_migrations'"):
        return migrations(version)
    done = {row["version"] for row in db.rows("SELECT version FROM schema_migrations")}
    return [version_id for version_id in migrations(version) if version_id not in done]


def create_database(db: Database) -> bool:
    """Create the database when it is missing; return whether it was."""
    connection = database.connect(db.address, with_database=False)
    try:
        with connection.cursor() as cursor:
            found = cursor.execute("SHOW DATABASES LIKE %s", (db.address.name,))
            if not found:
                name = db.address.name.replace("`", "``")
                cursor.execute(f"CREATE DATABASE `{name}` DEFAULT CHARACTER SET utf8")
    finally:
        connection.close()
    return not found


def load(db: Database, release: Release) -> None:
    """Make every table in an empty database.

    Raises:
        pymysql.MySQLError: a table is there already, as when two webs start on one empty database.
    """
    for table in tables(release.version):
        db.run(f"{table.statement} DEFAULT CHARSET=utf8" if release.tables_are_utf8 else table.statement)
    _note_migrations(db, release)
    if release.version == "2.5":
        moment = database.now()
        db.insert("ar_internal_metadata", key="environment", value="production", created_at=moment, updated_at=moment)


def migrate(db: Database, release: Release) -> list[str]:
    """Bring older tables to this version's form, keeping their rows; return the migrations this ran."""
    missing = pending(db, release.version)
    if not missing:
        return []
    for table in tables(release.version):
        if not db.row("SHOW TABLES LIKE %s", table.name):
            db.run(table.statement)
            continue
        there = {row["Field"] for row in db.rows(f"SHOW COLUMNS FROM `{table.name}`")}
        for name, definition in table.columns.items():
            if name not in there:
                db.run(f"ALTER TABLE `{table.name}` ADD COLUMN {definition}")
    _note_migrations(db, release)
    return missing


def _note_migrations(db: Database, release: Release) -> None:
    for version_id in pending(db, release.version):
        db.run("INSERT INTO schema_migrations (version) VALUES (%s)", version_id)
