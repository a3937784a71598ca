"""What a command prints: one line a step, with the seconds it took; on a terminal a live spinner shows the newest output."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from ops.errors import OpsError

__all__ = ["Step", "console", "errors", "escape", "show_error", "step"]

console: Final = Console(highlight=False, emoji=False, soft_wrap=True)
errors: Final = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

HEARTBEAT_SECONDS: Final = 15.0
"""Without a terminal (CI) a running step prints a line this often."""

DETAIL_CHARACTERS: Final = 100


def show_error(error: OpsError) -> None:
    """Print what is wrong, the fix, and the lines of a log that show it."""
    errors.print(f"[red]error:[/red] {escape(error.problem)}\n       fix: {escape(error.fix)}")
    if error.excerpt:
        errors.print("\n".join(f"       | {escape(line)}" for line in error.excerpt.splitlines()))


class Step:
    """One step under way. ``say`` replaces the newest line of detail."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self._began = time.monotonic()

    def say(self, detail: str) -> None:
        """Show what the step does now: live on a terminal, else a line every ``HEARTBEAT_SECONDS`` at most."""
        if detail.strip():
            self.detail = detail.strip()[:DETAIL_CHARACTERS]
            _DISPLAY.refresh()

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._began


class _Display:
    """Every step under way on one line: several run at the same time, and a terminal has one live line."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._steps: list[Step] = []
        self._status: Status | None = None
        self._last_beat = 0.0

    def add(self, step: Step) -> None:
        with self._lock:
            if not self._steps:
                self._last_beat = time.monotonic()
                if console.is_terminal:
                    self._status = console.status("")
                    self._status.start()
            self._steps.append(step)
            self.refresh()

    def remove(self, step: Step) -> None:
        with self._lock:
            self._steps.remove(step)
            if not self._steps and self._status is not None:
                self._status.stop()
                self._status = None
            self.refresh()

    def refresh(self) -> None:
        with self._lock:
            if self._status is not None:
                self._status.update(" | ".join(f"{escape(each.title)} [dim]{escape(each.detail)}[/dim]" for each in self._steps))
            elif self._steps and time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS:
                self._last_beat = time.monotonic()
                words = [f"{escape(each.title)}, {each.seconds:.0f} s: [dim]{escape(each.detail)}[/dim]" for each in self._steps]
                console.print(f"  … {' | '.join(words)}")


_DISPLAY: Final = _Display()


@contextlib.contextmanager
def step(title: str) -> Iterator[Step]:
    """Show a step while the block runs, then one line: ``✓ title (1.2 s)``, or ``✗ title`` when the block raises."""
    current = Step(title)
    _DISPLAY.add(current)
    try:
        yield current
    except BaseException:
        _DISPLAY.remove(current)
        console.print(f"[red]✗[/red] {escape(title)} [dim]({current.seconds:.1f} s)[/dim]")
        raise
    _DISPLAY.remove(current)
    console.print(f"[green]✓[/green] {escape(title)} [dim]({current.seconds:.1f} s)[/dim]")
