"""What the lab prints: one line a step, with the seconds it took; on a terminal a live spinner shows the newest output."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status

__all__ = ["Step", "console", "errors", "escape", "step"]

console: Final = Console(highlight=False, soft_wrap=True)
errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)

HEARTBEAT_SECONDS: Final = 15.0
"""Without a terminal (CI) a long step prints a sign of life this often."""


class Step:
    """One step under way. ``say`` replaces the newest line of detail."""

    def __init__(self, title: str, status: Status | None) -> None:
        self._title = title
        self._status = status
        self._began = time.monotonic()
        self._last_beat = self._began

    def say(self, detail: str) -> None:
        """Show what the step does now: live on a terminal, else a line every ``HEARTBEAT_SECONDS`` at most."""
        detail = detail.strip()
        if not detail:
            return
        if self._status is not None:
            self._status.update(f"{escape(self._title)} [dim]{escape(detail[:100])}[/dim]")
        elif time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS:
            self._last_beat = time.monotonic()
            console.print(f"  … {escape(self._title)}, {self.seconds:.0f} s: [dim]{escape(detail[:100])}[/dim]")

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._began


@contextlib.contextmanager
def step(title: str) -> Iterator[Step]:
    """Show a step while the block runs, then one line: ``✓ title (1.2 s)``, or ``✗ title`` when the block raises."""
    status = console.status(escape(title)) if console.is_terminal else None
    current = Step(title, status)
    try:
        with status if status is not None else contextlib.nullcontext():
            yield current
    except BaseException:
        console.print(f"[red]✗[/red] {escape(title)} [dim]({current.seconds:.1f} s)[/dim]")
        raise
    console.print(f"[green]✓[/green] {escape(title)} [dim]({current.seconds:.1f} s)[/dim]")
