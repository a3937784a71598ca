"""What ends a command: an error that says what is wrong and how to fix it, or a signal."""

from __future__ import annotations


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


class Terminated(KeyboardInterrupt):
    """SIGTERM has ended the command. Ctrl-C raises the plain `KeyboardInterrupt`."""
