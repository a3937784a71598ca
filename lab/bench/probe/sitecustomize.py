# ruff: noqa: INP001 -- no package: Python looks for this very file
"""Python imports this by itself where its folder is on ``PYTHONPATH``; it reports on a Pulumi program's process, and only on that.

A report of the process on itself works with any language host, the genuine one included. It costs some 2 ms, floor and program alike.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import time
from pathlib import Path
from typing import Any

_run_path = runpy.run_path


def _watched(*arguments: Any, **named: Any) -> Any:
    """Run the program as ``runpy.run_path``, by which every executor starts it; note when it has registered everything."""
    found: dict[str, float] = {}
    atexit.register(_report, found)
    try:
        return _run_path(*arguments, **named)
    finally:
        found["seconds"] = _age()


def _age() -> float:
    """Return the seconds since the kernel started this process; it counts in hundredths."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _report(found: dict[str, float]) -> None:
    # Not getrusage: its peak is that of the parent at the time of the fork, where that was larger.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    Path(os.environ["PORTUS_BENCH_REPORT"]).write_text(json.dumps({**found, "peak_kib": peak}), encoding="utf-8")


if "PORTUS_BENCH_REPORT" in os.environ:
    runpy.run_path = _watched
