"""The lab's engine: a Pulumi CLI with a Python language host and plugins, the user's own where there are any."""

from lab.engine.cli import Engine, ensure_engine

__all__ = ["Engine", "ensure_engine"]
