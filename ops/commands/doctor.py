"""``doctor``: find what does not work, and the fix."""

from __future__ import annotations

import click

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


@click.option("--json", "as_data", is_flag=True, help="Print JSON, for machines.")
@click.option("--push", is_flag=True, help="Push and pull an image, too.")
@click.option("--drift", is_flag=True, help="Have Pulumi compare the cluster with the stack file, too: as slow as a preview.")
def doctor(stack: str, environment: Environment, *, push: bool = False, drift: bool = False, as_data: bool = False) -> int:
    """Name what is broken in the deployed stack, and the fix. The exit code is 0 if nothing is."""
    from ops.doctor.verb import doctor as examine  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    return 0 if examine(known(stack, environment), environment, push=push, drift=drift, as_data=as_data) else 1


command = command_of(doctor, rights=rights.READ)
