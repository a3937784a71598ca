"""The bench's figures are medians of the program by medians of the floor, and the headline is the worse of the stacks."""

from __future__ import annotations

import pytest

from lab.bench.figures import TARGETS, Pair, Run, figures
from lab.bench.transfer import Speeds, percentile
from ops.paths import ROOT

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
    found = figures(
        {"lab": {"preview": slow, "noop_up": slow}, "prod": {"preview": large, "noop_up": large}},
        from_nothing=60.04,
        service={"push.ratio": 0.9},
    )
    assert (found["preview.wall.ratio"], found["preview.memory.ratio"]) == (1.5, 1.2)
    assert (found["program.seconds"], found["program.share"]) == (0.6, 0.25)
    assert (found["lab.noop_up.memory.ratio"], found["prod.noop_up.wall.ratio"]) == (1.0, 1.0)
    assert (found["up_from_nothing.seconds"], found["push.ratio"]) == (60.04, 0.9)


def test_the_headlines_come_first_and_under_these_names() -> None:
    pair = Pair(floor=runs(2.0), program=runs(2.0))
    assert list(figures({"lab": {"preview": pair, "noop_up": pair}}, from_nothing=1, service={}))[: len(HEADLINES)] == HEADLINES


def test_a_ratio_of_speeds_is_the_stacks_by_the_bare_registrys() -> None:
    assert Speeds(bare=[2.0, 2.0, 9.0], stack=[4.0, 1.0, 4.0]).ratio == 0.5


@pytest.mark.parametrize(("share", "value"), [(0.99, 99), (0.5, 50), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value
    assert percentile([7.0], share) == 7


def test_the_manual_names_every_target() -> None:
    manual = (ROOT / "docs" / "develop" / "bench.md").read_text(encoding="utf-8")
    for name, target in TARGETS.items():
        (line,) = (line for line in manual.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert target in line, name
