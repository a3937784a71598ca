"""``adopt``: write a stack file for a Portus that runs already."""

from __future__ import annotations

from ops.adopt.commands import adopt as command

__all__ = ["command"]
