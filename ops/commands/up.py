"""``up``: deploy a stack and check it."""

from __future__ import annotations

import click

from ops.cli import command_of
from ops.environment import Environment


@click.option("--refresh", is_flag=True, help="Look at the cluster first, to undo changes by hand, too.")
@click.option("--yes", is_flag=True, help="Do not ask. The preview is shown all the same.")
def up(stack: str, environment: Environment, *, refresh: bool = False, yes: bool = False) -> None:
    """Deploy a stack, and check it with a push and a pull."""
    from ops import lifecycle  # noqa: PLC0415 - heavy

    lifecycle.up(stack, environment, refresh=refresh, yes=yes)


command = command_of(up)
