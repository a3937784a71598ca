"""``preview``: show what ``up`` would change."""

from __future__ import annotations

import click

from ops.cli import command_of
from ops.environment import Environment


@click.option("--refresh", is_flag=True, help="Look at the cluster first: show what was changed by hand, too.")
def preview(stack: str, environment: Environment, *, refresh: bool = False) -> None:
    """Show what up would change; change nothing."""
    from ops import lifecycle  # noqa: PLC0415 - heavy

    lifecycle.preview(stack, environment, refresh=refresh)


command = command_of(preview)
