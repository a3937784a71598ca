"""Packs the cluster's own images: static programs and nothing else, so no registry is asked for anything."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import cache, versions
from lab.cluster.binaries import Binaries
from lab.images import archive

PAUSE: Final = "localhost/pause-lab:1"
BUSYBOX: Final = "localhost/busybox-lab:1"
COREDNS: Final = f"localhost/coredns-lab:{versions.COREDNS}"
PROVISIONER: Final = f"localhost/local-path-provisioner-lab:{versions.LOCAL_PATH_PROVISIONER}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Image:
    """An image of one program: ``files`` by their path in it."""

    name: str
    files: Mapping[str, Path]
    config: archive.ImageConfig
    links: tuple[str, ...] = ()
    """Further names of the program in ``/bin``, as busybox wants them."""


def ensure_images(binaries: Binaries) -> list[Path]:
    """Return the docker archives of pause, busybox, CoreDNS and the provisioner, packed unless they are cached."""
    return [_pack(image) for image in _images(binaries)]


def _images(binaries: Binaries) -> list[_Image]:
    busybox_environment = {"PATH": "/bin"}
    return [
        _Image(
            name=PAUSE, files={"pause": binaries.pause / "pause"}, config=archive.ImageConfig(entrypoint=["/pause"], user="65535:65535")
        ),
        _Image(
            name=BUSYBOX,
            files={"bin/busybox": binaries.busybox},
            config=archive.ImageConfig(command=["/bin/sh"], environment=busybox_environment),
            links=tuple(subprocess.check_output([binaries.busybox, "--list"], text=True).split()),
        ),
        _Image(name=COREDNS, files={"coredns": binaries.coredns / "coredns"}, config=archive.ImageConfig(entrypoint=["/coredns"])),
        _Image(
            name=PROVISIONER,
            files={"local-path-provisioner": binaries.provisioner / "local-path-provisioner"},
            config=archive.ImageConfig(entrypoint=["/local-path-provisioner"]),
        ),
    ]


def _pack(image: _Image) -> Path:
    def make(folder: Path) -> None:
        root = folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        for target, source in image.files.items():
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, root / target)
        for link in image.links:
            if not (root / "bin" / link).exists():
                (root / "bin" / link).symlink_to("busybox")
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        archive.pack(folder / "image.tar", name=image.name, layers=[root], config=image.config)
        shutil.rmtree(root)

    # A binary's cache folder is named by all that decides its content, so its path identifies it.
    parts = [str(source) for source in image.files.values()]
    parts += [repr(image.config.document()), *image.links, cache.tree_key(Path(archive.__file__), Path(__file__))]
    short = image.name.rpartition("/")[2].partition(":")[0]
    return cache.build(f"image-{short}", cache.key(image.name, *parts), make, needs_gib=0.5) / "image.tar"
