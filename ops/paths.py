"""Where things are kept: the checkout, this checkout's own lab state, and the cache shared by all checkouts."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

STATE = ROOT / ".lab"
"""This checkout's lab: cluster data, Pulumi home and state, kubeconfig, logs. Ignored by git, removed by ``make down``."""

LOGS = STATE / "logs"
"""One folder for every log of the lab; removed with the rest of STATE, and written again by each start."""


def cache() -> Path:
    """Return the folder of built binaries and images, outside the tree so that a second clone builds nothing.

    ``PORTUS_LAB_CACHE`` wins, then ``XDG_CACHE_HOME/portus-lab``, then ``~/.cache/portus-lab``.
    """
    if explicit := os.environ.get("PORTUS_LAB_CACHE"):
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "portus-lab"
