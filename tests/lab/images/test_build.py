"""Which images exist, how they are named, and that a build is repeatable."""

from __future__ import annotations

import filecmp
import os
import tarfile
from pathlib import Path

import pytest

from lab import versions
from lab.images import __main__, debian
from lab.images.build import build_images, load, select
from lab.images.recipes import recipes
from lab.images.rootfs import Container, command_line
from ops.errors import LabError


def test_every_name_says_that_it_is_the_labs_and_no_registry_could_serve_it() -> None:
    for recipe in recipes().values():
        assert recipe.name.endswith("-lab")
        assert recipe.reference.startswith("localhost/")


def test_a_repository_without_tag_means_every_tag() -> None:
    assert {recipe.tag for recipe in select(["portus-lab"])} == {"2.2", "2.4", "2.5"}
    assert [recipe.reference for recipe in select(["localhost/mariadb-lab:10.11"])] == ["localhost/mariadb-lab:10.11"]
    assert len(select([])) == len(recipes())


def test_an_unknown_name_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["build", "mysql-lab"]) == 1
    error = capsys.readouterr().err
    assert "there is no lab image 'mysql-lab'" in error
    assert "mariadb-lab:10.11" in error
    assert "Traceback" not in error


def test_without_root_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
    with pytest.raises(LabError, match="needs root"):
        build_images(["registry-lab:2.8"])
    with pytest.raises(LabError, match="needs root"):
        command_line(Container(trees=[tmp_path], environment={}), ["true"], tmp_path)


def test_a_machine_without_the_suite_in_its_apt_sources_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "DEBIAN", "never-released")
    debian.debian_sources.cache_clear()
    with pytest.raises(LabError, match="knows no mirror of Debian never-released"):
        debian.debian_sources()
    debian.debian_sources.cache_clear()


@pytest.mark.images
class TestBuild:
    def test_images_share_their_lowest_layer_and_a_family_its_packages(self) -> None:
        images = build_images(["mariadb-lab", "registry-lab:2.8"])
        assert images[0].layers[0] == images[1].layers[0]

    def test_a_second_build_builds_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        first = build_images(["registry-lab:2.8"])
        capsys.readouterr()
        assert build_images(["registry-lab:2.8"]) == first
        assert capsys.readouterr().out == ""

    def test_from_nothing_gives_the_same_bytes_whatever_the_umask(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cached = build_images(["registry-lab:2.8"])[0]
        monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
        before = os.umask(0o077)
        try:
            again = build_images(["registry-lab:2.8"])[0]
        finally:
            os.umask(before)
        if [layer.packages for layer in again.layers] != [layer.packages for layer in cached.layers]:
            pytest.skip("the mirror offers newer packages than the cached image was built from")
        assert filecmp.cmp(again.archive, cached.archive, shallow=False)

    def test_nothing_of_this_machine_is_in_an_image(self) -> None:
        theirs = {"etc/hostname", "etc/hosts", "etc/machine-id", "etc/resolv.conf", "etc/apt/sources.list"}
        for image in build_images(["mariadb-lab", "registry-lab:2.8", "client-lab"]):
            for layer in image.layers:
                with tarfile.open(layer.tar) as tar:
                    files = {member.name for member in tar if not member.isdir()}
                assert not files & theirs
                assert not [name for name in files if name.startswith(("var/log/", "var/cache/apt/", "var/lib/apt/lists/", "run/", "tmp/"))]

    def test_loading_hands_over_each_archive(self) -> None:
        loaded: list[Path] = []
        images = build_images(["registry-lab:2.8"])
        load(images, loaded.append)
        assert loaded == [images[0].archive]
