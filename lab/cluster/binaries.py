"""The cluster's programs, all in the cache shared by all checkouts: built from Go modules, or unpacked from the machine's own Debian."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from lab import cache, programs
from ops import process
from ops.console import Step, step
from ops.errors import OpsError
from ops.paths import LOGS
from ops.process import write_whole

ROOT: Final = ("-o", "APT::Sandbox::User=root")
"""apt would fetch as its own user, who may not write in root's cache folder."""

ELSEWHERE: Final = "on another kind of machine deploy to a cluster of yours: make up STACK=dev KUBECONFIG=..."


def unpack(name: str, packages: Sequence[str], links: Mapping[str, str]) -> Path:
    """Return a folder with the files of ``packages`` under their usual paths, fetched and unpacked unless it is cached.

    ``links`` are made beside them, target by path: what the packages' own scripts would set up when they are installed.
    The cache's key is the packages' versions in the release that the machine follows, so a security update builds a new folder.

    Raises:
        OpsError: no Debian, a package that it does not know, or the archive cannot be reached.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise OpsError("the lab's cluster takes etcd, containerd, runc and iptables from Debian, and this is not Debian.", ELSEWHERE)
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
            fix = "check the package sources in /etc/apt."
            process.run(["apt-get", "update", "-q"], log=LOGS / "debian.log", step=current, fix=fix)
        found = _uris(packages)
    if found.returncode != 0:
        raise OpsError(f"Debian's archive offers not all of: {', '.join(packages)}.", ELSEWHERE, found.stderr.strip())
    return sorted(line.split()[1] for line in found.stdout.splitlines())


def _uris(packages: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", *ROOT, "download", "--print-uris", *packages]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


DEBIAN_PACKAGES: Final = (
    "etcd-server", "containerd", "runc", "containernetworking-plugins", "iptables", "ipset", "busybox-static",
    "libipset13", "libip4tc2", "libip6tc2", "libxtables12", "libnftnl11", "libmnl0", "libseccomp2",
)  # fmt: skip
"""The programs, then the shared libraries that a minimal Debian lacks."""

IPTABLES_LINKS: Final = {
    f"{folder}/{family}{verb}": f"../usr/sbin/xtables-{kind}-multi"
    for folder, kind in (("bin", "nft"), ("legacy", "legacy"))
    for family in ("iptables", "ip6tables")
    for verb in ("", "-save", "-restore")
}
"""What Debian's alternatives would link when the package is installed; and the older kind, whose tables are others. kube-router has those
to itself: it writes a table back as it was some time before, and what kube-proxy has added meanwhile would be lost."""


RECORD: Final = "binaries.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Binaries:
    """Folders in the cache.

    Attributes:
        kubernetes: holds `programs.KUBERNETES_PROGRAMS`.
        coredns: holds ``coredns``, static.
        provisioner: holds ``local-path-provisioner``, static.
        pause: holds ``pause``, static.
        kube_router: holds ``kube-router``, which enforces NetworkPolicies.
        debian: the unpacked packages, plus ``bin/iptables`` and its kin.
    """

    kubernetes: Path
    coredns: Path
    provisioner: Path
    pause: Path
    kube_router: Path
    debian: Path

    @property
    def kubectl(self) -> Path:
        """The genuine kubectl."""
        return self.kubernetes / "kubectl"

    @property
    def busybox(self) -> Path:
        """A static busybox."""
        return self.debian / "bin" / "busybox"

    @property
    def ctr(self) -> Path:
        """The client of containerd."""
        return self.debian / "usr" / "bin" / "ctr"

    def write(self, folder: Path) -> None:
        """Note in ``folder`` which programs its cluster runs on; a newer build may be in the cache before it is restarted."""
        write_whole(folder / RECORD, json.dumps({name: str(path) for name, path in asdict(self).items()}))

    @staticmethod
    def read(folder: Path) -> Binaries:
        """Return what `write` noted.

        Raises:
            FileNotFoundError: nothing was, or what an older lab noted lacks a program.
        """
        noted = {name: Path(path) for name, path in json.loads((folder / RECORD).read_text(encoding="utf-8")).items()}
        if noted.keys() != {field.name for field in fields(Binaries)}:
            raise FileNotFoundError(folder / RECORD)
        return Binaries(**noted)

    def environment(self) -> dict[str, str]:
        """Return the variables with which the programs find each other, their libraries and iptables its modules."""
        folders = [self.kubernetes, self.kube_router, *(self.debian / folder for folder in ("bin", "usr/sbin", "usr/bin", "usr/lib/cni"))]
        libraries = [folder for folder in (self.debian / "usr" / "lib").glob("*-linux-gnu*") if folder.is_dir()]
        return {
            "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)]),
            "IPTABLES_LEGACY": str(self.debian / "legacy"),
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
            "XTABLES_LIBDIR": os.pathsep.join(str(folder / "xtables") for folder in libraries),
        }


def ensure_binaries() -> Binaries:
    """Return the cluster's programs, building what the cache does not hold yet (minutes once, then nothing).

    An interrupted build goes on where it was: the Go tool keeps what it compiled.

    Raises:
        OpsError: no ``go``, no Debian, too little disk, or a build failed (with its last lines).
    """
    built = programs.ensure(programs.CLUSTER_NAMES)
    return Binaries(
        debian=ensure_debian(),
        pause=built["pause"],
        coredns=built["coredns"],
        kube_router=built["kube-router"],
        provisioner=built["local-path-provisioner"],
        kubernetes=built["kubernetes"],
    )


def ensure_debian() -> Path:
    """Return the folder of the programs that Debian has, unpacked unless it is cached; raises as `unpack`."""
    return unpack("debian-cluster", DEBIAN_PACKAGES, IPTABLES_LINKS)
