"""Whether a dump is one of Portus, and one that the stack's version reads; pure."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from ops.imports.dump import Dump
from ops.imports.problems import DumpError, Problem

TABLES: Final = ("namespaces", "registries", "repositories", "schema_migrations", "tags", "team_users", "teams", "users")
"""Those of every Portus from 2.0 on."""


def judge(path: Path, dump: Dump, target: str) -> str:
    """Return the oldest Portus that reads the schema of ``dump``; the stack runs ``target``.

    Raises:
        DumpError: it is of another program, or newer than ``target``.
    """
    missing = [table for table in TABLES if table not in dump.columns]
    if missing:
        rule = f"must be a dump of Portus' database, and lacks the tables {', '.join(missing)}"
        raise DumpError(path, [Problem(0, rule, "dump the whole database that Portus uses (PORTUS_DB_DATABASE)")])
    if not dump.schema:
        rule = "must be of a database that Portus has set up, and schema_migrations is empty"
        raise DumpError(path, [Problem(0, rule, "dump with its rows, without --no-data")])
    version = version_of(dump.schema)
    newest = NEWEST_MIGRATIONS[PortusVersion(target)]
    if dump.schema > newest:
        fix = f"set portus:portus.version to {version} and deploy, then import again" if version else "no Portus up to 2.5 reads it"
        rule = f"must have no migration after {newest}, the last of Portus {target} which the stack runs, and has {dump.schema}"
        raise DumpError(path, [Problem(dump.schema_line, rule, fix)])
    return version


def version_of(schema: str) -> str:
    """Return the oldest Portus that reads a schema, after its migrations; '' where none does."""
    return next((version.value for version, newest in NEWEST_MIGRATIONS.items() if schema <= newest), "")
