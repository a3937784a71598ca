"""In which state a restore leaves Portus, wherever it is cut off; what the cluster does is played."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError

from components.common.names import RESTORE
from ops.backup import backups, restore
from ops.backup import commands as operations
from ops.backup.backups import Backup, CutOff, Listing, read
from ops.backup.restore import Restore
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.kube.jobs import JobError, Run

OLD = Backup(name="20260101T020000Z", portus="2.4", bytes=2048, tables={"users": 3})
GOOD = Backup(name="20260102T020000Z", portus="2.5", bytes=4096, tables={"users": 4, "teams": 1})
SAFETY = Backup(name="20260103T020000Z", portus="2.5", bytes=4096, tables={"users": 5})
BEGUN = CutOff(restore=GOOD.name, before=SAFETY.name)


@dataclass
class Stage:
    """What the cluster does: each load ends as ``ends`` says, one after the other."""

    ends: list[BaseException | None] = field(default_factory=lambda: [None])
    cut_off: CutOff | None = None
    done: list[str] = field(default_factory=list)
    stopping: BaseException | None = None
    safety: BaseException | None = None
    under_way: list[str] = field(default_factory=list)
    deployed: str | None = None
    begins: BaseException | None = None

    def version(self) -> str | None:
        return self.deployed

    def listing(self, *_: Any) -> Listing:
        return Listing(backups=(GOOD, OLD), cut_off=self.cut_off)

    def take(self, *_: Any, environment: dict[str, str]) -> Backup:
        assert environment["KEEP"] == "all"  # or the backup that is about to be restored could go
        self.done.append("safety")
        if self.safety:
            raise self.safety
        return SAFETY

    def active(self, _: str) -> list[str]:
        return self.under_way

    def start(self, first: Any, *, arguments: tuple[str, ...] = ()) -> Run | None:
        if first != RESTORE:
            self.done.append("portus starts")
            return None
        self.done.append(f"load {' '.join(arguments)}")
        if self.begins:
            self.under_way = ["job"]  # the cluster has made it, and the answer did not arrive
            raise self.begins
        return Run(name="job", uid="")

    def wait(self, *_: Any) -> list[str]:
        if (end := self.ends.pop(0)) is not None:
            if isinstance(end, JobError) and end.code == 1:
                self.cut_off = BEGUN
            raise end
        return []

    def check(self) -> str:
        self.done.append("check")
        return "it works"

    def stop(self) -> None:
        self.done.append("portus stops")
        if self.stopping:
            raise self.stopping


def _run(monkeypatch: pytest.MonkeyPatch, stage: Stage, dump: str = GOOD.name, *, runs: str = "2.5", safety: bool = True) -> list[str]:
    monkeypatch.setattr(Deployment, "jobs", stage)
    monkeypatch.setattr(restore, "Writers", lambda _: stage)
    monkeypatch.setattr(backups, "listing", stage.listing)
    monkeypatch.setattr(backups, "take", stage.take)
    deployment = Deployment(stack="mine", outputs={"namespace": "here", "versions": {"portus": runs}}, kubeconfig=Path("none"))
    Restore(deployment=deployment, dump=dump, safety=safety, repeat="make restore").run(stage.check)
    return stage.done


def test_the_present_state_is_backed_up_before_anything_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Stage())
    assert done == ["safety", "portus stops", f"load {GOOD.name} {SAFETY.name}", "portus starts", "check"]


def test_nothing_is_stopped_where_the_present_state_cannot_be_backed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(safety=JobError("job", 1, "disk full"))
    with pytest.raises(OpsError, match="nothing was changed") as told:
        _run(monkeypatch, stage)
    assert stage.done == ["safety"]
    assert f"DUMP={GOOD.name} SAFETY=no" in told.value.fix
    assert _run(monkeypatch, Stage(), safety=False)[0] == "portus stops"


def test_a_load_that_refuses_leaves_the_database_as_it_was_and_portus_running(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(ends=[JobError("job", 65, "its sums differ")])
    with pytest.raises(OpsError, match="before any data was changed"):
        _run(monkeypatch, stage)
    assert stage.done[-1] == "portus starts"


def test_a_load_that_is_no_longer_watched_leaves_portus_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()

    def unwatched(*_: Any) -> list[str]:
        stage.under_way = ["job"]
        raise OpsError("the cluster does not answer", "wait")

    monkeypatch.setattr(stage, "wait", unwatched)
    with pytest.raises(OpsError, match="Portus stays stopped"):
        _run(monkeypatch, stage)
    assert "portus starts" not in stage.done


@pytest.mark.parametrize("cut_off", [KeyboardInterrupt(), MaxRetryError(HTTPConnectionPool("here"), "/", None)], ids=type)
def test_a_load_that_may_have_begun_leaves_portus_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cut_off: BaseException
) -> None:
    stage = Stage(begins=cut_off)
    with pytest.raises(type(cut_off)):
        _run(monkeypatch, stage)
    assert "portus starts" not in stage.done
    said = capsys.readouterr().err
    assert "the load may have begun" in said
    assert f"DUMP={SAFETY.name}" in said


def test_a_restore_that_begins_while_the_present_state_is_backed_up_is_not_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()

    def take(*_: Any, **__: Any) -> Backup:
        stage.under_way = ["portus-restore-by-hand-x"]
        return SAFETY

    monkeypatch.setattr(stage, "take", take)
    with pytest.raises(OpsError, match="portus-restore-by-hand-x"):
        _run(monkeypatch, stage)
    assert stage.done == []


def test_a_stack_whose_last_deployment_did_not_reach_portus_is_deployed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outputs say what was wanted; a web server of another version would set the backup up anew."""
    stage = Stage(deployed="2.4")
    with pytest.raises(OpsError, match=r"the web server runs 2\.4, the stack's outputs name 2\.5") as told:
        _run(monkeypatch, stage)
    assert "make up STACK=mine" in told.value.fix
    assert stage.done == []
    assert "check" in _run(monkeypatch, Stage(deployed="2.5"))


