"""``password``: print the administrator's password."""

from __future__ import annotations

import sys

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


def password(stack: str, environment: Environment) -> None:
    """Print the password of the deployed stack's first administrator, and nothing else."""
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    sys.stdout.write(f"{known(stack, environment).deployment(environment).administrator_password}\n")


command = command_of(password, rights=rights.PASSWORD)
