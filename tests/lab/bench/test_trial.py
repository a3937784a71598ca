"""What the bench measures is true of the program's own process, with the real engine; and a floor changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.bench.trial import Project, compare
from lab.engine import Engine, ensure_engine
from ops.console import Step
from ops.errors import OpsError

pytestmark = pytest.mark.engine

PROGRAM = """
import pulumi, pulumi_random
class Component(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("portus:test:Component", "component")
        self.made = pulumi_random.RandomPassword("made", length=20, opts=pulumi.ResourceOptions(parent=self, protect=True))
component = Component()
pulumi_random.RandomId("id", byte_length=8, keepers={"from": component.made.result})
pulumi.export("password", component.made.result)
pulumi.export("plain", "text")
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return ensure_engine()


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    """A small project in the place of the checkout's program."""
    folder = tmp_path / "program"
    kubeconfig = tmp_path / "kubeconfig"
    project = Project.of_checkout(name="trial", engine=engine, folder=folder, kubeconfig=kubeconfig, settings={"config": {}})
    (folder / "__main__.py").write_text(PROGRAM)
    project.run("up", "--yes", "--skip-preview")
    return project


@pytest.fixture
def floor(project: Project, tmp_path: Path) -> Project:
    return project.floor(tmp_path / "floor")


def test_the_floor_would_change_nothing_of_what_the_program_deployed(project: Project, floor: Project) -> None:
    before = json.loads(project.run("stack", "export"))["deployment"]["resources"]
    said = floor.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert "unchanged" in said
    after = json.loads(floor.run("stack", "export"))["deployment"]["resources"]
    assert [(each["urn"], each.get("parent"), each.get("dependencies"), each.get("protect")) for each in after] == [
        (each["urn"], each.get("parent"), each.get("dependencies"), each.get("protect")) for each in before
    ]


def test_a_floor_that_lacks_a_resource_is_no_floor(floor: Project) -> None:
    file = floor.folder / "floor.py"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "RandomId" not in line))
    with pytest.raises(OpsError, match="up"):
        floor.measure("noop_up")


def test_memory_and_own_time_are_the_program_processes(project: Project) -> None:
    plain = project.measure("preview")
    lines = ["import time", "block = b'x' * (150 * 2**20)", "del block", "time.sleep(5)", PROGRAM]
    (project.folder / "__main__.py").write_text("\n".join(lines))
    heavy = project.measure("preview")
    assert 140 < heavy.peak_mib - plain.peak_mib < 170
    assert heavy.program - plain.program > 4
    assert heavy.program < heavy.wall


def test_floor_and_program_run_in_turn_and_warm_ups_do_not_count(project: Project, floor: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    measure = Project.measure

    def noted(self: Project, verb: str) -> object:
        order.append(self.folder.name)
        return measure(self, verb)

    monkeypatch.setattr(Project, "measure", noted)
    pair = compare("preview", floor=floor, program=project, runs=1, step=Step(""))
    assert order == ["floor", "program", "floor", "program"]
    assert (len(pair.floor), len(pair.program)) == (1, 1)
