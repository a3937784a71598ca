"""What the commands make Pulumi do."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from lab import __main__ as command
from lab import lab_stack
from lab.engine import Engine
from lab.environment import Lab
from lab.images.servers import free_port
from ops import lifecycle
from ops.commands import replace_secrets
from ops.environment import Environment
from ops.errors import OpsError
from ops.pulumi import stack
from ops.pulumi.stack import Stack
from tests.ops.api import Api, api, kubeconfig

PULUMI = """#!/bin/sh
echo "$*" >>"$0.said"
case "$1 $2" in
  'stack output') cat "$0.outputs" ;;
  'stack export') cat "$0.state" ;;
esac
"""


@pytest.fixture
def pulumi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A ``pulumi`` that writes down what it is told, for a stack on a cluster of one's own that is ready."""
    file = tmp_path / "pulumi"
    file.write_text(PULUMI, encoding="utf-8")
    file.chmod(0o755)
    _holds(file)
    _gives(file, {"namespace": "example"})
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setattr(Lab, "require_client", lambda *_: None)
    engine = Engine(pulumi=file, home=None, path=(), genuine_cli=True, genuine_plugins={})
    monkeypatch.setattr("lab.environment.ensure_engine", lambda: engine)
    monkeypatch.setattr(lifecycle, "prepare", lambda name, _: Stack(name=name, engine=engine, kubeconfig=tmp_path / "kubeconfig"))
    return file


def _holds(pulumi: Path, *resources: dict[str, Any]) -> None:
    """Have the stack's state hold ``resources``."""
    Path(f"{pulumi}.state").write_text(json.dumps({"deployment": {"resources": resources}}), encoding="utf-8")


def _gives(pulumi: Path, outputs: dict[str, Any]) -> None:
    """Have the stack give ``outputs``."""
    Path(f"{pulumi}.outputs").write_text(json.dumps(outputs), encoding="utf-8")


def _told(pulumi: Path, verb: str) -> str:
    (line,) = (line for line in Path(f"{pulumi}.said").read_text(encoding="utf-8").splitlines() if line.split()[0] == verb)
    return line


def _verbs(pulumi: Path) -> list[str]:
    return [line.split()[0] for line in Path(f"{pulumi}.said").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("options", "refreshes"), [([], False), (["--refresh"], True)])
def test_a_preview_looks_at_the_cluster_first_where_it_is_asked_to(pulumi: Path, options: list[str], *, refreshes: bool) -> None:
    assert command.main(["preview", "--stack", "prod", *options]) == 0
    assert ("--refresh" in _told(pulumi, "preview")) is refreshes


@pytest.mark.parametrize("deployed", [False, True])
def test_the_preview_of_a_new_stack_is_a_line_an_object_and_shows_properties_only_of_one_that_is_there(
    pulumi: Path, *, deployed: bool
) -> None:
    _holds(pulumi, *([SECRET] if deployed else []))
    assert command.main(["preview", "--stack", "prod"]) == 0
    assert ("--diff" in _told(pulumi, "preview")) is deployed


