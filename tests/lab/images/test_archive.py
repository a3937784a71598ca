"""The archive format: what makes two builds equal, and what a container runtime must find."""

from __future__ import annotations

import filecmp
import json
import os
import socket
import subprocess
import sys
import tarfile
import traceback
from pathlib import Path

import pytest

from lab import versions
from lab.__main__ import main as lab
from lab.images import debian
from lab.images.archive import MTIME, ImageConfig, image_id, pack, write_layer
from lab.images.build import build_images, load, select
from lab.images.recipes import recipes
from lab.images.rootfs import Container, command_line
from lab.images.servers import LOOPBACK, PORTS_EACH, free_port
from ops.errors import OpsError
from ops.paths import ROOT


def _tree(root: Path) -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "tool").write_bytes(b"\x7fELF")
    (root / "bin" / "tool").chmod(0o755)
    (root / "bin" / "alias").symlink_to("tool")
    os.link(root / "bin" / "tool", root / "bin" / "twin")
    return root


def _layer_members(archive: Path, index: int = 0) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json") or pytest.fail("no manifest"))
        with tarfile.open(fileobj=outer.extractfile(manifest[0]["Layers"][index])) as layer:
            return {member.name: member for member in layer.getmembers()}


def test_same_content_gives_the_same_bytes_whatever_its_times_and_place(tmp_path: Path) -> None:
    first, second = _tree(tmp_path / "one"), _tree(tmp_path / "elsewhere" / "two")
    os.utime(second / "bin" / "tool", (1, 1))
    archives = [tmp_path / "a.tar", tmp_path / "b.tar"]
    ids = [
        pack(archive, name="localhost/x-lab:1", layers=[root], config=ImageConfig(entrypoint=["/bin/tool"]))
        for archive, root in zip(archives, (first, second), strict=True)
    ]
    assert archives[0].read_bytes() == archives[1].read_bytes()
    assert ids[0] == ids[1] == image_id(archives[0])


def test_a_changed_byte_changes_the_image(tmp_path: Path) -> None:
    root = _tree(tmp_path / "root")
    before = pack(tmp_path / "a.tar", name="localhost/x-lab:1", layers=[root], config=ImageConfig())
    (root / "bin" / "tool").write_bytes(b"\x7fELG")
    assert pack(tmp_path / "a.tar", name="localhost/x-lab:1", layers=[root], config=ImageConfig()) != before


def test_modes_links_and_times_are_kept_or_fixed(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar", name="localhost/x-lab:1", layers=[_tree(tmp_path / "root")], config=ImageConfig())
    members = _layer_members(tmp_path / "a.tar")
    assert list(members) == ["bin", "bin/alias", "bin/tool", "bin/twin"]
    assert members["bin/tool"].mode == 0o755
    assert (members["bin/twin"].type, members["bin/twin"].linkname) == (tarfile.LNKTYPE, "bin/tool")
    assert members["bin/alias"].linkname == "tool"
    assert {member.mtime for member in members.values()} == {MTIME}
    assert {member.uname for member in members.values()} == {""}


def test_a_layer_used_twice_is_stored_once_and_a_packed_layer_is_taken_as_it_is(tmp_path: Path) -> None:
    digest = write_layer(tmp_path / "layer.tar", _tree(tmp_path / "root"))
    pack(tmp_path / "a.tar", name="localhost/x-lab:1", layers=[tmp_path / "layer.tar", tmp_path / "layer.tar"], config=ImageConfig())
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames().count(f"{digest}.tar") == 1
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest"))
    assert manifest[0]["Layers"] == [f"{digest}.tar", f"{digest}.tar"]


@pytest.mark.images
def test_a_file_removed_in_an_overlay_is_removed_in_the_image(tmp_path: Path) -> None:
    """The overlay's mark of it is a device, which only root can make."""
    root = _tree(tmp_path / "root")
    os.mknod(root / "bin" / "gone", 0o020000, 0)
    pack(tmp_path / "a.tar", name="localhost/x-lab:1", layers=[root], config=ImageConfig())
    members = _layer_members(tmp_path / "a.tar")
    assert "bin/.wh.gone" in members
    assert "bin/gone" not in members


def test_an_interrupted_pack_leaves_neither_half_an_archive_nor_scraps(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pack(tmp_path / "out" / "a.tar", name="localhost/x-lab:1", layers=[tmp_path / "missing"], config=ImageConfig())
    assert list((tmp_path / "out").iterdir()) == []


def test_the_configuration_holds_what_was_asked_and_nothing_empty() -> None:
    config = ImageConfig(entrypoint=["/init"], environment={"B": "2", "A": "1"}, ports=["3000/tcp"], user="30:8")
    assert config.document() == {"Entrypoint": ["/init"], "Env": ["A=1", "B=2"], "ExposedPorts": {"3000/tcp": {}}, "User": "30:8"}


# Which images exist, how they are named, and that a build is repeatable.


def test_every_name_says_that_it_is_the_labs_and_no_registry_could_serve_it() -> None:
    for recipe in recipes().values():
        assert recipe.name.endswith("-lab")
        assert recipe.reference.startswith("localhost/")


def test_a_repository_without_tag_means_every_tag() -> None:
    assert {recipe.tag for recipe in select(["portus-lab"])} == {"2.2", "2.4", "2.5"}
    assert [recipe.reference for recipe in select(["localhost/mariadb-lab:10.11"])] == ["localhost/mariadb-lab:10.11"]
    assert len(select([])) == len(recipes())


def test_an_unknown_name_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["images", "build", "mysql-lab"]) == 1
    error = capsys.readouterr().err
    assert "there is no lab image 'mysql-lab'" in error
    assert "mariadb-lab:10.11" in error
    assert "Traceback" not in error


def test_without_root_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
    with pytest.raises(OpsError, match="needs root"):
        build_images(["registry-lab:2.8"])
    with pytest.raises(OpsError, match="needs root"):
        command_line(Container(trees=[tmp_path], environment={}), ["true"], tmp_path)


def test_a_machine_without_the_suite_in_its_apt_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "DEBIAN", "never-released")
    debian.debian_sources.cache_clear()
    with pytest.raises(OpsError, match="knows no mirror of Debian never-released"):
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


# Throw-away servers: where they listen, and what a failed start tells whoever reads the test's report.


LOWEST_BY_CHANCE = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])


@pytest.mark.skipif(LOWEST_BY_CHANCE < 30000, reason="this machine gives away ports below Linux's own range")
def test_a_free_port_is_given_once_and_never_to_others_by_chance() -> None:
    ports = [free_port() for _ in range(PORTS_EACH // 2)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < LOWEST_BY_CHANCE


def test_a_port_on_which_a_server_listens_is_not_free() -> None:
    first = free_port()
    with socket.create_server((LOOPBACK, first)):
        assert first not in {free_port() for _ in range(2 * PORTS_EACH)}
    assert first in {free_port() for _ in range(2 * PORTS_EACH)}


def test_two_processes_are_never_given_the_same_port() -> None:
    mine = {free_port() for _ in range(2 * PORTS_EACH)}
    ask = f"from lab.images.servers import free_port; print(*(free_port() for _ in range({2 * PORTS_EACH})))"
    others = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert len(set(others)) > PORTS_EACH // 2
    assert mine.isdisjoint(map(int, others))


def test_a_traceback_of_the_lab_ends_with_the_excerpt() -> None:
    lines = traceback.format_exception(OpsError("the server did not start.", "Its own words follow.", "port in use"))
    assert lines[-1].strip() == "port in use"
