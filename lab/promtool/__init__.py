"""Prometheus' own promtool, which checks alerts and plays series to them; built from its Go module when a test asks for it."""

from __future__ import annotations

from pathlib import Path

from lab import versions
from lab.golang import go_program

TAGS = "remove_all_sd"
"""Without the clouds' service discoveries, whose SDKs take most of the build."""


def promtool() -> Path:
    """Return the program, built unless the cache holds it (three minutes on two cores).

    Raises:
        LabError: no ``go``, too little disk, or the build failed (with its last lines).
    """
    source = Path(__file__).parent / "module"
    package = "github.com/prometheus/prometheus/cmd/promtool"
    return go_program("promtool", source, package, version=versions.PROMETHEUS, tags=TAGS, needs_gib=2) / "promtool"
