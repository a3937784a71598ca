"""What the bench measures is true of the program's own process, with the real engine; a floor registers the same and changes nothing."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from lab.bench.floor import SECRET_MARK, floor_program
from lab.bench.trial import Project, compare, warm_up
from lab.engine import Engine, ensure_engine
from ops.console import Step
from ops.errors import OpsError

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


@pytest.mark.engine
def test_the_floor_would_change_nothing_of_what_the_program_deployed(project: Project, floor: Project) -> None:
    before = json.loads(project.run("stack", "export"))["deployment"]["resources"]
    said = floor.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert "unchanged" in said
    after = json.loads(floor.run("stack", "export"))["deployment"]["resources"]
    assert [(each["urn"], each.get("parent"), each.get("dependencies"), each.get("protect")) for each in after] == [
        (each["urn"], each.get("parent"), each.get("dependencies"), each.get("protect")) for each in before
    ]


@pytest.mark.engine
def test_a_floor_that_lacks_a_resource_is_no_floor(floor: Project) -> None:
    file = floor.folder / "floor.py"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "RandomId" not in line))
    with pytest.raises(OpsError, match="up"):
        floor.measure("noop_up")


@pytest.mark.engine
def test_memory_and_own_time_are_the_program_processes(project: Project) -> None:
    plain = project.measure("preview")
    lines = ["import time", "block = b'x' * (150 * 2**20)", "del block", "time.sleep(5)", PROGRAM]
    (project.folder / "__main__.py").write_text("\n".join(lines))
    heavy = project.measure("preview")
    assert 140 < heavy.peak_mib - plain.peak_mib < 170
    assert heavy.program - plain.program > 4
    assert heavy.program < heavy.wall


@pytest.mark.engine
def test_floor_and_program_run_in_turn_after_a_run_that_does_not_count(
    project: Project, floor: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    measure = Project.measure

    def noted(self: Project, verb: str) -> object:
        order.append(self.folder.name)
        return measure(self, verb)

    monkeypatch.setattr(Project, "measure", noted)
    warm_up(floor, project)
    pair = compare("preview", floor=floor, program=project, runs=1, step=Step(""))
    assert order == ["floor", "program", "floor", "program"]
    assert (len(pair.floor), len(pair.program)) == (1, 1)


# The floor registers what the state says the program registered, and consists of literals.


STACK = "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s"
PROVIDER = "urn:pulumi:s::p::pulumi:providers:kubernetes::kubernetes"
RANDOM = "urn:pulumi:s::p::pulumi:providers:random::default_4_21_4"
COMPONENT = "urn:pulumi:s::p::portus:registry:Registry::registry"
PASSWORD = f"{COMPONENT}$random:index/randomPassword:RandomPassword::registry-password"
SECRET = f"{COMPONENT}$kubernetes:core/v1:Secret::registry-http"
POLICY = f"{COMPONENT}$kubernetes:networking.k8s.io/v1:NetworkPolicy::registry-flows"


def secret(value: object) -> dict[str, str]:
    return {SECRET_MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def entry(urn: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"urn": urn, "type": kind, "custom": True, "parent": STACK, **more}


RESOURCES = [
    {"urn": STACK, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {"host": "h", "password": secret("s3cret")}},
    entry(
        PROVIDER,
        "pulumi:providers:kubernetes",
        inputs={"__internal": {}, "clusterIdentifier": "c", "enableSecretMutable": "true", "version": "4.34.2"},
    ),
    entry(RANDOM, "pulumi:providers:random", inputs={"version": "4.21.4"}),
    {"urn": COMPONENT, "type": "portus:registry:Registry", "custom": False, "parent": STACK},
    entry(
        PASSWORD,
        "random:index/randomPassword:RandomPassword",
        parent=COMPONENT,
        provider=f"{RANDOM}::id",
        protect=True,
        inputs={"length": 40, "minLower": 1},
        additionalSecretOutputs=["result"],
    ),
    entry(
        SECRET,
        "kubernetes:core/v1:Secret",
        parent=COMPONENT,
        provider=f"{PROVIDER}::id",
        dependencies=[PASSWORD],
        inputs={
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "registry-http-1f2e",
                "namespace": "n",
                "annotations": {"pulumi.com/autonamed": "true", "pulumi.com/skipAwait": "true"},
            },
            "data": secret({"http": "cGFzcw=="}),
        },
    ),
    entry(
        POLICY,
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        parent=COMPONENT,
        provider=f"{PROVIDER}::id",
        retainOnDelete=True,
        inputs={"metadata": {"name": "fixed"}, "spec": {"podSelector": {}}},
    ),
]


@pytest.fixture(scope="module")
def calls() -> dict[str, ast.Call]:
    """Every call of the floor by the class or function that it calls, and the resource's name."""
    found = {}
    for statement in ast.parse(floor_program({"deployment": {"resources": RESOURCES}})).body:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call):
            found[" ".join([ast.unparse(value.func), *(str(each.value) for each in value.args if isinstance(each, ast.Constant))])] = value
    return found


