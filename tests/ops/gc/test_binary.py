"""What the genuine registries do when they collect, 2.8.2 of Debian and 3.1.2: what the command reads, reports and repairs."""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from components.registry import configuration
from components.registry.cache import configuration as redis_conf
from components.settings.sections.storage.driver import DATA
from lab.images.build import build_images
from lab.images.rootfs import run, started
from lab.images.servers import free_port
from ops.gc.job import SCRIPT
from ops.gc.output import Findings, findings
from ops.gc.registry import BLOBS
from ops.sample_image import MANIFEST_TYPE, write_sample
from tests.components.registry.stage import IMAGES, USER, Stage, push, redis_server, settings, token
from tests.ops.gc.images import INDEX_TYPE, blobs_of, index_of, write_sharing

pytestmark = pytest.mark.images

BOTH = pytest.mark.parametrize("version", ["2.8", "3.1"])


def bearer(repository: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(repository, 'pull', 'push', 'delete')}"}


def delete(client: httpx.Client, repository: str, digest: str) -> None:
    assert client.delete(f"/v2/{repository}/manifests/{digest}", headers=bearer(repository)).status_code == 202


def has_blob(client: httpx.Client, repository: str, digest: str) -> bool:
    return client.head(f"/v2/{repository}/blobs/{digest}", headers=bearer(repository)).status_code == 200


def get_manifest(client: httpx.Client, repository: str, reference: str) -> int:
    accept = {"Accept": f"{MANIFEST_TYPE}, {INDEX_TYPE}"}
    return client.get(f"/v2/{repository}/manifests/{reference}", headers=bearer(repository) | accept).status_code


def pulls(client: httpx.Client, repository: str, folder: Path) -> bool:
    """Whether the image of ``folder`` is there by its digest, with every byte."""
    digest, *parts = blobs_of(folder)
    answers = [client.get(f"/v2/{repository}/blobs/{part}", headers=bearer(repository)) for part in parts]
    whole = all(answer.content == (folder / part.removeprefix("sha256:")).read_bytes() for part, answer in zip(parts, answers, strict=True))
    return get_manifest(client, repository, digest) == 200 and whole


def command(version: str, *flags: str) -> list[str]:
    """Return what the Job runs."""
    path = configuration.PATHS[settings(version=version).version]
    return ["/bin/sh", "-c", SCRIPT, "sh", f"{DATA}/{BLOBS}", *flags, path]


def collect(stage: Stage, *flags: str) -> Findings:
    """Collect as the Job does; return what was read of it."""
    (image,) = build_images([IMAGES[stage.settings.version]])
    container = image.container(stage.environment(), user=USER, binds=stage.binds(), read_only=True)
    done = run(container, command(stage.settings.version.value, *flags))
    assert done.returncode == 0, done.stdout
    found = findings(done.stdout)
    assert found.whole, done.stdout
    return found


def stored(stage: Stage) -> dict[str, int]:
    """Return digest -> bytes of what lies in the store."""
    files = (stage.folder / "data" / BLOBS).rglob("data")
    return {f"sha256:{file.parent.name}": file.stat().st_size for file in files}


@BOTH
class TestReport:
    def test_it_names_what_the_deleted_image_had_alone(self, tmp_path: Path, version: str) -> None:
        stage = Stage(tmp_path / "registry", settings(version=version))
        gone, kept = tmp_path / "gone", tmp_path / "kept"
        digest = write_sample(gone, text="gone")
        write_sharing(kept, gone, text="kept")
        with stage.begun(), stage.client() as client:
            for folder, repository in ((gone, "team/gone"), (kept, "team/app")):
                assert push(client, repository, folder, "1").status_code == 201
            delete(client, "team/gone", digest)
        private = {part: size for part, size in blobs_of(gone).items() if part not in blobs_of(kept)}
        assert len(private) == 4
        before = stored(stage)
        found = collect(stage, "--dry-run")
        assert set(found.blobs) == set(private)
        assert found.freed == sum(private.values())
        assert found.sizes == before == stored(stage)
        assert found.repositories == ("team/app", "team/gone")
        assert (found.manifests, found.marked) == (1, 5)
        assert set(collect(stage).blobs) == set(private)
        assert sum(before.values()) - sum(stored(stage).values()) == sum(private.values())
        with stage.begun(), stage.client() as client:
            assert pulls(client, "team/app", kept)
            assert push(client, "team/gone", gone, "1").status_code == 201
            assert pulls(client, "team/gone", gone)

    def test_an_empty_store_has_nothing_to_collect(self, tmp_path: Path, version: str) -> None:
        stage = Stage(tmp_path / "registry", settings(version=version))
        with stage.begun(), stage.client() as client:
            assert push(client, "team/app", _sample(tmp_path / "one"), "1").status_code == 201
        assert collect(stage, "--dry-run").blobs == ()


