"""Schedules are read as Kubernetes' own parser reads them."""

from __future__ import annotations

import pytest

from components.settings.types.cron import read

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("17 2 * * *", DAY),
        ("@daily", DAY),
        ("@hourly", HOUR),
        ("*/15 * * * *", 900),
        ("0 1,13 * * *", 12 * HOUR),
        ("0 6-18/6 * * *", 12 * HOUR),
        ("30 3 * * mon-fri", 3 * DAY),
        ("30 3 * * SUN", 7 * DAY),
        ("0 0 1 * ?", 31 * DAY),
        ("0 0 13 * 5", 7 * DAY),  # either the 13th or a Friday
        ("0 0 */2 * 1", 2 * DAY),  # a step says something too
        ("0 0 29 2 *", 1461 * DAY),
    ],
)
def test_the_longest_time_between_two_runs(text: str, gap: int) -> None:
    assert read(text).longest_gap() == gap


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "1- * * * *",
        "a * * * *",
        "*-5 * * * *",
        "1/0 * * * *",
    ],
)
def test_what_kubernetes_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it has|is not a|a step above zero|ends before"):
        read(text)
