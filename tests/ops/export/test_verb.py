"""An export is written whole into a folder of its own, or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import jsonschema
import pytest

from lab.environment import Lab
from ops.commands import export
from ops.doctor.facts import Expected
from ops.errors import LabError
from ops.export.verb import PRIVATE, _whole, documents, require_empty
from tests.ops.export.sample import holdings, portus

EXPECTED = Expected(
    stack="prod",
    namespace="portus",
    portus_url="https://portus.example.com",
    registry="registry.example.com:5000",
    portus_version="2.5",
    trust="-----BEGIN CERTIFICATE-----",
)


def _documents() -> dict[str, str]:
    return documents(EXPECTED, portus(), holdings(), "2026-01-01T00:00:00Z")


def test_the_export_is_these_files() -> None:
    assert sorted(_documents()) == [
        "certs/ca.crt",
        "drift.json",
        "harbor.json",
        "plan.md",
        "portus.json",
        "portus.schema.json",
        "registry.json",
        "skopeo-sync.yaml",
        "sync/_top.yaml",
        "sync/alice.yaml",
        "sync/alice/a.yaml",
        "sync/products.yaml",
        "zot.json",
    ]


def test_the_document_carries_its_own_schema_and_holds_to_it() -> None:
    written = _documents()
    jsonschema.Draft202012Validator(json.loads(written["portus.schema.json"])).validate(json.loads(written["portus.json"]))


def test_the_plan_copies_every_file_to_the_folder_whose_names_it_keeps() -> None:
    lines = [line.partition("    # ")[0].split() for line in _documents()["plan.md"].splitlines() if line.startswith("    skopeo sync")]
    assert {tuple(words[-2:]) for words in lines} == {
        ("sync/_top.yaml", "NEW"),
        ("sync/alice.yaml", "NEW/alice"),
        ("sync/alice/a.yaml", "NEW/alice/a"),
        ("sync/products.yaml", "NEW/products"),
    }
    assert all({"--all", "--preserve-digests", "--keep-going"} <= set(words) for words in lines)


def test_the_plan_says_what_does_not_move() -> None:
    plan = _documents()["plan.md"]
    assert "- nowhere/app: Portus gives its own account no right" in plan
    assert "`NEW/library`" in plan
    assert "Application tokens (2," in plan


def test_a_folder_that_holds_something_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(LabError, match="must be empty: an export overwrites nothing"):
        require_empty(tmp_path)
    with pytest.raises(LabError, match="must be a folder"):
        require_empty(tmp_path / "kept")
    with pytest.raises(LabError, match=r"the folder .* must exist"):
        require_empty(tmp_path / "no" / "such")


def test_an_export_takes_an_empty_or_a_new_folder_and_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        require_empty(tmp_path / name)
        with _whole(tmp_path / name) as work:
            (work / "portus.json").write_text("{}")
        assert (tmp_path / name / "portus.json").read_text() == "{}"
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == PRIVATE


def test_an_interrupted_export_leaves_nothing_so_that_it_can_be_repeated(tmp_path: Path) -> None:
    def interrupted() -> None:
        with _whole(tmp_path / "new") as work:
            (work / "portus.json").write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_stack_of_ones_own_cluster_needs_its_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="stack prod is on a cluster of yours"):
        export("prod", Lab(), folder=tmp_path / "new")
    with pytest.raises(LabError, match="there is no stack 'nowhere'"):
        export("nowhere", Lab(), folder=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
