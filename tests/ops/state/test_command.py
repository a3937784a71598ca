"""The whole state of a stack's program, and the steps that write and prove it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from ops.errors import OpsError
from ops.pulumi.stack import Stack
from ops.state import certificates, command, engine, passwords
from ops.state.document import planned
from ops.state.objects import LiveObjects
from ops.state.values import HIDDEN, UNKNOWN, name_of
from tests.ops.state.stages import EMPTY, Cluster, steps
from tests.recorder import Program, run_program, stack_configuration
from tests.settings import chains


@pytest.fixture(autouse=True, scope="module")
def _hashes_and_keys_that_take_no_time() -> Iterator[None]:
    """A build makes eight hashes and a key, and reads a key: 0.5 s. ``test_secrets.py`` looks at those of the real cost."""
    made, read = cache(generate_private_key), cache(certificates._private_key)
    with (
        mock.patch.object(certificates, "generate_private_key", made),
        mock.patch.object(certificates, "_private_key", read),
        mock.patch.object(passwords, "COST", 4),
    ):
        yield


@pytest.fixture(scope="module")
def program() -> Program:
    return run_program("lab", stack_configuration("lab") | {"portus:protect": "true"})


@pytest.fixture
def cluster(program: Program) -> Cluster:
    return Cluster(program)


def _build(program: Program, cluster: Cluster, *, new_ca: bool = False) -> command.Made:
    return command.build(EMPTY, planned(steps(program)), LiveObjects(cluster), new_ca=new_ca)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else [value] if isinstance(value, str) else []


def test_every_resource_of_the_program_is_in_the_state(program: Program, cluster: Cluster) -> None:
    made = _build(program, cluster)
    resources = made.state["deployment"]["resources"]
    assert {name_of(each) for each in resources} >= {each.name for each in program.resources}
    assert (made.resources, made.objects) == (
        sum(each.type.split(":")[0] in {"kubernetes", "random", "tls"} for each in program.resources),
        len(cluster.objects),
    )
    shown = set(_texts(resources))
    assert not shown & {UNKNOWN, HIDDEN}, "each value is known"
    assert not [text for text in shown if UNKNOWN in text]
    protected = {each.name for each in program.resources if each.protect}
    assert protected
    assert {name_of(each) for each in resources if each.get("protect")} == protected
    assert made.notes[0].startswith("the key of the self-signed CA is lost: make a new CA before 20")


def test_an_object_that_is_gone_is_left_out(program: Program, cluster: Cluster) -> None:
    gone = next(each for each in cluster.objects if each["kind"] == "NetworkPolicy")
    cluster.objects.remove(gone)
    made = _build(program, cluster)
    assert made.objects == len(cluster.objects)
    names = {each["id"] for each in made.state["deployment"]["resources"] if each.get("id")}
    assert f"{gone['metadata']['namespace']}/{gone['metadata']['name']}" not in names


def test_a_cluster_without_the_stacks_objects_is_refused(program: Program, cluster: Cluster) -> None:
    cluster.objects.clear()
    with pytest.raises(OpsError, match=r"must have the objects of the stack.*name the right cluster.*Nothing was changed"):
        _build(program, cluster)


def test_a_certificate_that_must_be_renewed_asks_for_a_new_ca(program: Program, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = chains.leaf(by="Root", signer="root", days=(-300, 10)), chains.root()
    monkeypatch.setattr("tests.ops.state.stages.chains.leaf", lambda **_: ending[0])
    cluster = Cluster(program)
    with pytest.raises(OpsError, match=r"is to be renewed since .*repeat this command with --new-ca"):
        _build(program, cluster)
    made = _build(program, cluster, new_ca=True)
    names = {name_of(each) for each in made.state["deployment"]["resources"]}
    assert not names & command.OF_CA
    assert "tls-key" in names, "it signs the tokens"
    assert "all clients must trust the new CA" in made.notes[0]


def test_an_unknown_type_of_resource_is_refused(program: Program, cluster: Cluster) -> None:
    other = {"urn": "urn:pulumi:lab::portus::aws:s3:Bucket::b", "type": "aws:s3:Bucket", "custom": True, "inputs": {}}
    with pytest.raises(OpsError, match="does not know aws:s3:Bucket"):
        command.build(EMPTY, [*planned(steps(program)), other], LiveObjects(cluster), new_ca=False)


class Pulumi:
    """What the command asks of ``pulumi``: ``after`` are the steps of the second preview."""

    def __init__(
        self,
        program: Program,
        monkeypatch: pytest.MonkeyPatch,
        after: Callable[[], list[dict[str, Any]]],
        *,
        first: list[dict[str, Any]] | None = None,
    ) -> None:
        self.written: list[Mapping[str, Any]] = []
        answers = iter([lambda: first or steps(program), after, list])
        monkeypatch.setattr(engine, "preview", lambda *_: next(answers)())
        monkeypatch.setattr(engine, "write", lambda _, state: self.written.append(state))
        monkeypatch.setattr(Stack, "export", lambda _: EMPTY)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> Stack:
    monkeypatch.setattr(Stack, "kube", cluster)
    return Stack(name="lab", engine=None, kubeconfig=Path("none"))  # type: ignore[arg-type]  # it is not asked


def _changed() -> list[dict[str, Any]]:
    kind = "random:index/randomPassword:RandomPassword"
    return [{"op": "replace", "newState": {"urn": f"urn:pulumi:lab::portus::{kind}::credentials-x-1", "type": kind, "custom": True}}]


def _refused() -> list[dict[str, Any]]:
    raise OpsError("'pulumi preview' of stack lab failed.", "correct what its output names:", "protected")


@pytest.mark.parametrize("after", [_changed, _refused])
def test_a_state_that_would_change_a_secret_is_taken_back(
    program: Program, stack: Stack, monkeypatch: pytest.MonkeyPatch, after: Callable[[], list[dict[str, Any]]]
) -> None:
    pulumi = Pulumi(program, monkeypatch, after)
    with pytest.raises(OpsError):
        command.recover(stack)
    assert pulumi.written[1:] == [EMPTY]


def test_a_state_that_changes_nothing_stays_and_the_notes_are_printed(
    program: Program, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi = Pulumi(program, monkeypatch, list)
    command.recover(stack)
    assert len(pulumi.written) == 1
    said = capsys.readouterr()
    assert "The state of stack lab is back" in said.out
    assert "Next: make preview STACK=lab, then make up STACK=lab" in said.out
    assert "generated-" not in said.out + said.err


def test_what_the_program_reads_from_a_live_object_is_no_difference(
    program: Program, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first preview does not have the address of a Service, for one; the second has it in what it would change."""
    whole, first = steps(program), steps(program)
    (wanted,) = [each for each in whole if each["newState"]["urn"].endswith("::portus-web")]
    (shown,) = [each for each in first if each["newState"]["urn"].endswith("::portus-web")]
    addresses = wanted["newState"]["inputs"]["spec"]["template"]["spec"]["hostAliases"]
    assert addresses
    for each in shown["newState"]["inputs"]["spec"]["template"]["spec"]["hostAliases"]:
        del each["ip"]
    pulumi = Pulumi(program, monkeypatch, lambda: [{**wanted, "op": "update"}], first=first)
    command.recover(stack)
    assert len(pulumi.written) == 2
    (noted,) = [each for each in pulumi.written[1]["deployment"]["resources"] if each["urn"].endswith("::portus-web")]
    for inputs in (noted["inputs"], noted["outputs"]["__inputs"]):
        assert inputs["spec"]["template"]["spec"]["hostAliases"] == addresses
    assert "not as the program wants them" not in capsys.readouterr().out


