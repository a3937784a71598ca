"""Genuine images from a registry that serves them, lacks them, lies or is not there."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import public_images
from lab.environment import Lab
from lab.images.build import build_images
from lab.images.rootfs import Bind
from lab.images.servers import free_port, fresh_registry
from ops.errors import OpsError
from ops.sample_image import write_sample
from ops.skopeo import Client

NAME = "localhost/mariadb-lab:10.11"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The registry's storage."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture
def registry(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A registry with one image, in a cache of its own for what is copied from it."""
    built = build_images(["client-lab:1"])
    monkeypatch.setattr("lab.images.build.build_images", lambda _names: built)
    with fresh_registry(binds=[Bind(source=data, target="/var/lib/registry")]) as address:
        monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path / "cache"))
        write_sample(tmp_path / "sample", text="the genuine MariaDB")
        pushed = Client(tmp_path, registry="", environment=Lab()).skopeo(
            "copy", "--dest-tls-verify=false", "dir:sample", f"docker://{address}/library/mariadb:10.11.14"
        )
        assert pushed.code == 0, pushed.output
        yield address


def _table(address: str, tag: str = "10.11.14") -> dict[str, str]:
    return {"mariadb-lab:10.11": f"{address}/library/mariadb:{tag}"}


@pytest.mark.images
def test_the_image_is_copied_by_digest_under_the_lab_s_name_and_once(registry: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = public_images.fetch([NAME], tls=False, table=_table(registry))
    with tarfile.open(found.archive) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        assert json.load(manifest)[0]["RepoTags"] == [NAME]
    assert f"{NAME} is {registry}/library/mariadb@sha256:" in capsys.readouterr().out
    public_images.fetch([NAME], tls=False, table=_table(registry))
    assert "copying" not in capsys.readouterr().out


@pytest.mark.images
def test_a_missing_or_damaged_image_is_refused_and_the_next_run_fetches_it_again(registry: str, data: Path) -> None:
    with pytest.raises(OpsError, match="cannot be copied from its registry") as caught:
        public_images.fetch([NAME], tls=False, table=_table(registry, "none"))
    assert "leave IMAGES out" in caught.value.fix
    blob = max(data.rglob("blobs/sha256/*/*/data"), key=lambda file: file.stat().st_size)
    good = blob.read_bytes()
    blob.write_bytes(good[:-1] + b"?")
    with pytest.raises(OpsError, match="cannot be copied from its registry"):
        public_images.fetch([NAME], tls=False, table=_table(registry))
    blob.write_bytes(good)
    assert public_images.fetch([NAME], tls=False, table=_table(registry))[0].archive.is_file()


@pytest.mark.images
def test_a_registry_that_is_not_there_is_named(registry: str) -> None:
    del registry  # for the client
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(OpsError, match=address):
        public_images.fetch([NAME], tls=False, table=_table(address))


def test_a_portus_that_was_never_published_is_refused_before_anything_is_copied() -> None:
    with pytest.raises(OpsError, match=r"localhost/portus-lab:2\.2: it was never published"):
        public_images.fetch([NAME, "localhost/portus-lab:2.2"])
