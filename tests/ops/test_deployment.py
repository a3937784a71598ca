"""What is told of a cluster that cannot be used, before anything is begun."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lab.environment import Lab
from lab.images.debian import debian_sources
from lab.images.servers import free_port
from ops import lifecycle
from ops.commands import check, restore
from ops.environment import Environment, Operator
from ops.errors import LabError
from ops.kube.client import require_cluster
from ops.sample_image import write_sample
from tests.ops.api import kubeconfig


def _silent(folder: Path) -> Path:
    return kubeconfig(folder, f"https://127.0.0.1:{free_port()}")


def test_a_missing_kubeconfig_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"the kubeconfig .*/absent must exist"):
        require_cluster(tmp_path / "absent", None)


def test_a_missing_context_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="it must have the context 'prod'"):
        require_cluster(_silent(tmp_path), "prod")


def test_a_cluster_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not answer") as raised:
        require_cluster(_silent(tmp_path), None)
    assert "\n" not in raised.value.problem


# What a verb that ends with a push needs of the user's machine.


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder on PATH, and empty: neither skopeo nor what the lab builds its own with."""
    monkeypatch.setenv("PATH", str(tmp_path))
    debian_sources.cache_clear()
    return tmp_path


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("verb", [lifecycle.up, check, partial(restore, dump="20260101T000000Z", safety="yes")])
def test_a_machine_that_cannot_push_is_told_before_anything_is_deployed_or_restored(
    tmp_path: Path, verb: Callable[[str, Environment], None]
) -> None:
    with pytest.raises(LabError, match=r"skopeo must be on PATH: .* fix: install skopeo; or run this as root on Debian"):
        verb("dev", Lab(tmp_path / "kubeconfig"))


def test_the_machines_own_skopeo_is_enough(programs: Path) -> None:
    skopeo = programs / "skopeo"
    skopeo.touch(mode=0o755)
    Operator().require_client("dev")
    Lab().require_client("dev")


# The images that tests push.


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
