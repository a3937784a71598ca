"""``make gc`` on a registry with a claim and a Redis: what goes, what stays, and that nothing a client then does breaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cluster import Publication
from ops.check import check_read_only
from ops.console import Step
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.gc import Request, collect, guard
from ops.gc import job as jobs
from ops.gc import job as running
from ops.gc.registry import BLOBS, registry_of
from ops.kube.client import JOB
from ops.kube.status import has_ended
from ops.sample_image import MANIFEST_TYPE, write_sample
from ops.skopeo import Client
from tests.cluster.conftest import administrator_of, until
from tests.cluster.own_stack import OwnStack, own_stack, published, registry_api
from tests.ops.gc.images import INDEX_TYPE, blobs_of, hexadecimal, index_of, write_sharing

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.91"
HOSTS = ("portus.collected.test", "registry.collected.test")
STORE = f"/var/lib/registry/{BLOBS}"
GONE, KEPT, MULTI = "admin/gone", "admin/kept", "admin/multi"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("collection", tmp_path_factory.mktemp("collection")) as deployed:
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30793, names=HOSTS)):
            yield deployed


@pytest.fixture(scope="module")
def administrator(reached: Deployment) -> Iterator[Client]:
    with administrator_of(reached) as made:
        yield made


@pytest.fixture(scope="module")
def images(reached: Deployment, administrator: Client) -> dict[str, Path]:
    """Two images that share a layer, the first deleted as Portus deletes it; and one of two platforms, whose parts have no tags."""
    folders = {name: administrator.folder / name for name in ("gone", "kept", "amd64", "arm64")}
    for name in ("gone", "amd64", "arm64"):
        write_sample(folders[name], text=name, layer_bytes=64 * 1024)
    write_sharing(folders["kept"], folders["gone"], text="kept")
    targets = {
        "gone": f"{GONE}:1",
        "kept": f"{KEPT}:1",
        **{name: f"{MULTI}@{next(iter(blobs_of(folders[name])))}" for name in ("amd64", "arm64")},
    }
    for name, target in targets.items():
        pushed = administrator.push(name, target)
        assert pushed.code == 0, pushed.output
    with registry_api(reached, MULTI) as http:
        answer = http.put("/manifests/1", content=index_of(folders["amd64"], folders["arm64"]), headers={"Content-Type": INDEX_TYPE})
        assert answer.status_code == 201, answer.text
    with registry_api(reached, GONE, "*") as http:
        assert http.delete(f"/manifests/{next(iter(blobs_of(folders['gone'])))}").status_code == 202
    return folders


def _registry_pod(reached: Deployment) -> str:
    labels = "app.kubernetes.io/name=registry"
    (pod,) = reached.api().list_namespaced_pod(reached.namespace, label_selector=labels, field_selector="status.phase=Running").items
    return str(pod.metadata and pod.metadata.name)


def _stored(reached: Deployment) -> dict[str, int]:
    """Return digest -> bytes of every blob on the claim."""
    said = reached.exec(_registry_pod(reached), ["sh", "-c", f"cd {STORE} && find . -name data -exec stat -c '%s %n' {{}} +"])
    return {f"sha256:{line.split('/')[2]}": int(line.split()[0]) for line in said.splitlines()}


def _has(reached: Deployment, repository: str, digest: str) -> bool:
    with registry_api(reached, repository, "pull") as http:
        return http.head(f"/blobs/{digest}").status_code == 200


def _pulls_whole(reached: Deployment, repository: str, folder: Path) -> None:
    """Pull the image of ``folder`` by its digest, with every byte of every part."""
    digest, *parts = blobs_of(folder)
    with registry_api(reached, repository, "pull") as http:
        manifest = http.get(f"/manifests/{digest}", headers={"Accept": MANIFEST_TYPE})
        assert manifest.content == (folder / "manifest.json").read_bytes()
        for part in parts:
            assert http.get(f"/blobs/{part}").content == (folder / hexadecimal(part)).read_bytes()


def _nothing_runs(reached: Deployment) -> bool:
    return not reached.api().list_namespaced_pod(reached.namespace, label_selector=f"job-name={jobs.NAME}").items


def _private(images: dict[str, Path]) -> dict[str, int]:
    return {digest: size for digest, size in blobs_of(images["gone"]).items() if digest not in blobs_of(images["kept"])}


def _switch(stack: OwnStack, *, read_only: bool) -> None:
    said = stack.said()
    said["portus:registry"]["maintenance"] = {"readonly": {"enabled": read_only}}
    stack.say(said)
    stack.up()


def test_a_registry_that_takes_pushes_is_not_collected(stack: OwnStack, reached: Deployment, images: dict[str, Path]) -> None:
    before = _stored(reached)
    with pytest.raises(OpsError, match="must be read-only"):
        collect(stack, Request(confirm=True))
    said = stack.said()
    said["portus:registry"]["maintenance"] = {"readonly": {"enabled": True}}
    stack.say(said)
    with pytest.raises(OpsError, match="must be read-only"):  # what the stack file says is not what runs
        collect(stack, Request(confirm=True))
    assert _stored(reached) == before
    assert set(_private(images)) <= set(before)


def test_read_only_gives_images_and_takes_none(
    stack: OwnStack, reached: Deployment, administrator: Client, images: dict[str, Path]
) -> None:
    _switch(stack, read_only=True)
    with registry_api(reached, KEPT, "*") as http:
        assert http.delete(f"/manifests/{next(iter(blobs_of(images['kept'])))}").status_code == 405
    with registry_api(reached, KEPT) as http:
        assert http.post("/blobs/uploads/").status_code == 405
    check_read_only(reached, Step("a push that is refused"))  # what `make up` checks then
    assert administrator.pull(f"{KEPT}:1", "pulled").code == 0


def test_the_report_names_what_the_deleted_image_had_alone(stack: OwnStack, reached: Deployment, images: dict[str, Path]) -> None:
    before = _stored(reached)
    found = collect(stack, Request())
    assert set(found.blobs) == set(_private(images))
    assert found.freed == sum(_private(images).values())
    assert found.sizes == before == _stored(reached)
    assert {GONE, KEPT, MULTI} <= set(found.repositories)
    assert _nothing_runs(reached)


def test_images_of_several_platforms_are_not_broken_without_a_second_word(
    stack: OwnStack, reached: Deployment, images: dict[str, Path]
) -> None:
    before = _stored(reached)
    with pytest.raises(OpsError, match="would lose platforms") as refused:
        collect(stack, Request(confirm=True, untagged="yes"))
    assert f"{MULTI}@" in refused.value.excerpt
    assert _stored(reached) == before
    for name in ("amd64", "arm64"):
        _pulls_whole(reached, MULTI, images[name])


class _Interrupted(Step):
    """A user who presses Ctrl-C at the first word of the collection."""

    def say(self, detail: str) -> None:
        if "marking" in detail:
            raise KeyboardInterrupt


def test_an_interrupted_command_leaves_no_collection_behind(
    stack: OwnStack, reached: Deployment, monkeypatch: pytest.MonkeyPatch, images: dict[str, Path]
) -> None:
    said = running.Runner.run
    monkeypatch.setattr(running.Runner, "run", lambda self, job, _: said(self, job, _Interrupted("interrupted")))
    with pytest.raises(KeyboardInterrupt):
        collect(stack, Request())
    assert _nothing_runs(reached)
    assert stack.kube.get(JOB, reached.namespace, jobs.NAME) is None
    assert set(_private(images)) <= set(_stored(reached))


def test_a_deployment_waits_for_the_job_of_a_command_that_was_killed_and_finishes_it(
    stack: OwnStack, reached: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Job goes on for some seconds after its command is gone, as that of a large store does for hours. It deletes nothing here."""
    monkeypatch.setattr(jobs, "SCRIPT", "sleep 8")
    monkeypatch.setattr(guard, "OWN_SECONDS", 1.0)
    cluster = stack.kube
    registry = registry_of(cluster, reached.namespace, stack.name)
    body = jobs.job(registry.deployment, config=registry.config_path, blobs="", node=registry.node, dry_run=False, untagged=False)
    cluster.create(JOB, reached.namespace, body)

    def guarded() -> None:
        guard.require_no_sweep(stack.name, reached.namespace, stack.kube)

    with monkeypatch.context() as patch:
        patch.setattr(guard, "WAIT_SECONDS", 0.5)
        with pytest.raises(OpsError, match="a push during it loses layers"):
            guarded()
    guarded()
    assert _nothing_runs(reached)
    assert cluster.get(JOB, reached.namespace, jobs.NAME) is None