def test_a_claim_that_the_next_deployment_makes_is_reported_as_empty(
    program: Program, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = "kubernetes:core/v1:PersistentVolumeClaim"
    claim = {"op": "create", "newState": {"urn": f"urn:pulumi:lab::portus::{kind}::mariadb-data", "type": kind, "custom": True}}
    Pulumi(program, monkeypatch, lambda: [claim])
    command.recover(stack)
    said = " ".join(capsys.readouterr().out.split())
    assert "not in the cluster, and made by the next deployment: PersistentVolumeClaim mariadb-data" in said
    assert "a new claim is empty" in said


def test_a_stack_that_has_a_state_is_refused(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stack, "export", lambda _: {"deployment": {"resources": [{}]}})
    with pytest.raises(OpsError, match=r"must be empty, and has 1 resources\. fix: if it is the right state, nothing needs"):
        command.recover(stack)


PULUMI = """#!/bin/sh
echo "$*" >>"$0.words"
echo "$PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY" >"$0.variable"
cat >"$0.stdin"
cat "$0.answer"
exit $(cat "$0.code")
"""


@pytest.fixture
def program_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "pulumi"
    file.write_text(PULUMI, encoding="utf-8")
    file.chmod(0o755)
    monkeypatch.setattr(Stack, "command", lambda _, *words: [str(file), *words])
    monkeypatch.setattr(Stack, "environment", lambda _: {"PATH": "/usr/bin:/bin"})
    return file


def _answers(file: Path, text: str, code: int) -> Stack:
    file.with_suffix(".answer").write_text(text, encoding="utf-8")
    file.with_suffix(".code").write_text(str(code), encoding="utf-8")
    return Stack(name="lab", engine=None, kubeconfig=Path("none"))  # type: ignore[arg-type]  # it is not asked


def test_a_state_goes_to_pulumi_by_a_pipe_and_no_argument_has_a_part_of_it(program_called: Path) -> None:
    engine.write(_answers(program_called, "", 0), {"deployment": "a secret"})
    assert json.loads(program_called.with_suffix(".stdin").read_text(encoding="utf-8")) == {"deployment": "a secret"}
    assert program_called.with_suffix(".words").read_text(encoding="utf-8") == "stack import --stack lab\n"


def test_the_program_is_asked_without_a_dry_run_of_what_is_there_and_nothing_of_that_stays(
    monkeypatch: pytest.MonkeyPatch, program_called: Path
) -> None:
    kind = "pulumi:providers:kubernetes"
    provider = {"urn": "urn:pulumi:lab::portus::k::kubernetes", "type": kind, "inputs": {"enableServerSideApply": "false", "context": "c"}}
    stack = _answers(program_called, json.dumps({"steps": [{"op": "create", "newState": provider}]}), 0)
    monkeypatch.delenv("PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", raising=False)
    assert engine.program(stack)[0]["inputs"] == {"context": "c"}
    assert program_called.with_suffix(".variable").read_text(encoding="utf-8") == "false\n"
    monkeypatch.setenv("PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", "true")
    assert engine.program(stack)[0]["inputs"] == {"context": "c", "enableServerSideApply": "true"}


def test_a_preview_that_fails_is_reported_with_pulumis_reason(program_called: Path) -> None:
    answer = {"steps": [], "diagnostics": [{"severity": "error", "message": "the reason\n"}, {"severity": "info", "message": "no reason"}]}
    with pytest.raises(OpsError) as raised:
        engine.preview(_answers(program_called, json.dumps(answer), 255))
    assert raised.value.excerpt == "the reason"


def test_an_import_that_fails_is_reported_with_pulumis_reason(program_called: Path) -> None:
    with pytest.raises(OpsError) as raised:
        engine.write(_answers(program_called, "error: wrong passphrase", 255), {})
    assert raised.value.excerpt == "error: wrong passphrase"


def test_the_end_of_a_certificate_is_printed_as_a_day() -> None:
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    assert command._of_ca(ends, new_ca=False) == [
        f"the key of the self-signed CA is lost: make a new CA before {ends:%Y-%m-%d} (docs/operate/lost.md#a-new-ca)"
    ]
    assert command._of_ca(None, new_ca=False) == []
