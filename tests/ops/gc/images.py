"""Images that share a layer, and images of several platforms."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from ops.sample_image import MANIFEST_TYPE, write_sample

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
"""OCI's, which Portus leaves alone; of Docker's manifest lists its worker dies."""


def write_sharing(folder: Path, other: Path, *, text: str) -> str:
    """Write an image of ``text`` into ``folder`` whose first layer is the first of the image in ``other``; return its digest."""
    write_sample(folder, text=text)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    shared = json.loads((other / "manifest.json").read_bytes())["layers"][0]
    shutil.copy(other / hexadecimal(shared["digest"]), folder)
    (folder / hexadecimal(manifest["layers"][0]["digest"])).unlink()
    manifest["layers"][0] = shared
    (folder / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")))
    return f"sha256:{hashlib.sha256((folder / 'manifest.json').read_bytes()).hexdigest()}"


def index_of(*folders: Path) -> bytes:
    """Return an index of the images in ``folders``, each for a platform of its own."""
    manifests = []
    for number, folder in enumerate(folders):
        content = (folder / "manifest.json").read_bytes()
        platform = {"os": "linux", "architecture": ("amd64", "arm64")[number]}
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        manifests.append({"mediaType": MANIFEST_TYPE, "size": len(content), "digest": digest, "platform": platform})
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}).encode()


def blobs_of(folder: Path) -> dict[str, int]:
    """Return digest -> bytes of everything that the image in ``folder`` consists of, its manifest included."""
    content = (folder / "manifest.json").read_bytes()
    manifest = json.loads(content)
    parts = {part["digest"]: int(part["size"]) for part in (manifest["config"], *manifest["layers"])}
    return {f"sha256:{hashlib.sha256(content).hexdigest()}": len(content), **parts}


def hexadecimal(digest: str) -> str:
    """Return a digest without its algorithm, as files are named."""
    return digest.removeprefix("sha256:")
