"""The bench's figures are medians of the program by medians of the floor, and the headline is the worse of the stacks."""

from __future__ import annotations

import pytest

from lab.bench.figures import Pair, Run, figures

HEADLINES = [
    "preview.wall.ratio",
    "preview.memory.ratio",
    "noop_up.wall.ratio",
    "noop_up.memory.ratio",
    "program.seconds",
    "program.share",
    "up_from_nothing.seconds",
]


def runs(*walls: float, peak: float = 100, program: float = 0.5) -> list[Run]:
    return [Run(wall=wall, peak_mib=peak, program=program) for wall in walls]


def test_a_ratio_is_of_medians_so_that_one_disturbed_run_counts_nothing() -> None:
    pair = Pair(floor=runs(2.0, 2.0, 9.0, 2.0, 2.0), program=runs(2.2, 30.0, 2.2, 2.2, 2.2, peak=110))
    assert pair.ratio("wall") == pytest.approx(1.1)
    assert pair.ratio("peak_mib") == pytest.approx(1.1)


def test_the_headline_is_the_worse_stack_in_each_figure() -> None:
    slow = Pair(floor=runs(2.0), program=runs(3.0, peak=100, program=0.6))
    large = Pair(floor=runs(2.0), program=runs(2.0, peak=120, program=0.5))
    found = figures({"lab": {"preview": slow, "noop_up": slow}, "prod": {"preview": large, "noop_up": large}}, from_nothing=60.04)
    assert (found["preview.wall.ratio"], found["preview.memory.ratio"]) == (1.5, 1.2)
    assert (found["program.seconds"], found["program.share"]) == (0.6, 0.25)
    assert (found["lab.noop_up.memory.ratio"], found["prod.noop_up.wall.ratio"]) == (1.0, 1.0)
    assert found["up_from_nothing.seconds"] == 60.04


def test_the_headlines_come_first_and_under_these_names() -> None:
    pair = Pair(floor=runs(2.0), program=runs(2.0))
    assert list(figures({"lab": {"preview": pair, "noop_up": pair}}, from_nothing=1))[: len(HEADLINES)] == HEADLINES
