"""What must hold before a cluster can start, looked at together: one line for each thing that does not."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Final

from lab.cluster.binaries import ELSEWHERE
from lab.cluster.home import Home
from ops.errors import OpsError
from ops.process import Process

OWNER: Final = "owner"
"""The record, in the slot's folder, of the first process of the box that runs in it."""

FREE_GIB: Final = 6.0
"""Images (2 GiB), volumes and etcd of the cluster, with room to build."""


def permission() -> None:
    """Refuse where no box can be made or ended.

    Raises:
        OpsError: not Linux, or not root.
    """
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise OpsError("the lab's own cluster needs Linux and root.", f"run it with sudo. {ELSEWHERE}")


def machine(home: Home) -> None:
    """Refuse a machine that cannot hold the cluster.

    Raises:
        OpsError: with every reason.
    """
    problems = [problem for problem in (_namespaces(), _disk(home), _tools(), _place(home)) if problem]
    if problems:
        raise OpsError("; ".join(problems) + ".", ELSEWHERE)


def owner(home: Home) -> None:
    """Refuse to start beside the cluster of another checkout, with which it would share names and ports.

    Raises:
        OpsError: naming the other checkout.
    """
    folder = _folder(home)
    if folder is not None and folder != home.state and Process.read(home.run / OWNER) is not None:
        raise OpsError(f"the lab of {folder.parent} runs on this machine.", f"stop it first: make -C {folder.parent} down")


def claim(home: Home, box: Process) -> None:
    """Note that this checkout's cluster runs in the slot."""
    (home.run / "folder").write_text(str(home.state), encoding="utf-8")
    box.write(home.run / OWNER)


def is_ours(home: Home) -> bool:
    """Whether the slot was last claimed by this checkout."""
    return _folder(home) == home.state


def _folder(home: Home) -> Path | None:
    try:
        return Path((home.run / "folder").read_text(encoding="utf-8"))
    except OSError:
        return None


def _namespaces() -> str:
    trial = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "true"], capture_output=True, text=True, check=False
    )
    return "" if trial.returncode == 0 else f"namespaces cannot be made here ({trial.stderr.strip()})"


def _disk(home: Home) -> str:
    home.state.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.state).free / 2**30
    return "" if free >= FREE_GIB else f"{home.state} has {free:.1f} GiB free, the cluster needs {FREE_GIB:.0f}"


def _tools() -> str:
    missing = [name for name in ("nsenter", "nice") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)} (Debian: util-linux, coreutils)" if missing else ""


def _place(home: Home) -> str:
    hidden = [folder for folder in ("/run", "/var/log") if home.state.is_relative_to(folder)]
    return f"a checkout below {hidden[0]} is out of the box's sight" if hidden else ""
