"""Whose lock it is: a running deployment's or one that an interruption left."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab.engine import Engine
from lab.environment import Lab
from lab.images.debian import debian_sources
from lab.images.servers import free_port
from ops import check, commands, lifecycle, paths, recovery
from ops.console import Step
from ops.credentials import Login, NobodyError, login_of, require_login
from ops.deployment import Deployment
from ops.environment import Environment, Operator
from ops.errors import OpsError
from ops.kube.client import require_cluster
from ops.pulumi.stack import Stack
from ops.sample_image import write_sample
from tests.ops.api import kubeconfig

PULUMI = """#!/bin/sh
echo "$*" >>"$0.said"
[ "$1 $2" = 'stack export' ] && echo '{"deployment": {}}'
true
"""


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(PULUMI, encoding="utf-8")
    pulumi.chmod(0o755)
    monkeypatch.setattr("ops.pulumi.stack.STACKS", tmp_path)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'state'}")
    (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump({"config": {}}), encoding="utf-8")
    engine = Engine(pulumi=pulumi, home=None, path=(), genuine_cli=True, genuine_plugins={})
    return Stack(name="mine", engine=engine, kubeconfig=tmp_path / "kubeconfig")


def _locked(folder: Path, text: str) -> None:
    locks = folder / "state" / ".pulumi" / "locks" / "organization" / "portus" / "mine"
    locks.mkdir(parents=True)
    (locks / "9d1a.json").write_text(text, encoding="utf-8")


def _lock(pid: int, host: str = socket.gethostname(), since: dt.datetime | None = None) -> str:
    at = since or dt.datetime.now(dt.UTC)
    return json.dumps({"pid": pid, "username": "me", "hostname": host, "timestamp": at.isoformat()})


def _ended() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def _said(folder: Path) -> str:
    return (folder / "pulumi.said").read_text(encoding="utf-8") if (folder / "pulumi.said").exists() else ""


def test_a_lock_of_another_host_is_reported_with_its_owner_and_the_fix(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(_ended(), host="elsewhere"))
    with pytest.raises(OpsError) as raised:
        recovery.recover_interrupted_update(stack)
    assert "runs (pid " in raised.value.problem
    assert "host elsewhere, since " in raised.value.problem
    assert "pulumi cancel --stack mine" in raised.value.fix
    assert _said(tmp_path) == ""


def test_a_lock_whose_process_lives_stops_the_deployment(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(os.getpid()))
    with pytest.raises(OpsError, match=f"pid {os.getpid()}, host {socket.gethostname()}"):
        recovery.recover_interrupted_update(stack)
    assert _said(tmp_path) == ""


def test_a_lock_of_an_ended_process_is_removed(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(_ended()))
    recovery.recover_interrupted_update(stack)
    assert "cancel --yes" in _said(tmp_path)


def test_a_later_process_with_the_same_id_holds_no_lock(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(os.getpid(), since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    recovery.recover_interrupted_update(stack)
    assert "cancel --yes" in _said(tmp_path)


def test_a_lock_that_cannot_be_read_is_not_removed(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, '{"pid": ')
    with pytest.raises(OpsError, match=r"the lock .*9d1a\.json cannot be read"):
        recovery.recover_interrupted_update(stack)
    assert _said(tmp_path) == ""


def test_attributes_that_a_kill_cut_off_go_and_state_and_whole_ones_stay(stack: Stack, tmp_path: Path) -> None:
    _locked(tmp_path, _lock(_ended()))
    folder = tmp_path / "state" / ".pulumi" / "stacks" / "portus"
    folder.mkdir(parents=True)
    texts = {
        "mine.json": "{}",
        "mine.json.attrs": "",
        "mine.json.bak": "{}",
        "mine.json.bak.attrs": '{"user.content_type": "',
        "mine.json.gz.attrs": "{}",
        "other.json.attrs": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    recovery.recover_interrupted_update(stack)
    assert sorted(each.name for each in folder.iterdir()) == ["mine.json", "mine.json.bak", "mine.json.gz.attrs", "other.json.attrs"]


# What is told of a cluster that cannot be used, before anything is begun.


def _silent(folder: Path) -> Path:
    return kubeconfig(folder, f"https://127.0.0.1:{free_port()}")


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match=r"the kubeconfig .*/absent must exist"):
        require_cluster(tmp_path / "absent", None)


def test_a_missing_context_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="it has no context 'prod'"):
        require_cluster(_silent(tmp_path), "prod")


def test_a_cluster_that_does_not_answer_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="does not answer") as raised:
        require_cluster(_silent(tmp_path), None)
    assert "\n" not in raised.value.problem


# What a verb that ends with a push needs of the user's machine.


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder on PATH, and empty: neither skopeo nor what the lab builds its own with."""
    monkeypatch.setenv("PATH", str(tmp_path))
    debian_sources.cache_clear()
    return tmp_path


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("verb", [lifecycle.up, commands.check, partial(commands.restore, dump="20260101T000000Z", safety="yes")])
def test_a_machine_that_cannot_push_is_reported_before_anything_is_deployed_or_restored(
    tmp_path: Path, verb: Callable[[str, Environment], None]
) -> None:
    with pytest.raises(OpsError, match=r"skopeo must be on PATH: .* fix: install skopeo; or run this as root on Debian"):
        verb("dev", Lab(tmp_path / "kubeconfig"))


