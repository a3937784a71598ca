"""What is wrong with a stack file, everything at once: key, value, the requirement, the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

UNSET = "must be set"
"""The rule of a required key that is missing."""

HIDDEN = "[secret]"
"""Shown in place of a value that is, or may be, a secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong.

    Args:
        key: the full key as the stack file spells it, from the section on (``registry.storage.size``).
        value: the present value, as YAML would show it; empty for a missing key.
        rule: the requirement ("must be ..."), or the plain name of the fault ("unknown key", "has no effect while ...").
        fix: what to do; the report says "fix: ...".
        line: in the stack file, 0 where unknown.
        namespace: the text before the key's colon; empty for a key of the file itself.
    """

    key: str
    value: str
    rule: str
    fix: str
    line: int = 0
    namespace: str = "portus"


class SettingsError(Exception):
    """The stack file is wrong; ``str()`` is the whole report. Nothing has been registered yet when it is raised."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.key, p.rule)))
        super().__init__(self._render())

    def _render(self) -> str:
        count = len(self.problems)
        head = f"{self.file}: {count} {'problem' if count == 1 else 'problems'}; nothing was created or changed."
        blocks = [_block(number, problem) for number, problem in enumerate(self.problems, start=1)]
        return "\n\n".join([head, *blocks])


def _block(number: int, problem: Problem) -> str:
    where = f"  (line {problem.line})" if problem.line else ""
    value = f" = {problem.value}" if problem.value else ""
    return "\n".join(
        [
            f"{number:3}. {problem.namespace}{':' if problem.namespace else ''}{problem.key}{value}{where}",
            f"     {problem.rule}",
            f"     fix: {problem.fix}",
        ]
    )
