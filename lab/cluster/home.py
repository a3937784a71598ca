"""Where one cluster keeps its things, and who runs: every process by its id and start time, so that no other is ever taken for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops import paths
from ops.errors import LabError

KILL_SECONDS: Final = 20.0
"""How long the kernel may take to end every process of a box; a few tenths of a second as a rule."""


@dataclass(frozen=True, slots=True)
class Home:
    """One cluster's places.

    Attributes:
        state: the checkout's lab folder; the cluster's own folder, the kubeconfig and ``bin/kubectl`` lie in it.
        logs: every log of the cluster.
        slot: the machine-wide name. One cluster a slot: it names the context, the cgroup, the block in /etc/hosts and
            the folder in /run, so that a test's cluster and a user's can run side by side.
    """

    state: Path = paths.STATE
    logs: Path = paths.LOGS
    slot: str = "portus-lab"

    @property
    def folder(self) -> Path:
        """The cluster's data: etcd, images, volumes, certificates. The box sees it as ``config.HOME``."""
        return self.state / "cluster"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig for the host."""
        return self.state / "kubeconfig"

    @property
    def run(self) -> Path:
        """The machine-wide folder of the slot: who owns it, the lock, the forwarder's socket."""
        return Path("/run") / self.slot

    @property
    def box(self) -> Path:
        """The record of the box's first process."""
        return self.folder / "box.pid"

    @property
    def forwarder(self) -> Path:
        """The record of the forwarder's process."""
        return self.folder / "forwarder.pid"

    @property
    def status(self) -> Path:
        """What the box says about its components."""
        return self.folder / "status.json"

    @property
    def publications(self) -> Path:
        """What is published on the host, kept so that a new start publishes it again."""
        return self.folder / "publications.json"


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
            LabError: it is still there after ``KILL_SECONDS``: the kernel holds it in a system call.
        """
        if not self.runs:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + KILL_SECONDS
        while self.runs:
            if time.monotonic() > until:
                raise LabError(
                    f"process {self.pid} does not end.", "The kernel holds it in a system call: look at 'dmesg', or restart the machine."
                )
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