def test_the_machines_own_skopeo_is_enough(programs: Path) -> None:
    skopeo = programs / "skopeo"
    skopeo.touch(mode=0o755)
    Operator().require_client("dev")
    Lab().require_client("dev")


# The images that tests push.


def test_the_same_text_gives_the_same_image_and_another_text_another(tmp_path: Path) -> None:
    first = write_sample(tmp_path / "a")
    assert first == write_sample(tmp_path / "b")
    assert first != write_sample(tmp_path / "c", text="other")


def test_every_blob_is_named_by_its_digest_and_described_by_its_size(tmp_path: Path) -> None:
    digest = write_sample(tmp_path, layers=4)
    manifest_bytes = (tmp_path / "manifest.json").read_bytes()
    assert digest == f"sha256:{hashlib.sha256(manifest_bytes).hexdigest()}"
    manifest = json.loads(manifest_bytes)
    assert len({layer["digest"] for layer in manifest["layers"]}) == 4
    for part in (manifest["config"], *manifest["layers"]):
        blob = (tmp_path / part["digest"].removeprefix("sha256:")).read_bytes()
        assert (len(blob), f"sha256:{hashlib.sha256(blob).hexdigest()}") == (part["size"], part["digest"])


# A check logs in with what it was told or made, and one refused login ends it: ten wrong ones lock a user.


OUTPUTS = {
    "portus_url": "https://portus.example.com",
    "registry_host": "registry.example.com:5000",
    "administrator": "admin",
    "administrator_password": "made",
    "ca_certificate": "",
}


def _deployment(kubeconfig: Path = Path("mine"), **outputs: Any) -> Deployment:
    return Deployment(stack="prod", outputs={**OUTPUTS, **outputs}, kubeconfig=kubeconfig)


class _Portus(httpx.MockTransport):
    """Answers every request for a token with ``status`` and keeps it."""

    def __init__(self, status: int, error: str | None = None) -> None:
        super().__init__(self._answer)
        self.status = status
        self.error = error
        self.asked: list[httpx.Request] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self.status, json=None if self.error is None else {"error": self.error})


