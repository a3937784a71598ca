"""Small images to push: docker schema 2, several layers, the same bytes on every machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any, Final

MTIME: Final = 1_735_689_600
CREATED: Final = "2025-01-01T00:00:00Z"
"""One moment for every image, in seconds and as text."""

MANIFEST_TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE: Final = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"

DIRECTORY_VERSION: Final = "Directory Transport Version: 1.1\n"
"""What skopeo's ``dir:`` transport wants to find in the file ``version``."""


def write_sample(folder: Path, *, text: str = "a sample of the lab", layers: int = 3, layer_bytes: int = 4096) -> str:
    """Write an image into ``folder`` as skopeo's ``dir:`` transport reads it (``skopeo copy dir:FOLDER docker://...``).

    Args:
        text: goes into every layer; another text is another image.
        layers: how many.
        layer_bytes: size of the file in each layer, before the little that packing adds.

    Returns:
        The manifest's digest, ``sha256:...``: what the registry answers and a pull must give back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tars = [_layer(f"{text}, layer {number}", f"sample/{number}.txt", layer_bytes) for number in range(1, layers + 1)]
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": CREATED,
            "config": {"Labels": {"text": text}},
            "rootfs": {"type": "layers", "diff_ids": [_digest(tar) for tar in tars]},
            "history": [{"created": CREATED, "created_by": "ops.sample_image"} for _ in tars],
        }
    )
    blobs = [gzip.compress(tar, compresslevel=0, mtime=0) for tar in tars]  # stored: no two versions of zlib differ
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(LAYER_TYPE, blob) for blob in blobs],
        }
    )
    for blob in (config, *blobs):
        (folder / _digest(blob).removeprefix("sha256:")).write_bytes(blob)
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "version").write_text(DIRECTORY_VERSION)
    return _digest(manifest)


def _layer(text: str, name: str, size: int) -> bytes:
    words = f"{text}\n".encode()
    content = (words * (size // len(words) + 1))[:size]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime = len(content), MTIME
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(blob), "digest": _digest(blob)}


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
