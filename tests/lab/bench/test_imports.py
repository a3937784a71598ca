"""Reading a dump first costs little beside its load."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench import imports
from lab.bench.figures import TARGETS
from ops.console import Step


@pytest.mark.images
def test_a_dump_is_imported_at_the_speed_that_the_bench_promises(tmp_path: Path) -> None:
    least = float(TARGETS["import.ratio"].removeprefix(">= "))
    assert imports.ratio(tmp_path, Step("test"), doublings=13) >= least
