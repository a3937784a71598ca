"""A real Kubernetes of one node in a box of its own: started and stopped as one process, the host stays clean.

The entry points are here; `Home` says which cluster they mean, by default the checkout's own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from lab.cluster import access, checks, lifecycle, publishing
from lab.cluster.binaries import ensure_binaries, ensure_debian
from lab.cluster.home import Home
from lab.cluster.lifecycle import ClusterStatus
from lab.cluster.publishing import Publication
from ops.errors import OpsError

__all__ = [
    "Home",
    "Publication",
    "down",
    "ensure_binaries",
    "ensure_debian",
    "import_image",
    "kubectl",
    "kubectl_program",
    "missing_images",
    "publish",
    "require_machine",
    "run_in_box",
    "status",
    "stop",
    "up",
]


def require_machine(home: Home | None = None) -> None:
    """Make sure that this machine can hold the cluster, before anything is built for it; raises as `lifecycle.up`."""
    home = home or Home()
    checks.permission()
    checks.owner(home)
    checks.machine(home)


def up(home: Home | None = None) -> Path:
    """Make the cluster run and return its kubeconfig; see `lifecycle.up`."""
    return lifecycle.up(home=home or Home())


def stop(home: Home | None = None) -> None:
    """End the cluster's processes and keep its data; see `lifecycle.stop`."""
    lifecycle.stop(home=home or Home())


def down(home: Home | None = None) -> None:
    """End the cluster and remove every trace of it; see `lifecycle.down`."""
    lifecycle.down(home=home or Home())


def status(home: Home | None = None) -> ClusterStatus:
    """Look at the cluster without changing anything; see `lifecycle.status`."""
    return lifecycle.status(home=home or Home())


def publish(publications: Sequence[Publication], home: Home | None = None, *, addresses: Collection[str] | None = None) -> bool:
    """Make exactly ``publications`` reachable from the host, of those at ``addresses``; see `publishing.publish`."""
    return publishing.publish(publications, home=home or Home(), addresses=addresses)


def import_image(archive: Path, home: Home | None = None) -> bool:
    """Load a docker archive unless the cluster has it; see `access.import_image`."""
    return access.import_image(archive, home=home or Home())


def missing_images(archives: Sequence[Path], home: Home | None = None) -> list[Path]:
    """Return the archives that the cluster does not have yet; see `access.missing_images`."""
    return access.missing_images(archives, home=home or Home())


def kubectl_program(home: Home | None = None) -> Path:
    """Return the genuine kubectl with which the cluster was started; see `access.kubectl`."""
    return access.kubectl(home=home or Home())


def run_in_box(
    argv: Sequence[str | Path], home: Home | None = None, *, seconds: float = 60, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in the cluster's namespaces; see `access.run_in_box`."""
    return access.run_in_box(argv, home=home or Home(), seconds=seconds, stdin=stdin)


def kubectl(*words: str, stdin: str = "") -> str:
    """Return what ``kubectl`` printed, as the cluster's administrator.

    Raises:
        OpsError: the cluster does not run, or kubectl ended with another code than 0.
    """
    command = [str(kubectl_program()), "--kubeconfig", str(Home().kubeconfig), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsError(f"'kubectl {words[0]}' failed.", f"correct what its output names: {done.stderr.strip()[-4000:]}")
    return done.stdout
