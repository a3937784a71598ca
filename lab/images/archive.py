"""Packs folders into a docker archive, byte for byte the same for the same content.

The archive is what ``docker load``, ``ctr image import`` and ``skopeo copy docker-archive:`` read. Times are fixed, owners
numeric, names sorted, extended attributes left out, so the digests of layers and image follow from content alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

MTIME: Final = 1_735_689_600
"""Modification time of every file in every layer: 2025-01-01 UTC. Not 0: some programs take the epoch for "unknown"."""

CREATED: Final = "2025-01-01T00:00:00Z"
"""The image's own date, for the same reason."""

MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""What the kernel calls a processor, and what image configurations call it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig:
    """How a container of the image starts, by the names of the OCI image specification.

    Attributes:
        entrypoint: the program and its first words; a pod's ``command`` replaces it.
        command: further words; a pod's ``args`` replace them.
        environment: variables set in every container.
        user: ``uid[:gid]`` or a name of the image's passwd file; empty is root.
        working_dir: where the program starts; empty is ``/``.
        ports: as ``5000/tcp``; they only document.
        volumes: paths that get storage of their own when nothing is mounted there.
        labels: shown by ``inspect``.
        stop_signal: what a runtime sends to stop the program; empty is SIGTERM.
    """

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_dir: str = ""
    ports: Sequence[str] = ()
    volumes: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""

    def document(self) -> dict[str, Any]:
        """Return the ``config`` object of the image's configuration, empty fields left out."""
        fields: dict[str, Any] = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "Env": [f"{name}={value}" for name, value in sorted(self.environment.items())],
            "User": self.user,
            "WorkingDir": self.working_dir,
            "ExposedPorts": {port: {} for port in self.ports},
            "Volumes": {path: {} for path in self.volumes},
            "Labels": dict(self.labels),
            "StopSignal": self.stop_signal,
        }
        return {name: value for name, value in fields.items() if value}


def pack(archive: Path, *, name: str, layers: Sequence[Path], config: ImageConfig) -> str:
    """Write ``archive``, a docker archive of one image; it appears whole or not at all.

    Args:
        name: repository and tag, as ``localhost/pause-lab:1``.
        layers: lowest first. A folder is packed with `write_layer`; a file is a layer packed already.

    Returns:
        The image's id: ``sha256:`` and the digest of its configuration.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        packed = [stack.enter_context(_packed(layer, archive.parent)) for layer in layers]
        digests = [_digest(layer) for layer in packed]
        document = _configuration(config, digests)
        image_id = hashlib.sha256(document).hexdigest()
        manifest = [{"Config": f"{image_id}.json", "RepoTags": [name], "Layers": [f"{digest}.tar" for digest in digests]}]
        with _appearing(archive) as sink, tarfile.open(fileobj=sink, mode="w", format=tarfile.GNU_FORMAT) as tar:
            _add_bytes(tar, f"{image_id}.json", document)
            for digest, layer in dict(zip(digests, packed, strict=True)).items():
                with layer.open("rb") as source:
                    tar.addfile(_file_entry(f"{digest}.tar", layer.stat().st_size), source)
            _add_bytes(tar, "manifest.json", _json(manifest))
    return f"sha256:{image_id}"


def write_layer(target: Path, root: Path) -> str:
    """Write the layer ``target``, a tar file of everything below ``root``.

    ``root`` may be the upper folder of an overlay file system: its marks of removed files and replaced folders become the
    marks of the image format. Devices, sockets and pipes are left out: a runtime makes its own.

    Returns:
        The layer's digest, 64 hex digits.
    """
    with _appearing(target) as sink, tarfile.open(fileobj=sink, mode="w", format=tarfile.GNU_FORMAT) as tar:
        first_names: dict[int, str] = {}
        for path, status in _walk(root):
            _add_path(tar, path, str(path.relative_to(root)), status, first_names)
    return _digest(target)


def image_id(archive: Path) -> str:
    """Return the id of the image in ``archive``, as `pack` returned it."""
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        return f"sha256:{json.load(manifest)[0]['Config'].removesuffix('.json')}"


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for entry in sorted(os.scandir(folder), key=lambda item: item.name):
        path, status = Path(entry.path), entry.stat(follow_symlinks=False)
        yield path, status
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(path)


def _add_path(tar: tarfile.TarFile, path: Path, name: str, status: os.stat_result, first_names: dict[int, str]) -> None:
    mode = status.st_mode
    if stat.S_ISCHR(mode) and status.st_rdev == 0:  # how an overlay records a removed file
        tar.addfile(_file_entry(str(Path(name).parent / f".wh.{path.name}"), 0))
        return
    entry = _file_entry(name, 0)
    entry.mode, entry.uid, entry.gid = stat.S_IMODE(mode), status.st_uid, status.st_gid
    if stat.S_ISDIR(mode):
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
        if _replaces_lower_folder(path):
            tar.addfile(_file_entry(f"{name}/.wh..wh..opq", 0))
    elif stat.S_ISLNK(mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
        tar.addfile(entry)
    elif stat.S_ISREG(mode) and status.st_nlink > 1 and status.st_ino in first_names:
        entry.type, entry.linkname = tarfile.LNKTYPE, first_names[status.st_ino]
        tar.addfile(entry)
    elif stat.S_ISREG(mode):
        first_names[status.st_ino] = name
        entry.size = status.st_size
        with path.open("rb") as source:
            tar.addfile(entry, source)


def _replaces_lower_folder(path: Path) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:  # no such attribute, or a file system without any
        return False


def _configuration(config: ImageConfig, digests: Sequence[str]) -> bytes:
    return _json(
        {
            "architecture": MACHINES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": CREATED,
            "config": config.document(),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
            "history": [{"created": CREATED, "created_by": "lab.images"} for _ in digests],
        }
    )


@contextlib.contextmanager
def _packed(layer: Path, workspace: Path) -> Iterator[Path]:
    if layer.is_file():
        yield layer
        return
    with tempfile.TemporaryDirectory(prefix=".layer-", dir=workspace) as folder:
        target = Path(folder) / "layer.tar"
        write_layer(target, layer)
        yield target


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[BinaryIO]:
    """Write beside ``target`` and rename at the end, so that a reader never sees half a file."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as sink:
            yield sink
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def _file_entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, MTIME, 0o644
    return entry


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_file_entry(name, len(data)), io.BytesIO(data))


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
