"""``backup``: back the database up now."""

from __future__ import annotations

from ops import rights
from ops.cli import command_of
from ops.environment import Environment


def backup(stack: str, environment: Environment) -> None:
    """Back the database of the deployed stack up now; the backup is loaded on trial and compared."""
    from ops.backup import verbs  # noqa: PLC0415 - heavy
    from ops.lifecycle import reached  # noqa: PLC0415 - heavy

    verbs.backup(stack, reached(stack, environment))


command = command_of(backup, rights=rights.JOBS)
