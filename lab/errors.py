"""The one exception by which the lab tells its user what is wrong and what to do about it."""

from __future__ import annotations


class LabError(Exception):
    """A condition that its user can mend: shown as one line (and an optional excerpt), never as a traceback.

    Args:
        problem: what is wrong, in one line.
        remedy: what to do, in one line.
        excerpt: the lines of a log that show it, if any.
    """

    def __init__(self, problem: str, remedy: str, excerpt: str = "") -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.excerpt = excerpt
