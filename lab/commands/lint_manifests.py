"""``lint-manifests``: lint the YAML of every stack."""

from __future__ import annotations

import click


@click.command("lint-manifests")
def command() -> None:
    """Lint the YAML of every stack."""
    from lab.manifests.lint import lint  # noqa: PLC0415 - heavy

    lint()
