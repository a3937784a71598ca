"""Fixtures of every tier: the recorder that runs the program through Pulumi's mocks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.recorder import STACKS, Program, run_program

os.environ.setdefault("PULUMI_ERROR_OUTPUT_STRING", "true")  # an Output in a text raises instead of warning


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the engine's tests last, but for those that xdist groups and so begins with: they build the engine while images are tried."""
    items.sort(key=lambda item: item.get_closest_marker("engine") is not None)


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The cluster of KUBECONFIG, else the lab's own, started where it does not run."""
    if named := os.environ.get("KUBECONFIG"):
        return Path(named)
    from lab import cluster  # noqa: PLC0415 - most tests need no cluster

    return cluster.up()


@pytest.fixture(scope="session")
def programs() -> dict[str, Program]:
    """Every stack's program, run once."""
    return {stack: run_program(stack) for stack in STACKS}
