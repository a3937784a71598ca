"""``import-database``: judges a dump on this machine, and makes it a backup on the stack's claim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from ops.backup.backups import Backup
from ops.backup.restore import ALIKE, OLDER_SCHEMA
from ops.console import console, escape, step
from ops.deployment import Deployment
from ops.imports.dump import Dump, DumpError, Problem, read
from ops.imports.load import load

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


def read_dump(path: Path) -> Dump:
    """Return what the dump ``path`` holds, before any cluster is asked; raises as `ops.imports.dump.read`."""
    with step(f"reading {path}") as current:
        return read(path, current.say)


def import_database(deployment: Deployment, path: Path, dump: Dump) -> None:
    """Make ``dump``, which was read from ``path``, a backup of the stack; the database is not touched.

    Raises:
        OpsError: the dump is refused, or cannot become a backup; then none was made or removed.
    """
    target = str(deployment.outputs["versions"]["portus"])
    judge(path, dump, target)
    with step(f"loading {path.name} into a throw-away server of stack {deployment.stack}") as current:
        made = load(deployment.jobs, deployment.pods, path, dump, current, registry=deployment.registry)
    counts = ", ".join(f"{made.tables[table]} {table}" for table in ("users", "teams", "repositories", "tags"))
    console.print(f"backup {made.name}: Portus {made.portus}, {made.rows} rows in {len(made.tables)} tables; {counts}")
    for line in told(deployment, dump, made, target):
        console.print(escape(line))


def told(deployment: Deployment, dump: Dump, made: Backup, target: str) -> Iterator[str]:
    """Give what its restore brings, and what to do."""
    command = f"make restore STACK={deployment.stack} DUMP={made.name}"
    if made.portus != target and not {made.portus, target} <= ALIKE and target not in OLDER_SCHEMA:
        yield f"Portus {target} does not migrate it: set portus:portus.version to {made.portus} and deploy; upgrade after the restore."
    yield f"To load it: {command}"
    registry = deployment.registry
    for record in dump.records:
        names = [name for name in (record.hostname, record.external_hostname) if name]
        if set(names) - {registry}:
            yield f"The dump's record of the registry names {', external name '.join(names)}; the backup's names the stack's, {registry}."
    if not dump.records:
        yield "The dump has no record of a registry. Portus 2.4 and later make it at the start; else add it on the page Admin > Registries."
    yield "The users keep their old passwords. An unknown one: docs/operate/passwords.md."
