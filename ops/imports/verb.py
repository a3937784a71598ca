"""``import-database``, from a dump on this machine to a backup on the stack's claim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ops.backup.backups import Backup
from ops.backup.restore import ALIKE, OLDER_SCHEMA
from ops.console import console, escape, step
from ops.deployment import Deployment
from ops.imports.dump import Dump, read
from ops.imports.judge import judge
from ops.imports.load import load

PAGE = "docs/operate/adopt.md"


def read_dump(path: Path) -> Dump:
    """Return what the dump ``path`` holds, before any cluster is asked; raises as `ops.imports.dump.read`."""
    with step(f"reading {path}") as current:
        return read(path, current.say)


def import_database(deployment: Deployment, path: Path, dump: Dump) -> None:
    """Make ``dump``, which was read from ``path``, a backup of the stack; the database is not touched.

    Raises:
        LabError: the dump is refused, or cannot become a backup; then none was made or removed.
    """
    target = str(deployment.outputs["versions"]["portus"])
    judge(path, dump, target)
    with step(f"loading {path.name} into a throw-away server of stack {deployment.stack}") as current:
        made = load(deployment.jobs, deployment.pods, path, dump, current)
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
        external = f", external name {record.external_hostname}" if record.external_hostname else ""
        yield f"The restore brings the registry's record: {record.hostname}{external}. The stack's registry is {registry}."
    names = {name for record in dump.records for name in (record.hostname, record.external_hostname) if name}
    if names - {registry}:
        yield f'Correct the record after the restore: {PAGE}, "Correct the record of the registry".'
    if not dump.records:
        yield "The dump has no record of a registry. Portus 2.4 and later make it at the start; else add it on the page Admin > Registries."
    yield "The users keep their old passwords. An unknown one: docs/operate/passwords.md."
