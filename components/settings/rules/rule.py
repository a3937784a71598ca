"""What a rule across settings is: a function over the whole stack that yields problems and never raises.

It registers itself by its decorator. ``tests/settings/bad`` holds a stack file that breaks each rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from components.settings.report.problems import Problem
from components.settings.stack import StackSettings

Check = Callable[[StackSettings], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check that spans settings.

    Args:
        check: yields what is wrong.
        requires: keys; the rule is skipped if one of them is wrong. The rules see a placeholder for a wrong value, and a rule that reads it
            would report the placeholder.
        voids: what is set at or below a key that this rule reports has no effect, so no other rule reports it or rests on it.
    """

    check: Check
    requires: tuple[str, ...]
    voids: bool

    @property
    def name(self) -> str:
        """The check's name in the code."""
        return self.check.__name__


REGISTERED: Final[list[Rule]] = []
"""In the order in which their modules are imported; the report sorts its problems."""


def rule(*, requires: tuple[str, ...] = (), voids: bool = False) -> Callable[[Check], Check]:
    """Return the decorator that registers a check as a `Rule`."""

    def register(check: Check) -> Check:
        REGISTERED.append(Rule(check, requires, voids))
        return check

    return register
