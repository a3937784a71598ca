"""Unpacks programs of the machine's own Debian release into the cache: nothing is installed, no service starts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab import cache
from ops import process
from ops.console import Step, step
from ops.errors import LabError
from ops.paths import LOGS

ROOT: Final = ("-o", "APT::Sandbox::User=root")
"""apt would fetch as its own user, who may not write in root's cache folder."""

ELSEWHERE: Final = "on another kind of machine deploy to a cluster of yours: make up STACK=dev KUBECONFIG=..."


def unpack(name: str, packages: Sequence[str], links: Mapping[str, str]) -> Path:
    """Return a folder with the files of ``packages`` under their usual paths, fetched and unpacked unless it is cached.

    ``links`` are made beside them, target by path: what the packages' own scripts would set up when they are installed.
    The cache's key is the packages' versions in the release that the machine follows, so a security update builds a new folder.

    Raises:
        LabError: no Debian, a package that it does not know, or the archive cannot be reached.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise LabError("the lab's cluster takes etcd, containerd, runc and iptables from Debian, and this is not Debian.", ELSEWHERE)
    files = _files(packages)

    def make(folder: Path) -> None:
        with step("programs of Debian's packages") as current:
            _unpack(folder, packages, current)
        for link, target in links.items():
            (folder / link).parent.mkdir(exist_ok=True)
            (folder / link).unlink(missing_ok=True)
            (folder / link).symlink_to(target)

    return cache.build(name, cache.key(*files, *links, *links.values()), make, needs_gib=0.5)


def _unpack(folder: Path, packages: Sequence[str], current: Step) -> None:
    archives = folder / "archives"
    archives.mkdir(exist_ok=True)
    process.run(["apt-get", *ROOT, "download", *packages], log=LOGS / "debian.log", step=current, cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        process.run(["dpkg-deb", "-x", archive, folder], log=LOGS / "debian.log", step=current)
    shutil.rmtree(archives)


def _files(packages: Sequence[str]) -> list[str]:
    """Return the archives' file names, which hold the versions; read the package lists first where they are missing."""
    found = _uris(packages)
    if found.returncode != 0:
        with step("Debian's package lists") as current:
            remedy = "check the package sources in /etc/apt."
            process.run(["apt-get", "update", "-q"], log=LOGS / "debian.log", step=current, remedy=remedy)
        found = _uris(packages)
    if found.returncode != 0:
        raise LabError(f"Debian's archive offers not all of: {', '.join(packages)}.", ELSEWHERE, found.stderr.strip())
    return sorted(line.split()[1] for line in found.stdout.splitlines())


def _uris(packages: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", *ROOT, "download", "--print-uris", *packages]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