def arguments(call: ast.Call) -> dict[str, str]:
    return {str(each.arg): ast.unparse(each.value) for each in call.keywords}


def options(call: ast.Call) -> dict[str, str]:
    found = next(each.value for each in call.keywords if each.arg == "opts")
    assert isinstance(found, ast.Call)
    return arguments(found)


def test_every_resource_but_the_engines_own_is_registered_by_its_sdk_class(calls: dict[str, ast.Call]) -> None:
    assert [name for name in calls if not name.startswith("pulumi.export")] == [
        "pulumi_kubernetes.Provider kubernetes",
        "pulumi.ComponentResource portus:registry:Registry registry None",
        "pulumi_random.RandomPassword registry-password",
        "pulumi_kubernetes.core.v1.Secret registry-http",
        "pulumi_kubernetes.networking.v1.NetworkPolicy registry-flows",
    ]


def test_parent_provider_dependencies_and_protection_are_the_programs(calls: dict[str, ast.Call]) -> None:
    assert options(calls["pulumi_random.RandomPassword registry-password"]) == {
        "parent": "r3",
        "protect": "True",
        "additional_secret_outputs": "['result']",
    }
    assert options(calls["pulumi_kubernetes.core.v1.Secret registry-http"]) == {
        "parent": "r3",
        "provider": "r1",
        "depends_on": "[r4]",
    }
    assert options(calls["pulumi_kubernetes.networking.v1.NetworkPolicy registry-flows"])["retain_on_delete"] == "True"


def test_what_sdk_and_plugin_have_added_is_not_given(calls: dict[str, ast.Call]) -> None:
    assert set(arguments(calls["pulumi_kubernetes.Provider kubernetes"])) == {"cluster_identifier", "enable_secret_mutable", "opts"}
    given = arguments(calls["pulumi_kubernetes.core.v1.Secret registry-http"])
    assert set(given) == {"metadata", "data", "opts"}
    assert ast.literal_eval(given["metadata"]) == {"namespace": "n", "annotations": {"pulumi.com/skipAwait": "true"}}
    fixed = arguments(calls["pulumi_kubernetes.networking.v1.NetworkPolicy registry-flows"])
    assert ast.literal_eval(fixed["metadata"]) == {"name": "fixed"}


def test_a_providers_flag_is_given_as_the_program_gives_it(calls: dict[str, ast.Call]) -> None:
    """The SDK makes it a text of JSON; a text would become a text of a text, and the provider would change."""
    assert arguments(calls["pulumi_kubernetes.Provider kubernetes"])["enable_secret_mutable"] == "True"


def test_names_of_inputs_are_pythons(calls: dict[str, ast.Call]) -> None:
    assert set(arguments(calls["pulumi_random.RandomPassword registry-password"])) == {"length", "min_lower", "opts"}


def test_secrets_stay_secret_in_inputs_and_outputs(calls: dict[str, ast.Call]) -> None:
    assert arguments(calls["pulumi_kubernetes.core.v1.Secret registry-http"])["data"] == "secret({'http': 'cGFzcw=='})"
    assert "pulumi.export host h" in calls
    assert [ast.unparse(each) for each in calls["pulumi.export password"].args] == ["'password'", "secret('s3cret')"]


def test_a_resource_of_an_unknown_package_is_reported() -> None:
    unknown = entry("urn:pulumi:s::p::aws:s3/bucket:Bucket::b", "aws:s3/bucket:Bucket")
    with pytest.raises(OpsError, match="aws:s3/bucket:Bucket"):
        floor_program({"deployment": {"resources": [RESOURCES[0], unknown]}})