def test_a_confirmed_collection_frees_it_and_the_registry_no_longer_serves_it(
    stack: OwnStack, reached: Deployment, images: dict[str, Path]
) -> None:
    layer = next(
        digest for digest in blobs_of(images["gone"]) if digest in _private(images) and digest != next(iter(blobs_of(images["gone"])))
    )
    assert _has(reached, GONE, layer), "now it is in Redis, which outlives the registry"
    before = _stored(reached)
    found = collect(stack, Request(confirm=True))
    after = _stored(reached)
    assert set(found.blobs) == set(_private(images)) == set(before) - set(after)
    assert sum(before.values()) - sum(after.values()) == sum(_private(images).values())
    assert not _has(reached, GONE, layer)
    for repository, name in ((KEPT, "kept"), (MULTI, "amd64"), (MULTI, "arm64")):
        _pulls_whole(reached, repository, images[name])
    assert collect(stack, Request(confirm=True)).blobs == ()


def test_a_registry_that_takes_pushes_again_takes_the_deleted_image_whole(
    stack: OwnStack, reached: Deployment, administrator: Client, images: dict[str, Path]
) -> None:
    before = _registry_pod(reached)
    _switch(stack, read_only=False)
    assert _registry_pod(reached) != before, "a cache in memory goes with its process"
    pushed = administrator.push("gone", f"{GONE}:1")
    assert pushed.code == 0, pushed.output
    _pulls_whole(reached, GONE, images["gone"])
    with pytest.raises(OpsError, match="must be read-only"):
        collect(stack, Request())


def test_a_job_that_has_ended_does_not_keep_the_claim_from_going_with_the_stack(stack: OwnStack, reached: Deployment) -> None:
    """Last: the stack goes. Without the Job's owner its Pod would hold the claim for a day."""
    cluster = stack.kube
    registry = registry_of(cluster, reached.namespace, stack.name)
    body = jobs.job(registry.deployment, config=registry.config_path, blobs="", node=registry.node, dry_run=True, untagged=False)
    cluster.create(JOB, reached.namespace, body)
    until(lambda: has_ended(cluster.get(JOB, reached.namespace, jobs.NAME) or {}), "the Job's end")
    began = time.monotonic()
    stack.destroy()
    assert time.monotonic() - began < 300
