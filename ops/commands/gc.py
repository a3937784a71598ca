"""``gc``: free the registry's disk."""

from __future__ import annotations

import click

from ops.cli import command_of
from ops.environment import Environment


@click.option("--confirm", type=click.Choice(["yes", "no"]), default="no", help="Delete it. Without this, gc only reports.")
@click.option("--untagged", type=click.Choice(["no", "yes", "even-of-indexes"]), default="no", help="Delete what no tag names, too.")
@click.option("--cache", type=click.Choice(["by-hand"]), help="You flush the registry's Redis yourself, which is not the stack's.")
def gc(stack: str, environment: Environment, *, confirm: str = "no", untagged: str = "no", cache: str | None = None) -> None:
    """Report what the registry's garbage collection would delete, and delete it if --confirm yes. The registry must be read-only."""
    from ops.gc import Request, collect  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    collect(known(stack, environment), Request(confirm=confirm == "yes", untagged=untagged, cache_by_hand=cache is not None))


command = command_of(
    gc,
    rights="get and list Deployments, Pods, ConfigMaps, Secrets, PersistentVolumeClaims and Jobs, create and delete Jobs, read logs of"
    " Pods, list events, and exec into Pods",
)
