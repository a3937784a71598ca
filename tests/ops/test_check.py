"""A check proves that the stack works as its file says. A read-only stack is proved by a push that is refused, in every command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest
import yaml
from kubernetes import client
from urllib3.exceptions import HTTPError

from lab.environment import Lab
from lab.images.servers import fresh_mariadb
from ops import check, lifecycle
from ops.backup import commands as operations
from ops.backup.restore import Restore
from ops.check import recorded, tags
from ops.console import Step
from ops.credentials import NobodyError
from ops.deployment import Deployment, Tag
from ops.doctor import command as doctor
from ops.doctor.checks.database import FRESH_SECONDS
from ops.doctor.snapshot import Snapshot
from ops.errors import OpsError
from ops.kube.http import NoAnswer, NotChecked
from ops.pulumi import stack
from tests.ops.api import api
from tests.ops.doctor.stage import healthy, registry_file

CONFIG = "/etc/docker/registry/config.yml"
TAG = Tag(namespace="admin", repository="check", tag="latest", user="admin", digest="sha256:aa")
READ_ONLY = "storage: {filesystem: {}, maintenance: {readonly: {enabled: true}}}"


@pytest.fixture(autouse=True)
def nothing_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """No garbage collection runs; what a check does beside one is told in tests/ops/gc."""
    for module in (check, operations):
        monkeypatch.setattr(module, "require_no_sweep", lambda *_: None)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kind of each check: a push, or its refusal."""
    kept: list[str] = []

    def pushed(*_: object) -> str:
        kept.append("push")
        return "registry.example.com/admin/check:latest"

    for module in (check, doctor):
        monkeypatch.setattr(module, "check", pushed)
        monkeypatch.setattr(module, "check_read_only", lambda *_: kept.append("refusal"))
    return kept


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the stack files: one that takes pushes and one that does not."""
    monkeypatch.setattr(stack, "STACKS", tmp_path)
    for name, read_only in (("open", False), ("closed", True)):
        registry = {"maintenance": {"readonly": {"enabled": read_only}}}
        (tmp_path / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": {"portus:registry": registry}}), encoding="utf-8")
    return tmp_path


def _deployment(name: str) -> Deployment:
    return Deployment(stack=name, outputs={"namespace": "portus"}, kubeconfig=Path("none"))


@pytest.mark.usefixtures("files")
def test_a_read_only_stack_is_checked_by_a_push_that_is_refused(said: list[str]) -> None:
    assert "was pushed and pulled" in check.checked(_deployment("open"), "the deployment itself ended well")
    assert "take none" in check.checked(_deployment("closed"))
    assert said == ["push", "refusal"]


ERRORS: dict[str, tuple[Callable[[], Exception], type[OpsError], str, str]] = {
    "the check has no user": (lambda: NobodyError("nobody", "Name one."), NobodyError, "nobody", "Name one."),
    "a push that is refused": (lambda: OpsError("refused", "It said:", "denied"), OpsError, "refused", "It said:"),
    "a cluster that refuses": (lambda: client.ApiException(401, "Unauthorized"), OpsError, "the cluster refuses", "log in again"),
    "a cluster that is gone": (
        lambda: HTTPError("no route"),
        OpsError,
        "the cluster does not answer",
        "repeat this command when it answers again",
    ),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("name", "kind"), [("open", "check"), ("closed", "check_read_only")])
@pytest.mark.parametrize(("error", "told", "problem", "fix"), ERRORS.values(), ids=ERRORS.keys())
def test_whatever_a_check_ends_with_says_what_ended_well_before_it(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
    error: Callable[[], Exception],
    *,
    told: type[OpsError],
    problem: str,
    fix: str,
) -> None:
    def failing(*_: object) -> str:
        raise error()

    monkeypatch.setattr(check, kind, failing)
    monkeypatch.setattr(lifecycle, "deploy", lambda *_, **__: (None, _deployment(name)))
    monkeypatch.setattr(lifecycle, "_summary", lambda *_: None)
    monkeypatch.setattr(Restore, "run", lambda _, check: check())
    works: dict[str, Callable[[], None]] = {
        "deployment": lambda: lifecycle.up(name, Lab()),
        "restore": lambda: operations.restore(name, _deployment(name), None, dump="20260102T020000Z", safety=True),
    }
    for work, verb in works.items():
        with pytest.raises(told, match=rf"^{problem}.* The {work} itself ended well\. fix: {fix}") as raised:
            verb()
        assert raised.value.fix.startswith(fix)
    with pytest.raises(told) as alone:
        check.checked(_deployment(name))
    assert alone.value.fix.startswith(fix)


class _Clock:
    """The time as `ops.check` sees it; only a sleep makes it pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _recorded_after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> _Clock:
    """Have Portus record every tag ``seconds`` after now."""
    clock = _Clock()

    @contextmanager
    def recorded(_: Deployment) -> Iterator[Callable[[], list[Tag]]]:
        yield lambda: [TAG] if clock.now >= seconds else []

    monkeypatch.setattr(check, "time", clock)
    monkeypatch.setattr(check, "recorded", recorded)
    return clock


