"""The pictures in README and docs show what the stack registers."""

from __future__ import annotations

import pytest

from tests.pictures import PAGES, STACK, TITLES, architecture, pages, resources
from tests.recorder import ROOT, Program, Programs


@pytest.fixture(scope="module")
def drawn(programs: Programs) -> Program:
    return programs[STACK]


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
