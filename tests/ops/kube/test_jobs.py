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
from ops.errors import OpsError
from ops.kube import jobs
from ops.kube.client import POD, Kind, Kube
from ops.kube.jobs import JobError, Jobs, Run

RUN = Run(name="portus-backup-by-hand-x", uid="u")


def _conditions(*kinds: str) -> dict[str, Any]:
    return {"metadata": {"name": RUN.name}, "status": {"conditions": [{"type": kind, "status": "True"} for kind in kinds]}}


def _pod(*states: tuple[str, Any], age: int = 0) -> dict[str, Any]:
    made = dt.datetime(2026, 1, 2, tzinfo=dt.UTC) - dt.timedelta(seconds=age)
    return {
        "metadata": {"name": f"pod-{age}", "namespace": "portus", "creationTimestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "spec": {"containers": [{"name": "publish"}]},
        "status": {"initContainerStatuses": [{"name": name, "state": state} for name, state in states]},
    }


class Played(Kube):
    """A cluster that answers with ``looks`` for the Job, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: list[Any], pods: list[Any]) -> None:
        super().__init__(kubeconfig=Path("none"))
        monkeypatch.setattr(jobs, "POLL_SECONDS", 0)
        self.__dict__.update(looks=looks, pods=pods, forgotten=[])

    forgotten: list[str]
    looks: list[Any]
    pods: list[Any]

    def get(self, *_: Any) -> Any:
        answer = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def list(self, kind: Kind, *_: Any, **__: Any) -> Any:
        return self.pods if kind == POD else []

    def delete(self, *words: Any, **_: Any) -> None:
        self.forgotten.append(words[-1])

    def core(self) -> Any:
        return SimpleNamespace(read_namespaced_pod_log=lambda pod, _, *, container: f"first\n{pod} {container}")

    def followed(self) -> Any:
        with step("following") as current:
            return Jobs(self, "portus").wait(RUN, current)


def test_the_last_containers_words_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [_conditions(), _conditions("SuccessCriteriaMet"), _conditions("SuccessCriteriaMet", "Complete")]
    assert Played(monkeypatch, looks, [_pod(("dump", {"running": {}}))]).followed() == ["first", "pod-0 publish"]


def test_a_failure_shows_code_and_output_of_the_container_that_failed_in_the_newest_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {"terminated": {"exitCode": 65}}
    old = _pod(("dump", {"terminated": {"exitCode": 1}}), age=60)
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
    with pytest.raises(OpsError, match="continues unobserved"):
        played.followed()
    assert played.forgotten == []


def test_a_pod_that_never_starts_is_reported_with_its_reason_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "START_SECONDS", 0.05)
    waiting = {"waiting": {"reason": "ImagePullBackOff"}}
    played = Played(monkeypatch, [_conditions()], [_pod(("dump", waiting))])
    with pytest.raises(JobError, match="did not start") as failed:
        played.followed()
    assert "ImagePullBackOff" in failed.value.excerpt
    assert played.forgotten == [RUN.name]
