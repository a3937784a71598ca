"""``restore``: replace the database by a backup."""

from __future__ import annotations

import click

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


@click.option("--dump", default="", help="Name of the backup; backups lists them.")
@click.option("--safety", type=click.Choice(["yes", "no"]), default="yes", show_default=True, help="Back the present state up first.")
def restore(stack: str, environment: Environment, *, dump: str = "", safety: str = "yes") -> None:
    """Replace the database of the deployed stack by a backup, and check that Portus works on it."""
    from ops.backup import verbs  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    environment.require_client(stack)
    verbs.restore(stack, reached(stack, environment), environment.kubeconfig, dump=dump, safety=safety == "yes")


command = command_of(restore, rights=f"{rights.JOBS}, get and patch Deployments, {rights.CHECK}")
