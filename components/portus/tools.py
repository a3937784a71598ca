"""What is in every container of Portus beside the image's own files: for operators, for Kubernetes, for Ruby.

An operator calls rake by ``kubectl exec deployment/portus -- /stack/rake TASK``: without the wrapper an exec lacks the secrets, which stand
in files that only the image's init reads.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCRIPTS: Final = Path(__file__).parent / "scripts"
"""Of the Jobs."""
CONTAINER: Final = Path(__file__).parent / "container"
"""Of every container."""
TOOLS: Final = "/stack"
RAKE: Final = "rake"
PIDS: Final = f"{TOOLS}/pids.sh"
UNBUFFERED: Final = f"{TOOLS}/unbuffered.rb"
_FILES: Final = (SCRIPTS / "environment.sh", CONTAINER / "pids.sh", CONTAINER / "unbuffered.rb")
TOOL_FILES: Final = (RAKE, *(path.name for path in _FILES))


def tools(rake: Sequence[str]) -> Mapping[str, str]:
    """Return file name -> text, where ``rake`` is how the image calls it."""
    wrapper = f'#!/bin/sh\n# Calls rake as this image does.\nset -eu\n. {TOOLS}/environment.sh\nexec {shlex.join(rake)} "$@"\n'
    return {RAKE: wrapper, **{path.name: path.read_text(encoding="utf-8") for path in _FILES}}


def signal_command(title: str, after_seconds: int) -> Sequence[str]:
    """Return the command that ends the processes whose command line begins with ``title``, and no others.

    A signal to portusctl, which waits for the server, ends the container over the requests that are under way.
    """
    pause = f"sleep {after_seconds}; " if after_seconds else ""
    return ("/bin/sh", "-c", f"{pause}for pid in $(/bin/sh {PIDS} {shlex.quote(title)}); do kill -TERM $pid; done")


def running_command(title: str) -> Sequence[str]:
    """Return the command that succeeds where a process has a command line that begins with ``title``."""
    return ("/bin/sh", "-c", f"/bin/sh {PIDS} {shlex.quote(title)} | grep -q .")
