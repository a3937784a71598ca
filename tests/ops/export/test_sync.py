"""What skopeo is given names every tag that the registry holds once, and loses none by its own shortening of names."""

from __future__ import annotations

import posixpath

import yaml

from ops.export import images
from tests.ops.export.sample import holdings

REGISTRY = "registry.example.com:5000"


def _written(*, private_ca: bool = False) -> dict[str, str]:
    return images.files(REGISTRY, holdings().images, private_ca=private_ca)


def _pairs(text: str) -> set[tuple[str, str]]:
    (said,) = yaml.safe_load(text).values()
    return {(name, tag) for name, tags in said["images"].items() for tag in tags}


def test_the_file_for_all_and_the_batches_together_hold_every_tag() -> None:
    every = {(image.repository, image.tag) for image in holdings().images}
    written = _written()
    assert _pairs(written.pop(images.ALL)) == every
    parts = [_pairs(text) for text in written.values()]
    assert set().union(*parts) == every
    assert sum(map(len, parts)) == len(every)


def test_a_batch_keeps_every_name_although_skopeo_keeps_its_last_part_only() -> None:
    written = _written()
    for batch in images.batches(holdings().images):
        for name, _ in _pairs(written[batch.file]):
            assert posixpath.join(batch.folder, posixpath.basename(name)) == name


def test_the_global_namespace_has_a_file_that_no_repository_can_be_called() -> None:
    (top,) = (batch for batch in images.batches(holdings().images) if not batch.folder)
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
