"""``export``: write what leaves Portus with you."""

from __future__ import annotations

from pathlib import Path

import click

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="New folder to write to (make: DIR=...).")
def export(stack: str, environment: Environment, *, folder: Path) -> None:
    """Write people, rights and the list of images for another registry: skopeo, Harbor, zot. Changes nothing."""
    from ops.export.verb import export as write  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    write(known(stack, environment), folder)


command = command_of(export, rights=rights.READ)
