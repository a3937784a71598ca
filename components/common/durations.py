"""Go's durations."""

from __future__ import annotations

import math
import re
from typing import Final

SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """Return a Go duration (``1m30s``) in whole seconds, rounded up."""
    return math.ceil(sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"([0-9.]+)(ms|s|m|h)", duration)))
