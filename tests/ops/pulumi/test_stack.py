"""What is read of a stack's file without Pulumi, and where its state is."""

from __future__ import annotations

import json
import os
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import lab_stack
from lab.engine import Engine
from lab.engine.cli import prune
from lab.render.stackfile import read
from ops import paths
from ops.console import show_error
from ops.errors import OpsError
from ops.pulumi import backend, stack
from ops.pulumi.stack import Stack

NO_SECTIONS = {
    "empty": "",
    "a comment": "# later\n",
    "a list": "- config\n",
    "an empty configuration": "config:\n",
    "empty sections": "config:\n  portus:cluster:\n  portus:registry:\n  portus:images:\n",
    "words for sections": "config:\n  portus:cluster: mine\n  portus:registry: mine\n  portus:images: mine\n",
    "an empty subsection": "config:\n  portus:registry:\n    maintenance:\n",
    "a word for a subsection": "config:\n  portus:registry:\n    maintenance:\n      readonly: true\n",
}


def _write(monkeypatch: pytest.MonkeyPatch, folder: Path, **files: str) -> None:
    monkeypatch.setattr(stack, "STACKS", folder / "stacks")
    (folder / "stacks").mkdir()
    for name, text in files.items():
        (folder / "stacks" / f"Pulumi.{name}.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("text", NO_SECTIONS.values(), ids=NO_SECTIONS.keys())
def test_what_a_stack_file_leaves_empty_is_left_to_the_programs_own_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    _write(monkeypatch, tmp_path, mine=text)
    assert not lab_stack.is_lab_stack("mine")
    assert not stack.is_read_only("mine")
    assert lab_stack.images_of("mine") == []


PASSWORDS = [
    '"geheim1',
    "geheim1: x: y",
    "@geheim1",
    "%geheim1",
    "*geheim1",
    "!geheim1",
    "!<geheim1> x",
    "`geheim1",
    "a\n  geheim1",
    "[geheim1",
    "&geheim1 &geheim1 x",
]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_that_yaml_cannot_read_is_not_shown(password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the line that the reader shows, either: a pipeline keeps what is printed. Line and column find the place."""
    file = tmp_path / "Pulumi.wrong.yaml"
    file.write_text(f"config:\n  portus:database:\n    password: {password}\n")
    monkeypatch.setattr(stack, "STACKS", tmp_path)
    for reads in (lambda: read(file), lambda: stack.document_of("wrong")):
        with pytest.raises(OpsError) as raised:
            reads()
        told = "".join(traceback.format_exception(raised.value))
        assert "geheim1" not in told.replace(str(file), "")
        assert re.search(r"line [345], column \d", told)


def test_the_name_between_colons_is_no_picture(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(OpsError("portus:x: must be a section.", "write portus:key: below it"))
    assert "portus:x:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config:\n\tportus:host: x\n", r"line 2, column 1: found character '\\t' that cannot start any token\."),
        ('config:\n  portus:host: "x\n', r"line 3, column 1: found unexpected end of stream\."),
        ("config:\n  portus:host: x\n portus:tls: y\n", "line 3, column 2: "),
        ("config:\n  portus:host: 2026-13-01\n", "month must be in 1..12"),
        ("config:\n  portus:host: \0\n", "unacceptable character"),
    ],
)
def test_a_stack_file_that_is_no_yaml_is_reported_with_the_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, told: str
) -> None:
    _write(monkeypatch, tmp_path, mine=text)
    with pytest.raises(OpsError, match=rf"^stacks/Pulumi\.mine\.yaml.*{told}") as raised:
        lab_stack.is_lab_stack("mine")
    assert "\n" not in raised.value.problem


def test_a_stack_file_that_cannot_be_read_does_not_keep_the_lab_from_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = f"config:\n  portus:cluster:\n    context: {lab_stack.CONTEXT}\n"
    _write(monkeypatch, tmp_path, prod="config:\n\tportus:host: x\n", lab=ours, dev="config: {}\n")
    assert lab_stack.lab_stack_names() == ["lab"]


@pytest.mark.parametrize(
    ("registry", "read_only"),
    [
        ({}, False),
        ({"maintenance": {"uploadpurging": {"enabled": False}}}, False),
        ({"maintenance": {"readonly": {"enabled": False}}}, False),
        ({"maintenance": {"readonly": {"enabled": True}}}, True),
    ],
)
def test_a_read_only_stack_is_known_by_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, registry: dict[str, Any], *, read_only: bool
) -> None:
    monkeypatch.setattr(stack, "STACKS", tmp_path)
    (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump({"config": {"portus:registry": registry}}), encoding="utf-8")
    assert stack.is_read_only("mine") is read_only


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> stack.Stack:
    """A stack whose state this checkout keeps, for nothing names another backend; it was never deployed."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_HOME", "PULUMI_CREDENTIALS_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(backend, "_home", lambda: tmp_path)
    monkeypatch.setattr(backend, "OWN_STATE", tmp_path / "own")
    monkeypatch.setattr(backend, "PASSPHRASE", tmp_path / "own" / "passphrase")
    _write(monkeypatch, tmp_path, mine="config: {}\n")
    engine = Engine(pulumi=tmp_path / "pulumi", home=None, path=(), genuine_cli=True, genuine_plugins={})
    return stack.Stack(name="mine", engine=engine, kubeconfig=tmp_path / "kubeconfig")


def _kept(name: str) -> None:
    (backend.OWN_STATE / ".pulumi" / "stacks" / "portus").mkdir(parents=True)
    (backend.OWN_STATE / ".pulumi" / "stacks" / "portus" / name).touch()


def test_a_passphrase_is_made_once_for_the_checkouts_own_state(own: stack.Stack) -> None:
    own.environment_folder()
    made = backend.PASSPHRASE.read_text(encoding="utf-8")
    assert len(made) == 64
    assert backend.PASSPHRASE.stat().st_mode & 0o777 == 0o600
    _kept("mine.json")
    own.environment_folder()
    assert backend.PASSPHRASE.read_text(encoding="utf-8") == made


@pytest.mark.parametrize("file", ["mine.json", "another.json.gz", "mine.json.bak"])
def test_a_passphrase_that_is_missing_is_not_replaced_by_another(own: stack.Stack, file: str) -> None:
    _kept(file)
    with pytest.raises(OpsError, match=r"the passphrase .*/own/passphrase is missing, and .*/own has stacks that need it") as raised:
        own.environment_folder()
    assert raised.value.fix.startswith("restore it, or name another file: PULUMI_CONFIG_PASSPHRASE_FILE=...")
    assert not backend.PASSPHRASE.exists()


def test_no_passphrase_is_made_for_a_stack_file_that_was_encrypted_with_one(own: stack.Stack) -> None:
    (stack.STACKS / "Pulumi.mine.yaml").write_text("encryptionsalt: v1:a:v1:b:c\nconfig: {}\n", encoding="utf-8")
    with pytest.raises(OpsError, match=r"is missing, and stacks/Pulumi\.mine\.yaml was encrypted with one") as raised:
        own.environment_folder()
    assert "PULUMI_BACKEND_URL" in raised.value.fix
    assert not backend.OWN_STATE.exists()


def test_a_passphrase_that_the_user_names_is_enough_for_the_checkouts_own_state(own: stack.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/elsewhere")
    _kept("mine.json")
    own.environment_folder()
    assert not backend.PASSPHRASE.exists()


def _lab(monkeypatch: pytest.MonkeyPatch, folder: Path, latest: Any) -> stack.Stack:
    """The lab's stack with a state of this content, and no Pulumi to ask."""
    ours = f"config:\n  portus:cluster:\n    context: {lab_stack.CONTEXT}\n"
    _write(monkeypatch, folder, lab=ours)
    monkeypatch.setattr("ops.paths.STATE", folder)
    if latest is not None:
        (folder / "state/.pulumi/stacks/portus").mkdir(parents=True)
        (folder / "state/.pulumi/stacks/portus/lab.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    engine = Engine(Path("/no/pulumi"), None, (), genuine_cli=False, genuine_plugins={})
    return stack.Stack(name="lab", engine=engine, kubeconfig=folder / "kubeconfig", own_backend=lab_stack.backend())


DEPLOYED = {"type": "pulumi:pulumi:Stack", "outputs": {"namespace": "portus"}}


@pytest.mark.parametrize(
    ("latest", "whole"),
    [
        ({"resources": [DEPLOYED]}, True),
        ({"resources": [DEPLOYED], "pending_operations": [{"type": "creating"}]}, False),
        ({"resources": []}, False),
    ],
)
def test_whether_a_lab_stack_is_whole_is_read_from_its_state_without_pulumi(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, latest: Any, *, whole: bool
) -> None:
    found = _lab(monkeypatch, tmp_path, latest)
    assert found.has_state()
    assert found.is_whole() == whole
    assert found.export() == {"version": 3, "deployment": latest}


def test_a_lab_stack_that_was_never_deployed_has_no_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not _lab(monkeypatch, tmp_path, None).has_state()


def test_the_stacks_are_looked_for_under_the_project_s_name() -> None:
    assert yaml.safe_load((paths.ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["name"] == stack.PROJECT


def test_the_stack_of_another_project_in_the_same_folder_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = _lab(monkeypatch, tmp_path, {"resources": [DEPLOYED]})
    (tmp_path / "state/.pulumi/stacks/portus").rename(tmp_path / "state/.pulumi/stacks/another")
    assert not found.has_state()


# What is said of a `pulumi` that failed points at something that is there.


def _stack(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Stack:
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    pulumi.chmod(0o755)
    monkeypatch.setattr("ops.pulumi.stack.STACKS", folder)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{folder}")
    (folder / "Pulumi.mine.yaml").write_text("config: {}\n", encoding="utf-8")
    engine = Engine(pulumi=pulumi, home=None, path=(), genuine_cli=True, genuine_plugins={})
    return Stack(name="mine", engine=engine, kubeconfig=folder / "kubeconfig")


def test_one_that_a_signal_ended_is_reported_with_the_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OpsError, match="'pulumi up' of stack mine was ended by SIGKILL") as raised:
        _stack(tmp_path, monkeypatch, "kill -9 $$").up()
    assert "above" not in raised.value.fix


def test_one_that_may_have_printed_nothing_is_reported_with_its_code_and_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OpsError, match="of stack mine failed") as raised:
        _stack(tmp_path, monkeypatch, "exit 3").preview()
    assert "the folder logs of PULUMI_HOME has it (exit code 3)" in raised.value.fix


def test_the_engines_logs_are_kept_to_the_newest(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.log").touch()
        os.utime(tmp_path / f"{number}.log", (number, number))
    (tmp_path / "state.json").touch()
    prune(tmp_path, keep=2)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["3.log", "4.log", "state.json"]
    prune(tmp_path / "absent")


# Which backend the commands ask: the one that the user's own ``pulumi`` asks.


OWN = {"PULUMI_BACKEND_URL": f"file://{backend.OWN_STATE}", "PULUMI_CONFIG_PASSPHRASE_FILE": str(backend.PASSPHRASE)}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's home, in which nobody has logged in yet."""
    monkeypatch.setattr(backend, "_home", lambda: tmp_path)
    return tmp_path


def _log_in(folder: Path, current: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = {"current": current, "accessTokens": {current: "pul-of-the-test"}}
    (folder / "credentials.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_where_nothing_names_a_backend_the_state_is_kept_in_the_checkout() -> None:
    assert backend.variables({}) == OWN


def test_the_checkouts_state_takes_a_passphrase_that_the_user_names() -> None:
    assert backend.variables({"PULUMI_CONFIG_PASSPHRASE": "p"}) == {"PULUMI_BACKEND_URL": OWN["PULUMI_BACKEND_URL"]}


@pytest.mark.parametrize("url", ["s3://states", "file:///srv/states", "https://api.pulumi.com"])
def test_the_backend_that_the_user_has_logged_in_to_is_asked(home: Path, url: str) -> None:
    folder = _log_in(home / ".pulumi", url)
    assert backend.variables({}) == {"PULUMI_BACKEND_URL": url, "PULUMI_CREDENTIALS_PATH": str(folder)}


@pytest.mark.parametrize("variable", ["PULUMI_HOME", "PULUMI_CREDENTIALS_PATH"])
def test_the_login_is_looked_for_where_the_users_pulumi_keeps_it(home: Path, variable: str) -> None:
    _log_in(home / ".pulumi", "s3://not-this-one")
    folder = _log_in(home / "elsewhere", "s3://states")
    expected = {"PULUMI_BACKEND_URL": "s3://states", "PULUMI_CREDENTIALS_PATH": str(folder)}
    assert backend.variables({variable: str(folder)}) == expected


def test_a_backend_that_the_user_names_wins_over_the_login(home: Path) -> None:
    _log_in(home / ".pulumi", "s3://states")
    assert backend.variables({"PULUMI_BACKEND_URL": "gs://others"})["PULUMI_BACKEND_URL"] == "gs://others"


def test_a_backend_that_the_project_names_wins_over_the_login(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    _log_in(home / ".pulumi", "s3://states")
    monkeypatch.setattr("ops.paths.ROOT", home)
    (home / "Pulumi.yaml").write_text("name: portus\nbackend:\n  url: gs://others\n", encoding="utf-8")
    assert backend.variables({})["PULUMI_BACKEND_URL"] == "gs://others"


def test_a_token_alone_means_pulumis_own_cloud() -> None:
    assert backend.variables({"PULUMI_ACCESS_TOKEN": "pul-of-the-test"}) == {}


def test_a_user_who_has_logged_out_has_no_backend(home: Path) -> None:
    _log_in(home / ".pulumi", "")
    assert backend.variables({}) == OWN


def test_a_login_that_only_pulumi_can_read_is_left_to_pulumi(home: Path) -> None:
    folder = home / ".pulumi"
    folder.mkdir()
    (folder / "credentials.json").write_text('{"$pulumiSecureStore": 1, "data": "..."}', encoding="utf-8")
    assert backend.variables({}) == {"PULUMI_CREDENTIALS_PATH": str(folder)}


def test_no_token_is_handed_on(home: Path) -> None:
    _log_in(home / ".pulumi", "https://api.pulumi.com")
    assert "pul-of-the-test" not in str(backend.variables({}))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgres://me:p@ss@db.example.com/states?sslmode=require", "postgres://db.example.com/states"),
        ("s3://states?region=eu-central-1", "s3://states"),
        ("file:///srv/states", "file:///srv/states"),
    ],
)
def test_a_backend_is_shown_without_its_password(url: str, text: str) -> None:
    assert backend.shown({"PULUMI_BACKEND_URL": url}) == text


def test_a_file_backend_is_found_as_pulumi_finds_it(home: Path) -> None:
    assert backend.folder_of("file://~") == home
    assert backend.folder_of("file:///srv/states?no_tmp_dir=true") == Path("/srv/states")
    assert backend.folder_of("s3://states") is None
