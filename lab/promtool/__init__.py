"""Prometheus' own promtool, which checks alerts and plays series to them; built from its Go module when a test asks for it."""

from __future__ import annotations

from pathlib import Path

from lab import golang, versions


def promtool() -> Path:
    """Return the program, built unless the cache holds it (three minutes on two cores).

    Raises:
        OpsError: no ``go``, too little disk, or the build failed (with its last lines).
    """
    program = golang.Program(
        name="promtool",
        source=Path(__file__).parent / "module",
        package="github.com/prometheus/prometheus/cmd/promtool",
        version=versions.PROMETHEUS,
        tags="remove_all_sd",  # without the clouds' service discoveries, whose SDKs take most of the build
    )
    return golang.ensure([program], needs_gib=2)["promtool"] / "promtool"