def test_the_wait_for_a_record_is_as_long_as_an_event_may_wait_for_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    _recorded_after(monkeypatch, FRESH_SECONDS - 1)
    check.wait_for_record(_deployment("open"), TAG)
    clock = _recorded_after(monkeypatch, 10 * FRESH_SECONDS)
    with pytest.raises(OpsError, match=rf"did not record the push of admin/check:latest within {FRESH_SECONDS} s"):
        check.wait_for_record(_deployment("open"), TAG)
    assert FRESH_SECONDS < clock.now < FRESH_SECONDS + 1


def test_the_record_is_waited_for_only_once_the_worker_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The genuine one boots for 38 s to 91 s; until then nobody records anything."""
    clock = _recorded_after(monkeypatch, 91 + FRESH_SECONDS - 1)
    monkeypatch.setattr(Deployment, "is_ready", lambda *_: clock.now >= 91)
    check.wait_for_worker(_deployment("open"), Step("check"))
    check.wait_for_record(_deployment("open"), TAG)
    monkeypatch.setattr(Deployment, "is_ready", lambda *_: False)
    with pytest.raises(OpsError, match="worker did not start within 600 s"):
        check.wait_for_worker(Deployment(stack="open", outputs={"namespace": "here"}, kubeconfig=Path("none")), Step("check"))


def test_a_deployment_without_a_user_for_the_check_is_reported_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def nobody(*_: object) -> str:
        raise NobodyError("there is the check has no user", "name one")

    monkeypatch.setattr(lifecycle, "deploy", lambda *_, **__: (None, _deployment("open")))
    monkeypatch.setattr(lifecycle, "checked", nobody)
    monkeypatch.setattr(lifecycle, "_summary", lambda *words: said.append(words[-1]))
    with pytest.raises(NobodyError):
        lifecycle.up("open", Lab())
    assert said == ["The deployment ended well, and was not checked."]


@pytest.mark.usefixtures("files")
def test_a_read_only_one_whose_database_was_restored_is_checked_so(
    said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Restore, "run", lambda _, check: check())
    operations.restore("closed", _deployment("closed"), None, dump="20260102T020000Z", safety=True)
    assert said == ["refusal"]
    assert "They give images and take none" in capsys.readouterr().out


class _Stack:
    def deployment(self, _: object) -> Deployment:
        return Deployment(stack="mine", outputs={}, kubeconfig=Path("none"))


def _round_trip(snapshot: Snapshot) -> object:
    return doctor._round_trip(_Stack(), None, snapshot)  # type: ignore[arg-type]


def test_the_doctor_goes_by_what_the_registry_mounts(said: list[str]) -> None:
    assert _round_trip(healthy(workloads=registry_file(CONFIG, READ_ONLY))) == "the registry is read-only, and refuses a push"
    assert _round_trip(healthy()) == "registry.example.com/admin/check:latest was pushed, pulled and recorded"
    assert said == ["refusal", "push"]


@pytest.mark.parametrize(("error", "kind"), [(NobodyError("nobody", "name one"), NotChecked), (OpsError("refused", "look"), NoAnswer)])
def test_the_doctor_does_not_judge_a_stack_into_which_no_user_can_log_in(
    monkeypatch: pytest.MonkeyPatch, error: OpsError, kind: type[NotChecked | NoAnswer]
) -> None:
    def failing(*_: object) -> str:
        raise error

    monkeypatch.setattr(doctor, "check", failing)
    found = _round_trip(healthy())
    assert isinstance(found, kind)
    assert found.reason == str(error)


# Portus' record of a push is found wherever its database is, and what keeps it from being read is told in one line.


Answering = Callable[[int], Deployment]

SCHEMA = (
    "CREATE TABLE namespaces (id INT, name VARCHAR(255))",
    "CREATE TABLE repositories (id INT, name VARCHAR(255), namespace_id INT)",
    "CREATE TABLE users (id INT, username VARCHAR(255))",
    "CREATE TABLE tags (name VARCHAR(255), repository_id INT, user_id INT, digest VARCHAR(255))",
    "INSERT INTO namespaces VALUES (1, 'alice')",
    "INSERT INTO repositories VALUES (1, 'check', 1)",
    "INSERT INTO users VALUES (1, 'alice')",
)
"""As much of Portus' as a tag needs."""


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """Give a deployment on a cluster whose API answers everything with a status."""
    with api(tmp_path) as made:

        def answering(status: int) -> Deployment:
            made.status = status
            return Deployment(stack="prod", outputs={"namespace": "portus"}, kubeconfig=made.kubeconfig)

        yield answering


