"""The lab's engine: a Pulumi CLI with a Python language host and plugins, the user's own where there are any.

They are imported when they are asked for: the plugins live in this package too, four of them start with
each ``pulumi`` command, and what builds the CLI (the console, pydantic) would cost each 0.14 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.engine.cli import Engine, cli_of_its_publisher, ensure_engine, find_own_cli

__all__ = ["Engine", "cli_of_its_publisher", "ensure_engine", "find_own_cli"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from lab.engine import cli  # noqa: PLC0415 -- see above

    return getattr(cli, name)