@pytest.mark.parametrize("terminal", [False, True])
def test_pulumi_draws_its_tree_of_components_on_a_terminal(pulumi: Path, monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert command.main(["preview", "--stack", "prod"]) == 0
    assert ("--non-interactive" in _told(pulumi, "preview")) is not terminal


OUTPUTS = {"ca_certificate": "-----BEGIN\nCA\n", "first_steps": ["Log in:", "  docker login"], "administrator_password": "p4ss"}

OUTPUTS_OF = ("outputs", "--stack", "prod", "--kubeconfig")


@pytest.mark.parametrize(
    ("name", "printed"), [("ca_certificate", "-----BEGIN\nCA\n"), ("first_steps", "Log in:\n  docker login\n"), ("namespace", "example\n")]
)
def test_one_output_is_printed_as_it_is(pulumi: Path, capsys: pytest.CaptureFixture[str], name: str, printed: str) -> None:
    _gives(pulumi, {"namespace": "example", **OUTPUTS})
    assert command.main([*OUTPUTS_OF, str(pulumi.parent / "kubeconfig"), "--name", name]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("name", "fix"),
    [("administrator_password", "make password STACK=prod prints the password"), ("ca", "use one of ca_")],
)
def test_an_output_that_is_none_or_is_secret_is_not_printed(pulumi: Path, capsys: pytest.CaptureFixture[str], name: str, fix: str) -> None:
    _gives(pulumi, OUTPUTS)
    assert command.main([*OUTPUTS_OF, str(pulumi.parent / "kubeconfig"), "--name", name]) == 1
    told = capsys.readouterr()
    assert fix in told.err
    assert "p4ss" not in told.out + told.err


@pytest.mark.parametrize("refreshes", [False, True])
def test_a_deployment_with_refresh_undoes_changes_by_hand(pulumi: Path, *, refreshes: bool) -> None:
    lifecycle.deploy("prod", Lab(), refresh=refreshes, yes=True)
    assert ("--refresh" in _told(pulumi, "up")) is refreshes


@pytest.mark.parametrize(
    ("genuine", "told"), [({"random": True, "kubernetes": False}, True), ({"random": True, "kubernetes": True}, False)]
)
def test_stand_ins_on_a_cluster_of_ones_own_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, genuine: dict[str, bool], *, told: bool
) -> None:
    engine = Engine(pulumi=tmp_path / "pulumi", home=None, path=(), genuine_cli=True, genuine_plugins=genuine)
    monkeypatch.setattr("lab.environment.ensure_engine", lambda: engine)
    with pytest.raises(OpsError):
        lifecycle.prepare("prod", Lab(kubeconfig(tmp_path, f"https://127.0.0.1:{free_port()}")))
    assert ("Pulumi's own plugins (kubernetes)" in capsys.readouterr().err) is told


