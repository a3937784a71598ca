"""Running other programs: output to a log file, the newest line to the step on screen, the tail into the error."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Final, Protocol

from ops.errors import LabError

TAIL_LINES = 15
"""How much of a failed program's output its error shows."""

STOP_SECONDS = 3.0
"""How long an interrupted program has to end by itself."""


class Listener(Protocol):
    """Takes the lines that a program prints, as a `ops.console.Step` does."""

    def say(self, detail: str) -> None:
        """Take one line."""


class Group:
    """Programs that are ended together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def start(self, process: subprocess.Popen[str]) -> None:
        """Take in a program that has just started.

        Raises:
            LabError: the group was stopped; the program is, too.
        """
        with self._lock:
            self._running.add(process)
            stopped = self._stopped
        if stopped:
            _stop(process)
            raise LabError("it was stopped, because another step failed.", "Run again when that is mended.")

    def end(self, process: subprocess.Popen[str]) -> None:
        """Let go of a program that has ended."""
        with self._lock:
            self._running.discard(process)

    def stop(self) -> None:
        """End every program, and each that is started later."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            _stop(process)


GROUP: Final[ContextVar[Group | None]] = ContextVar("GROUP", default=None)
"""Where the programs of `run` belong to."""


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    step: Listener | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    remedy: str = "",
) -> None:
    """Run ``command`` to its end with its output appended to ``log``.

    Args:
        env: added to this process's environment. Secrets belong here or in a file, never in ``command``.
        remedy: what the user may do when it fails; by default to read the log.

    Raises:
        LabError: the program is missing, or ended with another code than 0 (with the last lines it wrote).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with log.open("a", encoding="utf-8") as sink:
        sink.write(f"$ {' '.join(words)}\n")
        try:
            process = subprocess.Popen(
                words,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except FileNotFoundError as error:
            raise LabError(f"the program '{words[0]}' is not installed.", remedy or "Install it and run again.") from error
        assert process.stdout is not None
        group = GROUP.get()
        try:
            if group is not None:
                group.start(process)
            for line in process.stdout:
                sink.write(line)
                tail.append(line.rstrip())
                if step is not None:
                    step.say(line)
            code = process.wait()
        except BaseException:
            _stop(process)
            raise
        finally:
            if group is not None:
                group.end(process)
    if code != 0:
        raise LabError(f"'{Path(words[0]).name}' ended with code {code}.", remedy or f"The whole output is in {log}.", "\n".join(tail))


def _stop(process: subprocess.Popen[str]) -> None:
    """End ``process``: by SIGTERM, which ``unshare`` for one ignores while its child runs, so then by SIGKILL."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
