"""How a Job is made of a CronJob's template and followed; the API server's answers are played."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client
from urllib3.exceptions import MaxRetryError, ProtocolError

from ops.console import step
from ops.deployment import Deployment
from ops.errors import LabError
from ops.kube import jobs
from ops.kube.jobs import JobError, Jobs, Run

RUN = Run(name="portus-backup-by-hand-x", uid="u")


def _conditions(*kinds: str) -> Any:
    conditions = [client.V1JobCondition(type=kind, status="True") for kind in kinds]
    return client.V1Job(status=client.V1JobStatus(conditions=conditions))


def _pod(*states: tuple[str, Any], age: int = 0) -> Any:
    def status(name: str, state: Any) -> Any:
        kinds = {"running": None, "terminated": None, "waiting": None} | state
        return SimpleNamespace(name=name, state=SimpleNamespace(**kinds))

    return SimpleNamespace(
        metadata=SimpleNamespace(name=f"pod-{age}", creation_timestamp=dt.datetime(2026, 1, 2, tzinfo=dt.UTC) - dt.timedelta(seconds=age)),
        spec=SimpleNamespace(containers=[SimpleNamespace(name="publish")]),
        status=SimpleNamespace(init_container_statuses=[status(*each) for each in states], container_statuses=[], conditions=[]),
    )


class Played(Jobs):
    """Jobs of an API server that answers with ``looks``, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: list[Any], pods: list[Any]) -> None:
        super().__init__(Deployment(stack="mine", outputs={"namespace": "portus"}, kubeconfig=Path("none")))
        monkeypatch.setattr(jobs, "POLL_SECONDS", 0)
        self.forgotten: list[str] = []

        def look(*_: Any) -> Any:
            answer = looks.pop(0) if len(looks) > 1 else looks[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        core = SimpleNamespace(
            list_namespaced_pod=lambda *_, **__: SimpleNamespace(items=pods),
            read_namespaced_pod_log=lambda pod, _, *, container: f"first\n{pod} {container}",
        )
        batch = SimpleNamespace(read_namespaced_job=look, delete_namespaced_job=lambda name, *_, **__: self.forgotten.append(name))
        self.__dict__.update(_core=core, _batch=batch)

    def followed(self) -> list[str]:
        with step("following") as current:
            return self.wait(RUN, current)


def test_the_last_containers_words_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [_conditions(), _conditions("SuccessCriteriaMet"), _conditions("SuccessCriteriaMet", "Complete")]
    assert Played(monkeypatch, looks, [_pod(("dump", {"running": {}}))]).followed() == ["first", "pod-0 publish"]


def test_a_failure_tells_code_and_words_of_the_container_that_failed_in_the_newest_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {"terminated": SimpleNamespace(exit_code=65)}
    old = _pod(("dump", {"terminated": SimpleNamespace(exit_code=1)}), age=60)
    with pytest.raises(JobError, match="ended with code 65") as failed:
        Played(monkeypatch, [_conditions("Failed")], [old, _pod(("dump", ended))]).followed()
    assert (failed.value.code, failed.value.excerpt) == (65, "first\npod-0 dump")


def test_an_api_server_that_restarts_is_waited_for_and_one_that_refuses_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    restarts: list[Any] = [ProtocolError("reset"), client.ApiException(status=503), _conditions("Complete")]
    assert Played(monkeypatch, restarts, [_pod()]).followed()
    with pytest.raises(client.ApiException):
        Played(monkeypatch, [client.ApiException(status=403)], []).followed()


def test_a_cluster_that_stays_silent_leaves_the_job_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SILENCE_SECONDS", 0.05)
    played = Played(monkeypatch, [MaxRetryError(None, "/", None)], [])  # type: ignore[arg-type]
    with pytest.raises(LabError, match="goes on without being watched"):
        played.followed()
    assert played.forgotten == []


def test_a_pod_that_never_starts_is_told_with_its_reason_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "START_SECONDS", 0.05)
    waiting = {"waiting": SimpleNamespace(message=None, reason="ImagePullBackOff")}
    played = Played(monkeypatch, [_conditions()], [_pod(("dump", waiting))])
    with pytest.raises(JobError, match="did not start") as failed:
        played.followed()
    assert "ImagePullBackOff" in failed.value.excerpt
    assert played.forgotten == [RUN.name]
