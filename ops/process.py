"""Other programs: run with their output in a log file and their newest line on screen, and identified by id and start time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ops.errors import OpsError

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
        """Record a program that has started.

        Raises:
            OpsError: the group was stopped; the program is, too.
        """
        with self._lock:
            self._running.add(process)
            stopped = self._stopped
        if stopped:
            _stop(process)
            raise OpsError("it was stopped, because another step failed.", "correct that step and repeat the command.")

    def end(self, process: subprocess.Popen[str]) -> None:
        """Remove a program that has ended."""
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
    fix: str = "",
) -> None:
    """Run ``command`` to its end with its output appended to ``log``.

    Args:
        env: added to this process's environment. Secrets belong here or in a file, never in ``command``.
        fix: what the user may do when it fails; by default to read the log.

    Raises:
        OpsError: the program is missing, or ended with another code than 0 (with the last lines it wrote).
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
            raise OpsError(f"the program '{words[0]}' is not installed.", fix or "install it and repeat the command.") from error
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
        raise OpsError(f"'{Path(words[0]).name}' ended with code {code}.", fix or f"read the whole output in {log}.", "\n".join(tail))


def _stop(process: subprocess.Popen[str]) -> None:
    """End ``process``: by SIGTERM, which ``unshare`` for one ignores while its child runs, so then by SIGKILL."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


KILL_SECONDS: Final = 20.0
"""How long the kernel may take to end every process of a box; a few tenths of a second as a rule."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the machine: its id, and the kernel's clock tick of its start, because ids are given again."""

    pid: int
    started: int

    @staticmethod
    def of(pid: int) -> Process:
        """Return the process that has ``pid`` now.

        Raises:
            ProcessLookupError: there is none, or it has ended and only waits to be reaped.
        """
        try:
            # The name, in parentheses, may hold anything; the fields after it: state, parent, ... start time is the 20th.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError as error:
            raise ProcessLookupError(pid) from error
        if fields[0] in {"Z", "X"}:
            raise ProcessLookupError(pid)
        return Process(pid, int(fields[19]))

    @staticmethod
    def read(record: Path) -> Process | None:
        """Return the process that ``record`` names if it still runs, else None (also for a record cut short)."""
        try:
            noted = json.loads(record.read_text(encoding="utf-8"))
            process = Process(int(noted["pid"]), int(noted["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return process if process.runs else None

    def write(self, record: Path) -> None:
        """Note the process in ``record``, whole or not at all."""
        write_whole(record, json.dumps({"pid": self.pid, "started": self.started}))

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        with contextlib.suppress(ProcessLookupError):
            return Process.of(self.pid) == self
        return False

    def kill(self) -> None:
        """End it at once (SIGKILL) and wait until it is gone; for the first process of a PID namespace that means all of them.

        Raises:
            OpsError: it is still there after ``KILL_SECONDS``: the kernel holds it in a system call.
        """
        if not self.runs:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + KILL_SECONDS
        while self.runs:
            if time.monotonic() > until:
                raise OpsError(f"process {self.pid} does not end: it is in a system call.", "read 'dmesg', or restart the machine.")
            with contextlib.suppress(ChildProcessError):  # ours only when this very Python started it
                os.waitpid(self.pid, os.WNOHANG)
            time.sleep(0.02)


def write_whole(target: Path, text: str, *, mode: int = 0o600) -> None:
    """Write ``target`` so that a reader sees the old text or the new one and nothing between."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
        sink.write(text)
    partial.rename(target)
