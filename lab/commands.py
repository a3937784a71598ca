"""The developers' commands, made as the operator's are (`ops.commands`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from ops.cli import command_of
from ops.environment import Environment


@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="Folder to write to (make: DIR=...).")
def render(stack: str, _: Environment, *, folder: Path) -> None:
    """Write the YAML of a stack, without its secrets; asks no cluster."""
    from lab.render.render import render as write  # noqa: PLC0415 - heavy

    write(stack, folder)


def verify(stack: str, _: Environment) -> None:
    """Check a stack file as a pipeline does: it loads, passes the manifest rules, equals its committed render."""
    from lab.render.verify import verify as check  # noqa: PLC0415 - heavy

    check(stack)


@click.command("lint-manifests")
def lint_manifests() -> None:
    """Lint the YAML of every stack."""
    from lab.manifests.lint import lint  # noqa: PLC0415 - heavy

    lint()


COMMANDS: Final[dict[str, click.Command]] = {"render": command_of(render), "verify": command_of(verify), "lint-manifests": lint_manifests}
