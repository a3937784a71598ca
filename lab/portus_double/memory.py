"""What the genuine application takes, so that a limit ends the double where it ends that one: without the memory itself.

Peaks of 2.4.3 and 2.5 with one Puma worker (portus-images.md).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
BOOT: Final = 215 * MIB
"""A Rails that loads the whole application: worker, rake task, look at the database."""
WEB: Final = 302 * MIB
"""The web at its first ``/api/v1/health``."""
FURTHER_PUMA_WORKER: Final = 105 * MIB
LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def take(needed: int) -> None:
    """End this process as the kernel does where the container's limit is lower than ``needed`` bytes."""
    for name in LIMITS:
        try:
            limit = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if limit.isdigit() and int(limit) < needed:
            os.kill(os.getpid(), signal.SIGKILL)
        return
