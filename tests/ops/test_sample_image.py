"""The images that tests push."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ops.sample_image import write_sample


def test_the_same_text_gives_the_same_image_and_another_text_another(tmp_path: Path) -> None:
    first = write_sample(tmp_path / "a")
    assert first == write_sample(tmp_path / "b")
    assert first != write_sample(tmp_path / "c", text="other")


def test_every_blob_is_named_by_its_digest_and_described_by_its_size(tmp_path: Path) -> None:
    digest = write_sample(tmp_path, layers=4)
    manifest_bytes = (tmp_path / "manifest.json").read_bytes()
    assert digest == f"sha256:{hashlib.sha256(manifest_bytes).hexdigest()}"
    manifest = json.loads(manifest_bytes)
    assert len({layer["digest"] for layer in manifest["layers"]}) == 4
    for part in (manifest["config"], *manifest["layers"]):
        blob = (tmp_path / part["digest"].removeprefix("sha256:")).read_bytes()
        assert (len(blob), f"sha256:{hashlib.sha256(blob).hexdigest()}") == (part["size"], part["digest"])
