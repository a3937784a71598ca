"""What ends a command: an error that says what is wrong and how to fix it, or a signal."""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = re.compile(r"(alias|anchor|handle|for the tag) '(?!tag:yaml\.org).*'")
"""Text of the file in a YAML reader's message: a password that begins with ``*``, ``&`` or ``!`` is read as one of these."""


class OpsError(Exception):
    """A condition that the user can fix: shown as one line (and an optional excerpt), never as a traceback.

    A traceback, as a failed test prints it, ends with the excerpt as a note.

    Args:
        problem: what is wrong, in one line.
        fix: what to do, in one line; ``ops.console.show_error`` prints it after "fix:".
        excerpt: the lines of a log that show it, if any.
    """

    def __init__(self, problem: str, fix: str, excerpt: str = "") -> None:
        super().__init__(f"{problem} fix: {fix}")
        self.problem = problem
        self.fix = fix
        self.excerpt = excerpt
        if excerpt:
            self.add_note(excerpt)

    def tell_first(self, clause: str) -> None:
        """Add ``clause`` to the problem as a sentence: it says what succeeded before the error."""
        self.problem = f"{self.problem.rstrip('.')}. {clause[:1].upper()}{clause[1:]}."
        self.args = (f"{self.problem} fix: {self.fix}",)


def told_by_reader(error: Exception) -> list[tuple[str, int, int]]:
    """Return what a YAML reader says, each with line and column (0: none), without the file's lines: a password may be in them."""
    found = []
    for kind in ("context", "problem"):
        text, mark = getattr(error, kind, None), getattr(error, f"{kind}_mark", None)
        if text or mark:
            found.append((_NAMED.sub(r"\1 [hidden]", str(text or "here")), mark.line + 1 if mark else 0, mark.column + 1 if mark else 0))
    return found or [(str(error).splitlines()[0], 0, 0)]


class Terminated(KeyboardInterrupt):
    """SIGTERM has ended the command. Ctrl-C raises the plain `KeyboardInterrupt`."""
