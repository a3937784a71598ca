"""No image is lost unseen: whatever one side has and the other has not, or has otherwise, is told."""

from __future__ import annotations

import dataclasses
import posixpath

import yaml

from ops.export import images
from ops.export.images import drift
from ops.export.registry_client import Inventory
from tests.ops.export.sample import digest, inventory, portus


def test_every_difference_is_reported_with_its_reason() -> None:
    found = drift(portus(), inventory())
    assert {(each["repository"], each["tag"]): each["why"] for each in found["only_in_registry"]} == {
        ("products/many", "2"): "Portus drops the events of OCI manifests",
        ("products/oci", "0o7"): "Portus drops the events of OCI manifests",
    }
    assert found["only_in_portus"] == [{"repository": "alice/app", "tag": "gone", "digest": digest("c")}]
    assert found["other_digest"] == [{"repository": "alice/app", "tag": "1.0", "portus": digest("b"), "registry": digest("e")}]
    assert found["not_readable"] == [{"repository": "nowhere/app", "why": "Portus gives its own account no right"}]
    assert found["without_tags"] == ["alice/emptied"]


def test_what_could_not_be_listed_is_not_taken_for_lost() -> None:
    unread = dataclasses.replace(inventory(), images=(), unread={"alice/app": "why", "alice/a/b": "why", "alice": "why"})
    assert drift(portus(), unread)["only_in_portus"] == []


def test_what_agrees_is_no_difference() -> None:
    same = Inventory(images=tuple(image for image in inventory().images if image.repository in {"alice", "alice/a/b"}))
    few = dataclasses.replace(portus(), namespaces=tuple(each for each in portus().namespaces if each.is_global))
    few_images = Inventory(images=tuple(image for image in same.images if image.repository == "alice"))
    assert not any(drift(few, few_images).values())


def test_a_digest_that_an_old_portus_never_recorded_is_no_difference() -> None:
    spaces = portus().namespaces[:1]
    (repository,) = spaces[0].repositories
    bare = dataclasses.replace(repository, tags=(dataclasses.replace(repository.tags[0], digest=None),))
    old = dataclasses.replace(portus(), namespaces=(dataclasses.replace(spaces[0], repositories=(bare,)),))
    assert drift(old, Inventory(images=inventory().images[:1]))["other_digest"] == []


def test_an_event_that_waits_explains_a_missing_record() -> None:
    waiting = dataclasses.replace(portus(), namespaces=(), events_waiting=3)
    found = drift(waiting, Inventory(images=inventory().images[:1]))
    assert found["events_waiting"] == 3
    assert found["only_in_registry"][0]["why"] == "its event may be among those that wait"


# What skopeo is given names every tag that the registry holds once, and loses none by its own shortening of names.


REGISTRY = "registry.example.com:5000"


def _written(*, private_ca: bool = False) -> dict[str, str]:
    return images.files(REGISTRY, inventory().images, private_ca=private_ca)


def _pairs(text: str) -> set[tuple[str, str]]:
    (said,) = yaml.safe_load(text).values()
    return {(name, tag) for name, tags in said["images"].items() for tag in tags}


def test_the_file_for_all_and_the_batches_together_hold_every_tag() -> None:
    every = {(image.repository, image.tag) for image in inventory().images}
    written = _written()
    assert _pairs(written.pop(images.ALL)) == every
    parts = [_pairs(text) for text in written.values()]
    assert set().union(*parts) == every
    assert sum(map(len, parts)) == len(every)


def test_a_batch_keeps_every_name_although_skopeo_keeps_its_last_part_only() -> None:
    written = _written()
    for batch in images.batches(inventory().images):
        for name, _ in _pairs(written[batch.file]):
            assert posixpath.join(batch.folder, posixpath.basename(name)) == name


def test_the_global_namespace_has_a_file_that_no_repository_can_be_called() -> None:
    (top,) = (batch for batch in images.batches(inventory().images) if not batch.folder)
    assert (top.file, top.tags) == ("sync/_top.yaml", 1)


def test_tags_that_look_like_numbers_stay_text_for_every_reader_of_yaml() -> None:
    assert '"0o7"' in _written()[images.ALL]
    assert '"1.0"' in _written()[images.ALL]


def test_a_private_ca_is_named_in_the_files_for_skopeo_ignores_the_option_then() -> None:
    assert yaml.safe_load(_written(private_ca=True)[images.ALL])[REGISTRY]["cert-dir"] == images.CERTIFICATES
    assert "cert-dir" not in yaml.safe_load(_written()[images.ALL])[REGISTRY]


def test_an_empty_registry_gives_an_empty_list() -> None:
    assert images.batches(()) == []
    assert yaml.safe_load(images.files(REGISTRY, (), private_ca=False)[images.ALL]) == {REGISTRY: {"images": {}}}