@BOTH
class TestUntagged:
    @pytest.fixture
    def stage(self, tmp_path: Path, version: str) -> Stage:
        """A registry with an image whose tag has moved on, and one of two platforms."""
        stage = Stage(tmp_path / "registry", settings(version=version))
        with stage.begun(), stage.client() as client:
            for text in ("old", "new"):
                assert push(client, "team/app", _sample(tmp_path / text), "1").status_code == 201
            for text in ("amd64", "arm64"):
                folder = _sample(tmp_path / text)
                assert push(client, "team/multi", folder, next(iter(blobs_of(folder)))).status_code == 201
            content = index_of(tmp_path / "amd64", tmp_path / "arm64")
            answer = client.put("/v2/team/multi/manifests/1", content=content, headers=bearer("team/multi") | {"Content-Type": INDEX_TYPE})
            assert answer.status_code == 201, answer.text
        return stage

    def test_it_takes_what_no_tag_names_and_is_left_alone_without_the_word(self, tmp_path: Path, stage: Stage) -> None:
        assert collect(stage, "--dry-run").blobs == ()
        found = collect(stage, "--dry-run", "--delete-untagged")
        assert ("team/app", next(iter(blobs_of(tmp_path / "old")))) in found.untagged
        assert set(blobs_of(tmp_path / "old")) <= set(found.blobs)
        assert not set(blobs_of(tmp_path / "new")) & set(found.blobs)

    def test_2_8_breaks_images_of_several_platforms_and_3_1_does_not(self, tmp_path: Path, stage: Stage, version: str) -> None:
        children = [next(iter(blobs_of(tmp_path / text))) for text in ("amd64", "arm64")]
        found = collect(stage, "--dry-run", "--delete-untagged")
        if version == "2.8":
            (index,) = found.indexes
            assert index.repository == "team/multi"
            assert set(index.lost) == set(children)
        else:
            assert found.indexes == ()
        collect(stage, "--delete-untagged")
        with stage.begun(), stage.client() as client:
            assert get_manifest(client, "team/multi", "1") == 200
            assert {get_manifest(client, "team/multi", child) for child in children} == {404 if version == "2.8" else 200}

    def test_platforms_with_tags_of_their_own_are_safe(self, tmp_path: Path, stage: Stage) -> None:
        with stage.begun(), stage.client() as client:
            for text in ("amd64", "arm64"):
                assert push(client, "team/multi", tmp_path / text, text).status_code == 201
        assert collect(stage, "--dry-run", "--delete-untagged").indexes == ()

    def test_a_repository_without_any_tag_stops_2_8_and_loses_all_in_3_1(self, tmp_path: Path, stage: Stage, version: str) -> None:
        folder = _sample(tmp_path / "tagless")
        with stage.begun(), stage.client() as client:
            assert push(client, "team/tagless", folder, next(iter(blobs_of(folder)))).status_code == 201
        if version == "2.8":
            with pytest.raises(AssertionError, match="failed to retrieve tags unknown repository name=team/tagless"):
                collect(stage, "--delete-untagged")
            return
        found = collect(stage, "--dry-run", "--delete-untagged")
        assert found.tagless == ("team/tagless",)
        assert set(blobs_of(folder)) <= set(found.blobs)


