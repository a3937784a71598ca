"""What a stack registers and deploys is what was reviewed."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.golden import DRAWN, NAMES, PAGES, RENDERED, TITLES, architecture, golden_files, pages, resources, stale_renders
from tests.recorder import ROOT, SECRET_SIGNATURE, Program, Programs, run_program

MOVED = (
    "A line that goes or changes moves or deletes something that runs: it needs an alias and a changelog entry. Accept with `make golden`."
)
RENDER = "These objects change with the next deployment. Accept with `make golden` and commit the difference for review."


@pytest.fixture(scope="module")
def golden(programs: Programs) -> dict[Path, str]:
    return dict(golden_files(programs))


def _difference(path: Path, text: str) -> str:
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    name = str(path.relative_to(ROOT))
    return "".join(
        difflib.unified_diff(kept.splitlines(keepends=True), text.splitlines(keepends=True), f"{name} (golden)", f"{name} (now)")
    )


def test_names_types_and_parents_are_the_golden_lists(golden: dict[Path, str]) -> None:
    if difference := _difference(NAMES, golden[NAMES]):
        pytest.fail(f"{MOVED}\n{difference}", pytrace=False)


@pytest.mark.parametrize("stack", RENDERED)
def test_the_objects_of_a_stack_are_the_golden_render(golden: dict[Path, str], stack: str) -> None:
    (path,) = [path for path in golden if path.name == f"{stack}.yaml"]
    if difference := _difference(path, golden[path]):
        pytest.fail(f"{RENDER}\n{difference}", pytrace=False)


def test_no_golden_file_outlives_its_stack(golden: dict[Path, str]) -> None:
    assert stale_renders(set(golden)) == []


def test_a_render_shows_no_secret(programs: Programs) -> None:
    for stack, program in programs.items():
        text = run_program(stack, preview=True).render()
        assert SECRET_SIGNATURE not in text
        values = {value for secret in program.all("Secret") for value in secret.inputs["data"].values()}
        assert values
        assert not [value for value in values if value in text]


# The pictures in README and docs show what the stack registers.


@pytest.fixture(scope="module")
def drawn(programs: Programs) -> Program:
    return programs[DRAWN]


@pytest.mark.parametrize("page", PAGES)
def test_a_picture_is_fresh(drawn: Program, page: str) -> None:
    path = ROOT / page
    assert dict(pages(drawn))[path] == path.read_text(encoding="utf-8"), "write it: make golden"


def test_every_workload_and_every_claim_is_in_the_architecture(drawn: Program) -> None:
    text = architecture(drawn)
    labels = {each.inputs["metadata"]["labels"]["app.kubernetes.io/component"] for each in drawn.workloads()}
    assert [label for label in labels if TITLES[label] not in text] == []
    claims = [each.inputs["metadata"]["name"] for each in drawn.all("PersistentVolumeClaim")]
    assert [name for name in claims if f'[("{name}")]' not in text] == []


def test_clients_reach_only_the_front_proxy(drawn: Program) -> None:
    flows = [line.split() for line in architecture(drawn).splitlines() if line.strip().startswith("clients -->")]
    assert {line[-1] for line in flows} == {"edge"}


def test_every_resource_but_the_provider_is_in_the_tree(drawn: Program) -> None:
    text = resources(drawn)
    assert [each.name for each in drawn.resources if each.parent and each.name not in text] == []
