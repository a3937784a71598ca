"""Schedules as a CronJob takes them, read before Kubernetes does: an error of its own comes after half the stack is made.

The grammar is the one of Kubernetes' parser (robfig/cron v3, ``ParseStandard``): five fields or a word such as ``@daily``; Sunday is 0 and
never 7; with both a day of the month and a day of the week said, either will do. ``@every`` is left out: it would count from each start of
Kubernetes' controller. A time zone has a key of its own.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

from components.settings.types.base import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
WORDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
DAY_SECONDS: Final = 86400
MOST_IN_AN_HOUR: Final = 12
"""Backups of an hour. More is a mistake ("* 2 * * *" is each minute from 2 to 3), and soon only backups of the same night would be kept."""
FIRST_DAY: Final = date(2024, 1, 1)
CALENDAR_DAYS: Final = 8 * 366
"""Eight years: they have two leap days."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name and what it may hold."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """Return the value that ``text`` names. Raises ValueError where it is none of this field's."""
        lower = text.lower()
        value = self.names.index(lower) + self.least if lower in self.names else int(text) if re.fullmatch(r"[0-9]{1,4}", text) else -1
        if not self.least <= value <= self.most:
            article = "an" if self.name.startswith("hour") else "a"
            sunday = ", and Sunday is 0" if self.names is WEEKDAYS and text == "7" else ""
            raise ValueError(f"'{text}' is not {article} {self.name} ({self.least} to {self.most}{sunday})")
        return value


FIELDS: Final = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 6, WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a schedule's fields hold.

    Args:
        either_day: whether both kinds of day are set, so that either is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def dates(self) -> Iterator[date]:
        """Yield the days of the calendar on which the schedule runs."""
        for number in range(CALENDAR_DAYS):
            day = FIRST_DAY + timedelta(days=number)
            by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
            if day.month in self.months and (by_month or by_week if self.either_day else by_month and by_week):
                yield day

    def longest_gap(self) -> int:
        """Return the longest time between two runs, in seconds."""
        moments = sorted(hour * 3600 + minute * 60 for hour in self.hours for minute in self.minutes)
        within = max((after - before for before, after in pairwise(moments)), default=0)
        overnight = DAY_SECONDS - moments[-1] + moments[0]
        nights = max((after - before).days for before, after in pairwise(self.dates()))
        return max(within, overnight + (nights - 1) * DAY_SECONDS)


def read(text: str) -> Schedule:
    """Return the schedule that ``text`` says.

    Raises:
        ValueError: it is none, with the reason.
    """
    parts = WORDS.get(text, text).split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"it has {len(parts)} field{'' if len(parts) == 1 else 's'}")
    values = [_values(part, field) for part, field in zip(parts, FIELDS, strict=True)]
    restricted = [not _any(part) for part in parts]
    minutes, hours, days, months, weekdays = values
    return Schedule(minutes, hours, days, months, weekdays, either_day=restricted[2] and restricted[4])


def _any(part: str) -> bool:
    return any(re.fullmatch(r"[*?](/1)?", item) for item in part.split(","))


def _values(part: str, field: Field) -> frozenset[int]:
    found: set[int] = set()
    for item in part.split(","):
        span, slash, step = item.partition("/")
        if slash and not re.fullmatch(r"[1-9][0-9]{0,3}", step):
            raise ValueError(f"'{item}' needs a step above zero after '/'")
        first, dash, last = span.partition("-")
        if first in {"*", "?"} and not dash:
            low, high = field.least, field.most
        else:
            low = field.number(first)
            high = field.number(last) if dash else field.most if slash else low
        if low > high:
            raise ValueError(f"'{item}' ends before it begins")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _schedule(text: str) -> str:
    """A schedule that runs at some time."""
    if "TZ=" in text:
        raise broken("must be a schedule without a time zone: Kubernetes refuses one here", "write the zone under timeZone")
    try:
        schedule = read(text)
    except ValueError as error:
        raise broken(
            f"must be a schedule of five fields as in cron (minute, hour, day of the month, month, day of the week): {error}",
            _nearest(text),
        ) from error
    if len(schedule.minutes) > MOST_IN_AN_HOUR:
        rule = f"must run at most {MOST_IN_AN_HOUR} times an hour: it names {len(schedule.minutes)} of the 60 minutes"
        raise broken(rule, f"write a minute in its first field: '17 {' '.join(text.split()[1:])}'")
    if next(schedule.dates(), None) is None:
        raise broken("must be a schedule that can occur: none of its months has that day", "write a day that every month has, e.g. 1")
    return text


def _nearest(text: str) -> str:
    """Return what to write for a time of the day, a word, whole names of days and months, or a schedule with seconds."""
    time = re.fullmatch(r"\s*([01]?[0-9]|2[0-3]):([0-5][0-9])\s*", text)
    near = [
        f"{int(time[2])} {int(time[1])} * * *" if time else "",
        f"@{text.strip().lower().replace('nightly', 'daily')}",
        re.sub(r"[A-Za-z]{4,}", lambda name: name[0][:3], text).strip(),
        text.strip().partition(" ")[2].strip(),
    ]
    for each in near:
        with contextlib.suppress(ValueError):
            read(each)
            return f"write '{each}'"
    return "write e.g. '17 2 * * *' for every night, or @daily"


def _zone(name: str) -> str:
    """A time zone by its name in the IANA database, as far as this machine has one."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", name) or name == "Local" or not _known(name):
        near = next((zone for zone in available_timezones() if zone.lower() == name.strip().replace(" ", "_").lower()), None)
        raise broken("must be a time zone's name in the IANA database", f"write {near}" if near else "write e.g. Etc/UTC or Europe/Berlin")
    return name


def _known(name: str) -> bool:
    """Whether ``name`` is a zone; a machine without the database lets every name pass, and Kubernetes judges."""
    for asked in (name, "Etc/UTC"):
        try:
            ZoneInfo(asked)
        except (KeyError, OSError):
            continue
        return asked == name
    return True


CronSchedule = Annotated[str, AfterValidator(_schedule)]
"""``schedule`` of a CronJob."""

TimeZone = Annotated[str, AfterValidator(_zone)]
"""``timeZone`` of a CronJob."""
