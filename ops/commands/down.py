"""``down``: remove a stack."""

from __future__ import annotations

import click

from ops.cli import command_of
from ops.environment import Environment


@click.option("--yes", is_flag=True, help="Do not ask. The preview is shown all the same.")
def down(stack: str, environment: Environment, *, yes: bool = False) -> None:
    """Remove a stack; of the lab's stacks the whole lab. A stack with protected resources is refused."""
    from ops import lifecycle  # noqa: PLC0415 - heavy

    lifecycle.down(stack, environment, yes=yes)


command = command_of(down)