NAMESPACE = {"type": "kubernetes:core/v1:Namespace", "id": "portus"}
SECRET = {"type": "kubernetes:core/v1:Secret", "id": "portus/tls"}
ROLE = {"type": "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "id": "portus"}
PROTECTED = {
    "type": "kubernetes:core/v1:PersistentVolumeClaim",
    "id": "portus/data",
    "protect": True,
    "urn": "urn:pulumi:mine::portus::kubernetes:core/v1:PersistentVolumeClaim::data",
}
READABLE = {
    "type": "random:index/randomBytes:RandomBytes",
    "id": "none",
    "protect": True,
    "urn": "urn:pulumi:mine::portus::portus:credentials:Credentials$random:index/randomBytes:RandomBytes::credentials-secret-key-base-1",
}
PASSWORD = {"type": "random:index/randomPassword:RandomPassword", "id": "none/of/these"}

Verb = Callable[[str, Environment], Any]


def _refresh(name: str, environment: Environment) -> None:
    lifecycle.deploy(name, environment, refresh=True, yes=True)


def _down(name: str, environment: Environment) -> None:
    lifecycle.down(name, environment, yes=True)


FORGETTING: list[tuple[Verb, str]] = [(_refresh, "up"), (_down, "destroy")]
"""What drops from the state whatever the cluster lacks, and Pulumi's verb for it."""


@pytest.fixture
def files(pulumi: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stack ``mine``, which names no context, and the lab's ``lab``: both hold a namespace and what is in it."""
    monkeypatch.setattr(stack, "STACKS", tmp_path)
    (tmp_path / "Pulumi.mine.yaml").write_text("config: {}\n", encoding="utf-8")
    (tmp_path / "Pulumi.lab.yaml").write_text(
        yaml.safe_dump({"config": {"portus:cluster": {"context": lab_stack.CONTEXT}}}), encoding="utf-8"
    )
    _holds(pulumi, PASSWORD, ROLE, NAMESPACE, SECRET)


@pytest.fixture
def asked(files: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Api]:  # noqa: ARG001 - the files come first
    """The API of the cluster that the kubeconfig of stack ``mine`` names; it answers, and says 404 to every question."""
    monkeypatch.setattr(lifecycle, "require_cluster", lambda *_: None)
    monkeypatch.setattr(lifecycle, "_require_no_sweep", lambda *_: None)
    with api(tmp_path) as made:
        made.status = 404
        yield made


@pytest.mark.parametrize(("verb", "pulumis"), FORGETTING)
@pytest.mark.parametrize("held", [(PASSWORD, ROLE, NAMESPACE, SECRET), (PASSWORD, ROLE, SECRET)], ids=["its own", "somebody else's"])
def test_a_cluster_without_the_stacks_namespace_is_refused_before_its_objects_are_taken_for_gone(
    pulumi: Path, asked: Api, verb: Verb, pulumis: str, held: tuple[dict[str, Any], ...]
) -> None:
    _holds(pulumi, *held)
    with pytest.raises(OpsError) as raised:
        verb("mine", Lab(asked.kubeconfig))
    where = f"the cluster of {asked.kubeconfig} (context 'mine') has no namespace 'portus'"
    assert raised.value.problem == f"{where}, in which stack mine is deployed."
    assert raised.value.fix.startswith("if it is the wrong cluster, name the right one: ")
    assert "plain 'pulumi refresh'" in raised.value.fix
    assert asked.asked == ["/api/v1/namespaces/portus"]
    assert pulumis not in _verbs(pulumi)


@pytest.mark.parametrize(("verb", "pulumis"), FORGETTING)
@pytest.mark.parametrize("status", [200, 403], ids=["it is there", "nobody may look"])
def test_a_cluster_that_may_be_the_stacks_is_not(pulumi: Path, asked: Api, verb: Verb, pulumis: str, status: int) -> None:
    asked.status = status
    verb("mine", Lab(asked.kubeconfig))
    assert pulumis in _verbs(pulumi)


@pytest.mark.parametrize(("verb", "pulumis"), FORGETTING)
@pytest.mark.parametrize("held", [(), (PASSWORD, ROLE), (NAMESPACE,), ({**SECRET, "delete": True},)])
def test_a_stack_without_objects_in_a_namespace_is_deployed_anywhere_and_removed_to_its_end(
    pulumi: Path, asked: Api, verb: Verb, pulumis: str, held: tuple[dict[str, Any], ...]
) -> None:
    _holds(pulumi, *held)
    verb("mine", Lab(asked.kubeconfig))
    assert asked.asked == []
    assert pulumis in _verbs(pulumi)


def test_the_labs_own_cluster_may_be_a_fresh_one(pulumi: Path, asked: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Lab, "after_update", lambda *_: None)
    monkeypatch.setattr("ops.paths.STATE", tmp_path)
    (tmp_path / "state").mkdir()
    lifecycle.deploy("lab", Lab(), refresh=True)
    assert asked.asked == []
    assert "--refresh" in _told(pulumi, "up")


def test_a_second_make_up_waits_for_the_first_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.paths.ROOT", tmp_path)
    first_works, first_may_end = threading.Event(), threading.Event()
    order = []

    def deployed(name: str, _: Environment, *, refresh: bool, yes: bool) -> None:
        assert not yes
        order.append(f"{name} {refresh}")
        first_works.set()
        first_may_end.wait(10)

    monkeypatch.setattr(lifecycle, "_deploy", deployed)
    runs = [threading.Thread(target=lifecycle.deploy, args=("lab", Lab()), kwargs={"refresh": refresh}) for refresh in (False, True)]
    runs[0].start()
    assert first_works.wait(10)
    runs[1].start()
    runs[1].join(0.3)
    assert order == ["lab False"]
    first_may_end.set()
    for run in runs:
        run.join(10)
    assert order == ["lab False", "lab True"]
    assert "another 'make up' or 'make down' works on this lab: waiting for it" in capsys.readouterr().out


@pytest.mark.usefixtures("files")
def test_nothing_is_removed_from_a_cluster_that_does_not_answer(pulumi: Path, tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="does not answer"):
        lifecycle.down("mine", Lab(kubeconfig(tmp_path, f"https://127.0.0.1:{free_port()}")), yes=True)
    assert "destroy" not in _verbs(pulumi)


CHANGING: list[tuple[Callable[..., Any], str]] = [(lifecycle.deploy, "up"), (lifecycle.down, "destroy")]
"""What changes a cluster, and Pulumi's verb for it."""


def _terminal(monkeypatch: pytest.MonkeyPatch, *, is_one: bool) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: is_one))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: is_one, write=lambda _: None, flush=lambda: None))


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("verb", "pulumis"), CHANGING)
def test_your_own_cluster_is_never_changed_without_a_preview(
    pulumi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., Any], pulumis: str
) -> None:
    _holds(pulumi)
    verb("mine", Lab(tmp_path / "kubeconfig"), yes=True)
    assert "--skip-preview" not in _told(pulumi, pulumis)
    assert {"--yes", "--non-interactive"} <= set(_told(pulumi, pulumis).split())
    Path(f"{pulumi}.said").unlink()
    _terminal(monkeypatch, is_one=True)
    verb("mine", Lab(tmp_path / "kubeconfig"))
    assert not {"--skip-preview", "--yes", "--non-interactive"} & set(_told(pulumi, pulumis).split()), "Pulumi asks on the terminal"


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("verb", "pulumis"), CHANGING)
def test_without_a_terminal_nothing_is_changed_unless_that_was_agreed_to(
    pulumi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., Any], pulumis: str
) -> None:
    _terminal(monkeypatch, is_one=False)
    with pytest.raises(OpsError, match="asks before it changes anything, and there is no terminal") as raised:
        verb("mine", Lab(tmp_path / "kubeconfig"))
    assert "STACK=mine YES=1" in raised.value.fix
    assert not Path(f"{pulumi}.said").exists() or pulumis not in _verbs(pulumi)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("options", [[], ["--yes"]])
