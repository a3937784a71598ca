"""The archive format: what makes two builds equal, and what a container runtime must find."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from lab.images.archive import MTIME, ImageConfig, image_id, pack, write_layer


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
