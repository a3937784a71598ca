"""``render``: write a stack's YAML for review."""

from __future__ import annotations

from pathlib import Path

import click

from ops.cli import command_of
from ops.environment import Environment


@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="Folder to write to (make: DIR=...).")
def render(stack: str, _: Environment, *, folder: Path) -> None:
    """Write the YAML of a stack, without its secrets; asks no cluster."""
    from lab.render.render import render as write  # noqa: PLC0415 - heavy

    write(stack, folder)


command = command_of(render)