class TestUserOfTheCheck:
    def test_the_user_is_the_stacks_administrator_by_default(self) -> None:
        assert login_of(_deployment(), environment={}) == Login(user="admin", password="made")
        assert login_of(_deployment(administrator_made=True), environment={}).user == "admin"

    def test_the_user_is_the_one_that_the_environment_names(self, tmp_path: Path) -> None:
        file = tmp_path / "password"
        file.write_text(" mine \n")
        told = login_of(_deployment(administrator_made=False), environment={"CHECK_USER": "alice", "CHECK_PASSWORD_FILE": str(file)})
        assert told == Login(user="alice", password=" mine ", is_given=True)

    @pytest.mark.parametrize("half", ["CHECK_USER", "CHECK_PASSWORD_FILE"])
    def test_half_a_login_is_refused(self, half: str) -> None:
        with pytest.raises(OpsError, match=f"{half} is set without CHECK_"):
            login_of(_deployment(), environment={half: "x"})

    def test_there_is_no_user_if_the_password_cannot_be_read(self, tmp_path: Path) -> None:
        absent, empty = tmp_path / "absent", tmp_path / "empty"
        empty.touch()
        for file, problem in ((absent, "absent cannot be read: No such file"), (empty, "empty is empty")):
            with pytest.raises(OpsError, match=problem):
                login_of(_deployment(), environment={"CHECK_USER": "alice", "CHECK_PASSWORD_FILE": str(file)})

    def test_there_is_no_user_if_the_stack_makes_no_administrator(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("CHECK_USER", "CHECK_PASSWORD_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(check, "require_login", lambda *_: pytest.fail("a login was tried"))
        for tried in (check.check, check.check_read_only):
            with pytest.raises(NobodyError, match="the check has no user") as told:
                tried(_deployment(administrator_made=False), Step("checking"))
            assert told.value.fix.endswith("CHECK_USER=name CHECK_PASSWORD_FILE=file make check STACK=prod KUBECONFIG=mine")


class TestToken:
    def test_a_token_is_requested_once_as_docker_does(self) -> None:
        portus = _Portus(200)
        require_login(_deployment(), Login(user="admin", password="made"), transport=portus)
        (asked,) = portus.asked
        assert str(asked.url) == "https://portus.example.com/v2/token?service=registry.example.com%3A5000&account=admin"
        assert asked.headers["Authorization"].startswith("Basic ")

    def test_a_refused_token_ends_the_check_and_says_how_to_go_on(self) -> None:
        portus = _Portus(401)
        with pytest.raises(NobodyError, match="refuses the password of 'admin' that the stack knows") as told:
            require_login(_deployment(paths.STATE / "kubeconfig"), Login(user="admin", password="made"), portus)
        assert len(portus.asked) == 1
        assert "if it was changed on Portus' pages, or the database is another one" in told.value.fix
        assert told.value.fix.endswith("CHECK_USER=name CHECK_PASSWORD_FILE=file make check STACK=prod")

    def test_a_refused_token_of_the_given_user_names_the_file_and_no_password(self) -> None:
        with pytest.raises(NobodyError, match="the file that CHECK_PASSWORD_FILE names") as told:
            require_login(_deployment(), Login(user="alice", password="mine-alone", is_given=True), transport=_Portus(401))
        assert "mine-alone" not in str(told.value)

    @pytest.mark.parametrize("login", [Login(user="admin", password="made"), Login(user="alice", password="mine", is_given=True)])
    @pytest.mark.parametrize(
        ("error", "named"),
        [
            ("Connection refused - connect(2) for ldap.example.com:389", "cannot reach its LDAP directory"),
            ("getaddrinfo: Name or service not known", "cannot reach its LDAP directory"),
            ("SSL_connect SYSCALL returned=5 errno=0 state=SSLv3/TLS write client hello", "cannot reach its LDAP directory"),
            ("SSL_connect returned=1 errno=0 state=error: certificate verify failed (unable to get local issuer certificate)", "ca_file"),
            ('hostname "ldap.example.com" does not match the server certificate', "does not trust the certificate"),
            ("No Such Object (code 32)", "correct what its LDAP directory reports: No Such Object (code 32)"),
            ("Connection timed out - user specified timeout", "cannot reach its LDAP directory"),
            ("Could not find user 'admin'", "correct what its LDAP directory reports: Could not find user 'admin'"),
            ("Invalid Credentials (code 49)", "correct what its LDAP directory reports: Invalid Credentials (code 49)"),
            ("Your account is locked.", "correct what it reports: Your account is locked."),
        ],
    )
    def test_a_refusal_by_the_directory_or_a_lock_blames_no_changed_password(self, login: Login, error: str, named: str) -> None:
        with pytest.raises(NobodyError) as told:
            require_login(_deployment(), login, _Portus(401, error))
        assert named in told.value.fix
        assert "if it was changed" not in str(told.value)

    def test_a_refusal_for_the_password_says_so_if_portus_checks_it(self) -> None:
        with pytest.raises(NobodyError) as told:
            require_login(_deployment(), Login(user="admin", password="made"), _Portus(401, "Invalid Username or password."))
        assert "if it was changed on Portus' pages" in told.value.fix

    @pytest.mark.parametrize("status", [404, 500, 503])
    def test_a_token_that_fails_for_another_reason_is_left_to_the_push(self, status: int) -> None:
        require_login(_deployment(), Login(user="admin", password="made"), transport=_Portus(status))
