"""What a rule needs to be right before it can say anything.

Where a value is wrong, the rules look at the rest of the stack file with a stand-in for it; a rule that rests on that value would then
speak of the stand-in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from components.settings.report import Problem
from components.settings.stack import StackSettings

Rule = Callable[[StackSettings], Iterator[Problem]]

_KEYS: Final[dict[Rule, tuple[str, ...]]] = {}


_VOIDING: Final[set[Rule]] = set()


def voids(rule: Rule) -> Rule:
    """Mark ``rule``: what stands at or below a key that it reports has no effect, so no other rule speaks of it."""
    _VOIDING.add(rule)
    return rule


def is_voiding(rule: Rule) -> bool:
    """Whether ``rule`` is marked by ``voids``."""
    return rule in _VOIDING


def rests_on(*keys: str) -> Callable[[Rule], Rule]:
    """Return a decorator: the rule is left out where one of ``keys`` is wrong itself."""

    def mark(rule: Rule) -> Rule:
        _KEYS[rule] = keys
        return rule

    return mark


def foundations(rule: Rule) -> tuple[str, ...]:
    """Return the keys that ``rule`` rests on."""
    return _KEYS.get(rule, ())
