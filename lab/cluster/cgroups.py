"""The one cgroup below which all Pods of a cluster lie, in every hierarchy of the machine: version 1, version 2, or both."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Final

from ops.errors import OpsError

MOUNTS: Final = Path("/proc/self/mountinfo")
REMOVE_SECONDS: Final = 10.0
"""How long the kernel may take to free a cgroup whose last process has ended."""

V2_CONTROLLERS: Final = ("cpu", "cpuset", "memory", "pids", "io")
"""What the kubelet wants to find delegated."""


def hierarchies() -> list[Path]:
    """Return where the cgroup hierarchies are mounted, each once."""
    found: dict[Path, None] = {}
    for line in MOUNTS.read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] in {"cgroup", "cgroup2"}:
            found[Path(before.split()[4])] = None
    return list(found)


def create(name: str) -> None:
    """Make the cgroup ``name`` in every hierarchy, ready to have children.

    Raises:
        OSError: a hierarchy cannot be written.
    """
    for root in hierarchies():
        delegated = root / "cgroup.subtree_control"
        if delegated.exists():
            offered = (root / "cgroup.controllers").read_text(encoding="utf-8").split()
            missing = set(V2_CONTROLLERS) & set(offered) - set(delegated.read_text(encoding="utf-8").split())
            for controller in sorted(missing):
                delegated.write_text(f"+{controller}", encoding="utf-8")
        group = root / name
        group.mkdir(exist_ok=True)
        if not delegated.exists():
            for setting in ("cpuset.cpus", "cpuset.mems"):  # version 1 makes them empty, and then no child can hold a process
                if (group / setting).exists():
                    (group / setting).write_text((root / setting).read_text(encoding="utf-8"), encoding="utf-8")


def remove(name: str) -> None:
    """Remove the cgroup ``name`` and all below it from every hierarchy; nothing when there is none.

    Raises:
        OpsError: one is still in use after ``REMOVE_SECONDS``.
    """
    until = time.monotonic() + REMOVE_SECONDS
    for root in hierarchies():
        while (root / name).is_dir():
            try:
                _remove_tree(root / name)
            except OSError as error:
                if time.monotonic() > until:
                    raise OpsError(
                        f"the cgroup {root / name} is still in use.", "end the processes in it and repeat the command."
                    ) from error
                time.sleep(0.05)


def _remove_tree(group: Path) -> None:
    for child in sorted(group.iterdir()):
        if child.is_dir():
            _remove_tree(child)
    with contextlib.suppress(FileNotFoundError):
        group.rmdir()
