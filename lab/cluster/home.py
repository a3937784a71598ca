"""Where one cluster keeps its things, and who runs: every process by its id and start time, so that no other is ever taken for it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops import paths


@dataclass(frozen=True, slots=True)
class Home:
    """One cluster's places.

    Attributes:
        state: the checkout's lab folder; it holds the cluster's own folder, the kubeconfig and ``bin/kubectl``.
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


@contextlib.contextmanager
def one_at_a_time(home: Home, what: str) -> Iterator[None]:
    """Keep every other process of the machine from changing ``what`` of the running cluster until the block ends."""
    with (home.run / f"{what}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