def test_the_database_is_external_if_the_cluster_has_none(answering: Answering) -> None:
    assert answering(200).has_own_database()
    assert not answering(404).has_own_database()


def test_what_the_cluster_refuses_is_one_line(answering: Answering) -> None:
    with pytest.raises(OpsError, match="Portus' database cannot be read") as told, recorded(answering(403)):
        pass
    assert told.value.fix == "find the cause: make doctor STACK=prod"


def test_an_external_database_is_read_through_portus_own_pod(monkeypatch: pytest.MonkeyPatch, answering: Answering) -> None:
    class Way:
        @classmethod
        def of(cls, expected: Any, *_: Any) -> Any:
            raise OpsError(f"the way of {expected.stack} through Portus' Pod", "")

    monkeypatch.setattr("ops.check.Access", Way)
    monkeypatch.setattr("ops.check.stated", lambda stack, _: type("Expected", (), {"stack": stack}))
    with pytest.raises(OpsError, match="the way of prod through Portus' Pod"), recorded(answering(404)):
        pass


@pytest.mark.images
def test_a_tag_is_seen_that_came_after_the_first_look() -> None:
    with fresh_mariadb() as server:

        def connected() -> pymysql.Connection[Any]:
            return pymysql.connect(unix_socket=str(server.socket), user="root", password=server.root_password, database=server.database)

        with connected() as link, link.cursor() as cursor, connected() as other, other.cursor() as writer:

            def rows(statement: str) -> list[tuple[Any, ...]]:
                cursor.execute(statement)
                return list(cursor.fetchall())

            for statement in SCHEMA:
                writer.execute(statement)
            other.commit()
            assert tags(rows) == []
            writer.execute("INSERT INTO tags VALUES ('latest', 1, 1, 'sha256:aa'), ('old', 1, NULL, 'sha256:bb')")
            other.commit()
            assert tags(rows) == [
                Tag(namespace="alice", repository="check", tag="latest", user="alice", digest="sha256:aa"),
                Tag(namespace="alice", repository="check", tag="old", user="NULL", digest="sha256:bb"),
            ]