@BOTH
class TestCache:
    """The corruption that the command prevents: a registry that remembers a deleted layer has clients leave it out of their push."""

    @contextmanager
    def _remembering(self, tmp_path: Path, stage: Stage) -> Iterator[tuple[httpx.Client, str]]:
        """Give a client of a registry that knows a layer by its cache alone, and the layer."""
        folder = _sample(tmp_path / "sample")
        digest, _, layer, *_ = blobs_of(folder)
        with stage.begun(), stage.client() as client:
            assert push(client, "team/app", folder, "1").status_code == 201
            delete(client, "team/app", digest)
            assert has_blob(client, "team/app", layer)
            assert layer in collect(stage).blobs
            assert stored(stage) == {}
            yield client, layer

    def test_memory_remembers_what_is_gone_until_the_registry_restarts(self, tmp_path: Path, version: str) -> None:
        stage = Stage(tmp_path / "registry", settings(version=version))
        with self._remembering(tmp_path, stage) as (client, layer):
            assert has_blob(client, "team/app", layer)
        with stage.begun(), stage.client() as client:
            assert not has_blob(client, "team/app", layer)

    def test_redis_remembers_it_beyond_that_until_it_is_flushed(self, tmp_path: Path, version: str) -> None:
        port = free_port()
        cache = {"kind": "external", "addr": f"localhost:{port}", "password": "letters"}
        stage = Stage(tmp_path / "registry", settings(version=version, redis=cache))
        with redis_server(tmp_path, redis_conf("letters", 16), port) as redis:
            with self._remembering(tmp_path, stage) as (client, layer):
                assert has_blob(client, "team/app", layer)
            with stage.begun(), stage.client() as client:
                assert has_blob(client, "team/app", layer)
                flushed = redis.exec(["redis-cli", "-p", str(port), "flushall"], environment={"REDISCLI_AUTH": "letters"})
                assert flushed.stdout.strip() == "OK"
                assert not has_blob(client, "team/app", layer)
                assert push(client, "team/app", tmp_path / "sample", "1").status_code == 201
                assert pulls(client, "team/app", tmp_path / "sample")


@BOTH
def test_a_collection_that_is_killed_leaves_every_image_whole_and_the_next_one_ends_it(tmp_path: Path, version: str) -> None:
    stage = Stage(tmp_path / "registry", settings(version=version))
    kept = tmp_path / "kept"
    write_sample(kept, text="kept")
    with stage.begun(), stage.client() as client:
        assert push(client, "team/app", kept, "1").status_code == 201
        for number in range(60):
            folder = tmp_path / f"gone-{number}"
            digest = write_sample(folder, text=f"gone {number}", layers=4)
            assert push(client, "team/app", folder, "2").status_code == 201
            delete(client, "team/app", digest)
    whole = len(stored(stage))
    (image,) = build_images([IMAGES[stage.settings.version]])
    container = image.container(stage.environment(), user=USER, binds=stage.binds(), read_only=True)
    with _narrow_pipe() as (said, saying), started(container, command(version), output=saying) as running:
        eligible = (line for line in said if "blob eligible for deletion: " in line)
        assert len(list(itertools.islice(eligible, 5))) == 5
        running.kill()
    left = len(stored(stage))
    assert len(blobs_of(kept)) < left < whole, "it was killed in the middle"
    with stage.begun(), stage.client() as client:
        assert pulls(client, "team/app", kept)
    assert len(collect(stage).blobs) == left - len(blobs_of(kept))
    assert stored(stage) == blobs_of(kept)


@contextmanager
def _narrow_pipe() -> Iterator[tuple[IO[str], int]]:
    """Give the ends of a pipe that holds a page: who writes more lines than that waits for whoever reads."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(reading, encoding="utf-8") as said:
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
            yield said, writing
    finally:
        os.close(writing)


def _sample(folder: Path) -> Path:
    write_sample(folder, text=folder.name)
    return folder
