"""``verify``: check a stack file."""

from __future__ import annotations

from ops.cli import command_of
from ops.environment import Environment


def verify(stack: str, _: Environment) -> None:
    """Check a stack file as a pipeline does: it loads, passes the manifest rules, equals its committed render."""
    from lab.render.verify import verify as check  # noqa: PLC0415 - heavy

    check(stack)


command = command_of(verify)
