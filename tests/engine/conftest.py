from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine import Engine, ensure_engine
from tests.engine.harness import Stack


@pytest.fixture(scope="session")
def engine() -> Engine:
    return ensure_engine()


@pytest.fixture
def stack(engine: Engine, tmp_path: Path) -> Stack:
    return Stack(engine, tmp_path)
