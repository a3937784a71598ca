"""Programs built from Go modules, and told how far that is; the definitions of other projects out of theirs."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import downloads, golang
from lab.addons import crds
from lab.golang import Program
from ops import process
from ops.errors import OpsError


class _Go:
    """Stands in for running Go: notes its words and leaves what it would have built."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, command: list[str | Path], **_: Any) -> None:
        words = [str(word) for word in command]
        self.calls.append(words)
        built = Path(words[words.index("-o") + 1])
        for package in words[words.index("-o") + 2 :]:
            (built / Path(package).name).write_text(f"built from {package}")


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Go:
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path / "cache"))
    stand_in = _Go()
    monkeypatch.setattr(process, "run", stand_in)
    monkeypatch.setattr(golang, "_go", lambda _folder, *_words: "one\ntwo\n")
    monkeypatch.setattr(golang, "require_go", lambda _purpose: None)
    return stand_in


@pytest.fixture
def wanted(tmp_path: Path) -> list[Program]:
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "go.mod").write_text("module example.org/lab\n")
    cli = Program(name="cli", source=tmp_path / "module", package="example.org/big/cli", version="1", flags="-X v=1")
    return [cli, Program(name="dns", source=tmp_path / "module", package="./server", links=("dig",))]


def test_one_command_builds_what_is_missing_each_with_its_own_linker_flags_and_further_names(go: _Go, wanted: list[Program]) -> None:
    found = golang.ensure(wanted, needs_gib=0.0)
    ((*words, first, second),) = go.calls
    assert (first, second) == ("example.org/big/cli", "./server")
    assert [words[at + 1] for at, word in enumerate(words) if word == "-ldflags"] == [
        "example.org/big/cli=-s -w -X v=1",
        "./server=-s -w",
    ]
    assert (found["cli"] / "cli").read_text() == "built from example.org/big/cli"
    assert (found["dns"] / "dig").read_text() == "built from ./server"
    assert sorted(file.name for file in found["cli"].iterdir()) == [".whole.json", "cli"]


def test_what_cannot_be_built_beside_the_others_has_a_command_of_its_own(go: _Go, wanted: list[Program]) -> None:
    single = dataclasses.replace(wanted[0], name="single", package="example.org/single", apart=True)
    tagged = dataclasses.replace(wanted[0], name="tagged", package="example.org/tagged", tags="small")
    golang.ensure([*wanted, single, tagged], needs_gib=0.0)
    assert [words[-1] for words in go.calls] == ["./server", "example.org/single", "example.org/tagged"]
    assert go.calls[2][go.calls[2].index("-tags") + 1] == "small"


def test_a_second_start_builds_nothing_and_a_lost_program_alone_is_built_again(go: _Go, wanted: list[Program]) -> None:
    found = golang.ensure(wanted, needs_gib=0.0)
    go.calls.clear()
    assert golang.ensure(wanted, needs_gib=0.0) == found
    assert go.calls == []
    (found["dns"] / "dns").unlink()
    assert not golang.has(wanted[1])
    assert golang.ensure(wanted, needs_gib=0.0) == found
    assert [words[-1] for words in go.calls] == ["./server"]


def test_what_its_publisher_s_site_gives_is_not_built(go: _Go, wanted: list[Program], monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(_download: object, folder: Path, _current: object) -> bool:
        (folder / "cli").write_text("downloaded")
        return True

    monkeypatch.setattr(downloads, "for_this_machine", lambda name, _version: downloads.TABLE["kubernetes"] if name == "cli" else None)
    monkeypatch.setattr(downloads, "fetch", fetched)
    found = golang.ensure(wanted, needs_gib=0.0)
    assert [words[-1] for words in go.calls] == ["./server"]
    assert (found["cli"] / "cli").read_text() == "downloaded"


def test_every_program_is_compiled_with_the_same_flags_or_nothing_would_be_shared(go: _Go, wanted: list[Program]) -> None:
    golang.ensure([wanted[0], dataclasses.replace(wanted[1], apart=True)], needs_gib=0.0)
    assert len(go.calls) == 2
    for words in go.calls:
        assert set(golang.FAST) <= set(words)


def test_the_build_says_what_is_left() -> None:
    class Shown:
        def __init__(self) -> None:
            self.seconds = 0.0
            self.said: list[str] = []

        def say(self, detail: str) -> None:
            self.said.append(detail)

    shown = Shown()
    progress = golang._Progress(shown, 4)  # type: ignore[arg-type]
    for shown.seconds, line in ((60.0, "k8s.io/api/core/v1\n"), (120.0, "net/http\n"), (130.0, "go: downloading k8s.io/api v0.34.4\n")):
        progress.say(line)
    assert shown.said == [
        "1 of 4 packages, at most 3 min left: k8s.io/api/core/v1",
        "2 of 4 packages, at most 2 min left: net/http",
        "go: downloading k8s.io/api v0.34.4\n",
    ]


# The definitions of other projects are what their modules hold, or nothing.


@pytest.mark.engine
@pytest.mark.parametrize("each", crds.EVERY, ids=lambda each: each.module)
def test_every_file_of_a_project_defines_kinds(each: crds.Definitions) -> None:
    folder = crds.fetched(each)
    for file in each.files:
        kinds = [document["kind"] for document in yaml.safe_load_all((folder / file).read_text(encoding="utf-8"))]
        assert set(kinds) == {"CustomResourceDefinition"}, file


@pytest.mark.engine
def test_a_module_of_another_content_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
    with pytest.raises(OpsError, match=r"is h1:mock6\S+, not h1:other"):
        crds.fetched(replace(crds.GATEWAY_API, digest="h1:other"))
