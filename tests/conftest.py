"""Fixtures of every tier: the recorder that runs the program through Pulumi's mocks."""

from __future__ import annotations

import os

import pytest

from tests.recorder import STACKS, Program, run_program

os.environ.setdefault("PULUMI_ERROR_OUTPUT_STRING", "true")  # an Output in a text raises instead of warning


@pytest.fixture(scope="session")
def programs() -> dict[str, Program]:
    """Every stack's program, run once."""
    return {stack: run_program(stack) for stack in STACKS}
