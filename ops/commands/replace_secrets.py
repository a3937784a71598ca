"""``replace-secrets``: let the next ``up`` replace the secrets that a state shows."""

from __future__ import annotations

from ops.cli import command_of
from ops.environment import Environment


def replace_secrets(stack: str, environment: Environment) -> None:
    """Let the next up replace the secrets that the state of the stack shows. Nothing else changes."""
    from ops.lifecycle import known  # noqa: PLC0415 - heavy
    from ops.readable_secrets import unprotect_readable_secrets  # noqa: PLC0415 - heavy

    found = known(stack, environment)
    found.require_known()
    unprotect_readable_secrets(found)


command = command_of(replace_secrets)