def test_a_load_that_fails_half_way_leaves_portus_stopped_and_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(ends=[JobError("job", 1, "lost connection")])
    with pytest.raises(OpsError, match="Portus stays stopped") as told:
        _run(monkeypatch, stage)
    assert "portus starts" not in stage.done
    assert f"make restore DUMP={GOOD.name}" in told.value.fix
    assert f"make restore DUMP={SAFETY.name}" in told.value.fix


def test_a_repetition_keeps_the_state_before_the_first_try(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Stage(cut_off=BEGUN))
    assert done == ["portus stops", f"load {GOOD.name} {SAFETY.name}", "portus starts", "check"]


def test_portus_is_not_started_on_half_a_database_by_a_repetition_that_is_cut_off_early(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(cut_off=BEGUN, stopping=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        _run(monkeypatch, stage)
    assert stage.done == ["portus stops"]


def test_ctrl_c_before_the_load_puts_portus_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(stopping=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        _run(monkeypatch, stage)
    assert stage.done == ["safety", "portus stops", "portus starts"]


def test_one_ctrl_c_waits_for_the_load_and_two_leave_it_with_portus_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, Stage(ends=[KeyboardInterrupt(), None]))[-1] == "check"
    stage = Stage(ends=[KeyboardInterrupt(), KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        _run(monkeypatch, stage)
    assert "portus starts" not in stage.done
    said = capsys.readouterr().err
    assert "Portus stays stopped" in said
    assert f"DUMP={SAFETY.name}" in said


@pytest.mark.parametrize("dump", ["", "yesterday"])
def test_without_a_name_the_backups_are_listed(monkeypatch: pytest.MonkeyPatch, dump: str) -> None:
    stage = Stage()
    with pytest.raises(OpsError) as told:
        _run(monkeypatch, stage, dump)
    assert f"{GOOD.name}, {OLD.name}" in told.value.fix
    assert stage.done == []


@pytest.mark.parametrize(
    ("dump", "runs", "why"),
    [
        (GOOD.name, "2.4", r"is of Portus 2\.5, and this stack runs 2\.4, which cannot read it"),
        (OLD.name, "2.5", r"is of Portus 2\.4, and this stack runs 2\.5, which would initialize it"),
    ],
)
def test_a_backup_of_another_version_is_refused_where_that_would_lose_it(
    monkeypatch: pytest.MonkeyPatch, dump: str, runs: str, why: str
) -> None:
    stage = Stage()
    with pytest.raises(OpsError, match=why):
        _run(monkeypatch, stage, dump, runs=runs)
    assert stage.done == []


def test_an_older_backup_is_taken_by_the_version_that_migrates(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    older = Backup(name="20250101T020000Z", portus="2.3", bytes=1, tables={})
    monkeypatch.setattr(Stage, "listing", lambda *_: Listing(backups=(older,), cut_off=None))
    assert "check" in _run(monkeypatch, Stage(), older.name, runs="2.4")
    assert "its web server migrates it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("of", "runs", "told"),
    [("2.2", "2.2", ""), ("2.1", "2.2", ""), ("2.2", "2.1", ""), ("2.0", "2.2", "kubectl exec -n here deployment/portus -- /stack/rake")],
)
def test_what_2_0_to_2_2_need_is_reported_if_the_schema_is_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], of: str, runs: str, told: str
) -> None:
    older = Backup(name="20250101T020000Z", portus=of, bytes=1, tables={})
    monkeypatch.setattr(Stage, "listing", lambda *_: Listing(backups=(older,), cut_off=None))
    assert "check" in _run(monkeypatch, Stage(), older.name, runs=runs)
    said = capsys.readouterr().out
    assert told in said
    assert ("db:migrate" in said) is bool(told)


def test_two_restores_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(under_way=["portus-restore-by-hand-x"])
    with pytest.raises(OpsError, match="portus-restore-by-hand-x"):
        _run(monkeypatch, stage)
    assert stage.done == []


def test_a_listing_is_read_from_among_words_to_people() -> None:
    manifest = {"name": GOOD.name, "portus": "2.5", "database": "d", "server": "s", "schema": "1", "bytes": 4096, "sha256": "x"}
    lines = ["12:00:00 hello", json.dumps({**manifest, "tables": GOOD.tables}), json.dumps({"restore": GOOD.name, "before": SAFETY.name})]
    assert read(lines) == Listing(backups=(GOOD,), cut_off=BEGUN)
    assert read([]) == Listing(backups=(), cut_off=None)
    assert (GOOD.rows, GOOD.taken.isoformat()) == (5, "2026-01-02T02:00:00+00:00")


@pytest.mark.parametrize(("loads", "told"), [(["portus-restore-by-hand-x"], "goes on (Job portus-restore-by-hand-x)"), ([], "was cut off")])
def test_a_list_distinguishes_a_running_restore_from_an_interrupted_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loads: list[str], told: str
) -> None:
    stage = Stage(cut_off=BEGUN, under_way=loads)
    monkeypatch.setattr(Deployment, "jobs", stage)
    monkeypatch.setattr(operations, "listing", stage.listing)
    operations.backups("mine", Deployment(stack="mine", outputs={}, kubeconfig=Path("none")))
    said = capsys.readouterr().out
    assert told in said
    assert ("goes on" in said, "cut off" in said) == (bool(loads), not loads)
