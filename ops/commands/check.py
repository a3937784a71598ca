"""``check``: see whether a deployed stack does its main job."""

from __future__ import annotations

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


def check(stack: str, environment: Environment) -> None:
    """Push and pull an image through the deployed stack, and wait until Portus has recorded it.

    The user is the first administrator, or whom CHECK_USER and CHECK_PASSWORD_FILE name.
    """
    from ops.check import checked  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    environment.require_client(stack)
    checked(reached(stack, environment))


command = command_of(check, rights=rights.CHECK)
