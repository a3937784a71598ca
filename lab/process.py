"""Running other programs: output to a log file, the newest line to the step on screen, the tail into the error."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.console import Step
from lab.errors import LabError

TAIL_LINES = 15
"""How much of a failed program's output its error shows."""

STOP_SECONDS = 3.0
"""How long an interrupted program has to end by itself."""


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    step: Step | None = None,
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
        try:
            for line in process.stdout:
                sink.write(line)
                tail.append(line.rstrip())
                if step is not None:
                    step.say(line)
            code = process.wait()
        except BaseException:
            _stop(process)
            raise
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
