"""``reset-password``: set the password of a user who cannot log in."""

from __future__ import annotations

import click

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


@click.option("--user", required=True, help="Name of the user.")
@click.option("--generate", is_flag=True, help="Make a random password, and print it once.")
def reset_password(stack: str, environment: Environment, *, user: str, generate: bool = False) -> None:
    """Set the password of a user of the deployed Portus; it is asked on the terminal, or read from standard input."""
    from ops.lifecycle import known  # noqa: PLC0415 - heavy
    from ops.users import verb  # noqa: PLC0415 - heavy

    verb.reset_password(known(stack, environment), user, generate=generate)


command = command_of(reset_password, rights=rights.READ)
