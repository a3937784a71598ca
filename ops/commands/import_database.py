"""``import-database``: make a dump of another Portus a backup of this stack."""

from __future__ import annotations

from pathlib import Path

import click

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


@click.option(
    "--dump", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File of mariadb-dump or mysqldump, gzip or not."
)
def import_database(stack: str, environment: Environment, *, dump: Path) -> None:
    """Prove a dump of a Portus 2.0 to 2.5, convert it, and make it a backup, which restore then loads."""
    from ops.imports import verb  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    found = verb.read_dump(dump)
    verb.import_database(reached(stack, environment), dump, found)


command = command_of(import_database, rights=f"{rights.JOBS}, and {rights.EXEC}")
