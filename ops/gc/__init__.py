"""The registry's own garbage collection, run on a deployed stack while no client can push (``make gc``)."""

from ops.gc.command import Request, collect

__all__ = ["Request", "collect"]
