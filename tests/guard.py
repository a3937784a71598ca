"""Run one tier of the checks within a limit of time and say how long it took: ``python3 -m tests.guard e2e 30 make e2e``.

Standard library only: CI uses it before anything is installed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

NOW: Final = Path(__file__).resolve().parent.parent / "build" / "now"
"""One file for each test process, named by its id: the test that it runs and what that waits for."""

GRACE_SECONDS: Final = 90.0
"""How long an interrupted tier may take to clean up before all of it is killed."""

LIMIT_CODE: Final = 124
"""Exit code of a tier that met its limit, as of ``timeout(1)``."""

PR_SET_CHILD_SUBREAPER: Final = 36


class _LimitError(Exception):
    """The limit is reached."""


class _ToldError(Exception):
    """The guard itself was told to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(name: str, seconds: float, command: Sequence[str], *, grace: float = GRACE_SECONDS) -> int:
    """Run ``command`` and return its exit code; print one line with its wall time at its end.

    At the limit, or when this process is told to stop, the command gets SIGINT and ``grace`` seconds to clean up. Then everything that it
    started is killed, daemons too: they become children of this process, not of init.

    Args:
        name: of the tier, for the line.
        seconds: the limit.

    Returns:
        124 at the limit, 128 and the signal's number when told to stop.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, _alarm)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _told)
    began, busy = time.monotonic(), _processors()
    child = subprocess.Popen(command, process_group=0)
    try:
        code = _wait(child.pid, seconds)
    except (_LimitError, _ToldError) as reason:
        if isinstance(reason, _ToldError):
            code, because = 128 + reason.number, "was told to stop"
        else:
            code, because = LIMIT_CODE, f"did not end within {_span(seconds)}"
        _say(f"error: {name} {because}, so it is ended now.{''.join(f' {each}.' for each in _tests_now())}")
        _end(child.pid, grace)
    total, idle = (after - before for after, before in zip(_processors(), busy, strict=True))
    share = 100 * (total - idle) / max(total, 1)
    _say(f"{name}: ended with code {code} after {_span(time.monotonic() - began)} of {_span(seconds)}; processors {share:.0f} % busy")
    return code


def descendants(root: int) -> list[int]:
    """Return the ids of every process below ``root`` that has not ended."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has ended meanwhile
        if state != "Z":
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found = list(children.get(root, []))
    for pid in found:  # grows
        found += children.get(pid, [])
    return found


def _wait(pid: int, seconds: float) -> int:
    """Reap whatever ends, orphans too, until ``pid`` does; return its exit code."""
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == pid:
                return os.waitstatus_to_exitcode(status)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end(pid: int, grace: float) -> None:
    try:
        os.killpg(pid, signal.SIGINT)
        _wait(pid, grace)
    except (_LimitError, _ToldError, ProcessLookupError, ChildProcessError):
        pass  # it has had its time, or the user asks a second time
    while left := descendants(os.getpid()):
        for each in left:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, 0)[0]:
                pass
        except ChildProcessError:
            return


def _tests_now() -> Iterator[str]:
    """Yield what the test processes below this one say; a file of one that was killed stays behind."""
    for pid in sorted(descendants(os.getpid())):
        try:
            yield (NOW / str(pid)).read_text(encoding="utf-8").strip()
        except OSError:
            continue


def _processors() -> tuple[int, int]:
    """Return the ticks of all processors since the machine's start, and those of them in which they were idle."""
    ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _alarm(*_: object) -> None:
    raise _LimitError


def _told(number: int, _: object) -> None:
    raise _ToldError(number)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], 60 * float(sys.argv[2]), sys.argv[3:]))
