"""``backups``: list the backups."""

from __future__ import annotations

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


def backups(stack: str, environment: Environment) -> None:
    """List the backups of the deployed stack."""
    from ops.backup import verbs  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    verbs.backups(stack, reached(stack, environment))


command = command_of(backups, rights=rights.JOBS)