def test_the_command_line_agrees_where_it_says_yes(
    pulumi: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    _holds(pulumi)
    _terminal(monkeypatch, is_one=False)
    assert command.main(["down", "--stack", "mine", *options]) == (0 if options else 1)
    assert Path(f"{pulumi}.said").exists() is bool(options)


@pytest.mark.usefixtures("asked")
def test_a_stack_of_the_lab_is_deployed_without_confirmation(pulumi: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Lab, "after_update", lambda *_: None)
    monkeypatch.setattr("ops.paths.STATE", tmp_path)
    (tmp_path / "state").mkdir()
    lifecycle.deploy("lab", Lab())
    assert {"--skip-preview", "--yes"} <= set(_told(pulumi, "up").split())


def test_a_protected_stack_is_not_removed_at_all(pulumi: Path, asked: Api) -> None:
    _holds(pulumi, NAMESPACE, SECRET, PROTECTED)
    with pytest.raises(OpsError) as raised:
        lifecycle.down("mine", Lab(asked.kubeconfig), yes=True)
    assert raised.value.problem == "stack mine holds 1 protected resources (data)."
    assert 'portus:protect: "false"' in raised.value.fix
    assert "unprotected_state" in raised.value.fix
    assert "destroy" not in _verbs(pulumi)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("verb", [_refresh, lifecycle.preview])
def test_protected_secrets_that_the_state_shows_are_reported_before_anything_is_deployed(pulumi: Path, tmp_path: Path, verb: Verb) -> None:
    _holds(pulumi, READABLE)
    with pytest.raises(OpsError, match="can be read in its state \\(credentials-secret-key-base-1\\) and must be replaced") as raised:
        verb("mine", Lab(tmp_path / "kubeconfig"))
    assert "make replace-secrets STACK=mine" in raised.value.fix
    assert not {"up", "preview"} & set(_verbs(pulumi))


@pytest.mark.usefixtures("asked")
def test_only_the_secrets_that_the_state_shows_lose_their_protection(pulumi: Path, tmp_path: Path) -> None:
    _holds(pulumi, READABLE, PROTECTED, {**READABLE, "urn": "urn:pulumi:mine::portus::random:index/randomBytes:RandomBytes::another"})
    replace_secrets("mine", Lab(tmp_path / "kubeconfig"))
    assert f"unprotect {READABLE['urn']} --yes" in _told(pulumi, "state")


@pytest.mark.usefixtures("asked")
def test_a_deployment_does_not_begin_while_a_garbage_collection_deletes(pulumi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may end the window in which the registry takes no pushes."""

    def deletes(stack: Stack, namespace: str) -> None:
        raise OpsError(f"a garbage collection of {stack.name} in {namespace} deletes blobs.", "Wait.")

    monkeypatch.setattr(lifecycle, "_require_no_sweep", deletes)
    with pytest.raises(OpsError, match="of mine in portus deletes"):
        lifecycle.deploy("mine", Lab(Path("none")), yes=True)
    assert "up" not in _verbs(pulumi)


@pytest.mark.parametrize(("asked", "told"), [("public", "runs on IMAGES=lab"), ("mine", "must be 'lab'")])
def test_other_images_than_the_lab_runs_on_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: str, told: str) -> None:
    monkeypatch.setattr("ops.paths.STATE", tmp_path)
    monkeypatch.delenv("IMAGES", raising=False)
    lab_stack.note_images()
    lab_stack.note_images()
    monkeypatch.setenv("IMAGES", asked)
    with pytest.raises(OpsError, match=told):
        lab_stack.note_images()
