"""Nothing that lets clients push begins while a garbage collection deletes; one whose command was killed is finished first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ops.backup import commands as operations
from ops.check import checked
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.gc import guard
from ops.gc.guard import require_no_sweep
from ops.gc.job import NAME
from ops.gc.registry import Registry
from ops.kube.client import Kube
from tests.ops.api import serving

KINDS = {"/apis/batch/v1": ("Job", "jobs"), "/api/v1": ("Pod", "pods")}
JOB = f"/apis/batch/v1/namespaces/portus/jobs/{NAME}"
PODS = "/api/v1/namespaces/portus/pods"


@dataclass
class Cluster:
    """A cluster's API that knows one Job and its Pods; each look at the Job may change it, as time does."""

    kubeconfig: Path
    job: dict[str, Any] | None = None
    pods: list[dict[str, Any]] = field(default_factory=list)
    forbidden: bool = False
    ends_after: int = 10**9
    removed: bool = False

    def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if path in KINDS:
            kind, name = KINDS[path]
            return 200, {"resources": [{"name": name, "kind": kind, "namespaced": True}]}
        if self.forbidden:
            return 403, {"message": "jobs is forbidden", "reason": "Forbidden"}
        if path == PODS:
            return 200, {"items": self.pods}
        if path == JOB and method == "DELETE":
            self.job, self.pods, self.removed = None, [], True
            return 200, {}
        if path == JOB:
            self.ends_after -= 1
            if self.ends_after < 0 and self.job is not None:
                self.job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
                self.pods = [{**pod, "status": {"phase": "Succeeded"}} for pod in self.pods]
            return (200, self.job) if self.job is not None else (404, {"message": "not found"})
        return 200, {"gitVersion": "v1.34.4"}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "kubeconfig")

    for name, seconds in {"WAIT_SECONDS": 0.3, "OWN_SECONDS": 0.1}.items():
        monkeypatch.setattr(guard, name, seconds)
    monkeypatch.setattr("ops.kube.jobs.POLL_SECONDS", 0.02)
    with serving(tmp_path, lambda method, path: made.answer(method, path.partition("?")[0])):
        yield made


def _job(*, dry_run: bool = False) -> dict[str, Any]:
    spec = {"containers": [{"args": ["/blobs", *(["--dry-run"] if dry_run else []), "/etc/config.yml"]}]}
    return {"metadata": {"name": NAME, "creationTimestamp": "2026-11-30T10:00:00Z"}, "spec": {"template": {"spec": spec}}, "status": {}}


def _pod(phase: str = "Running", *, dry_run: bool = False) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": _job(dry_run=dry_run)["spec"]["template"]["spec"], "status": {"phase": phase}}


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Pods whose Redis was emptied."""
    found: list[str] = []
    registry = Registry(deployment={}, pods=(), config_path="", config={}, has_own_redis=True, redis_pods=("redis-0",))
    monkeypatch.setattr(guard, "registry_of", lambda *_: registry)
    monkeypatch.setattr(guard, "flush", lambda registry, _: found.extend(registry.redis_pods))
    return found


def _guarded(cluster: Cluster) -> None:
    require_no_sweep("prod", "portus", Kube(kubeconfig=cluster.kubeconfig))


def test_a_running_collection_is_reported_with_its_start_and_how_to_stop_it(cluster: Cluster) -> None:
    cluster.job, cluster.pods = _job(), [_pod()]
    with pytest.raises(OpsError) as raised:
        _guarded(cluster)
    assert "(Job registry-collection, since 2026-11-30T10:00:00Z)" in raised.value.problem
    assert "kubectl delete job -n portus registry-collection" in raised.value.fix
    assert not cluster.removed


def test_a_job_that_is_gone_counts_until_its_pod_has_ended(cluster: Cluster) -> None:
    cluster.pods = [_pod()]
    with pytest.raises(OpsError, match="deletes blobs"):
        _guarded(cluster)
    cluster.pods = [_pod("Failed")]
    _guarded(cluster)


def test_a_collection_that_ends_is_waited_for_and_finished(cluster: Cluster, flushed: list[str]) -> None:
    cluster.job, cluster.pods, cluster.ends_after = _job(), [_pod()], 3
    _guarded(cluster)
    assert flushed == ["redis-0"]
    assert cluster.removed


def test_one_that_its_own_command_clears_away_is_left_to_it(cluster: Cluster, flushed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.job, cluster.pods, cluster.ends_after = _job(), [_pod()], 3
    answer = cluster.answer

    def own(method: str, path: str) -> tuple[int, dict[str, Any]]:
        status, body = answer(method, path)
        if path == JOB and cluster.ends_after < -1:
            cluster.job, cluster.pods = None, []
        return status, body

    monkeypatch.setattr(cluster, "answer", own)
    _guarded(cluster)
    assert (flushed, cluster.removed) == ([], False)


@pytest.mark.parametrize(("job", "pods"), [(None, []), (_job(dry_run=True), [_pod(dry_run=True)])], ids=["none", "one that only tells"])
def test_nothing_is_waited_for_where_nothing_is_deleted(cluster: Cluster, job: dict[str, Any] | None, pods: list[dict[str, Any]]) -> None:
    cluster.job, cluster.pods = job, pods
    _guarded(cluster)
    assert cluster.job == job


def test_a_redis_that_is_not_the_stacks_is_flushed_by_hand_before_clients_push(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.job, cluster.ends_after = _job(), 0
    config = {"storage": {"cache": {"blobdescriptor": "redis"}}, "redis": {"addr": "redis.example.com:6379"}}
    monkeypatch.setattr(guard, "registry_of", lambda *_: Registry(deployment={}, pods=(), config_path="", config=config))
    with pytest.raises(OpsError, match=r"Redis redis\.example\.com:6379") as raised:
        _guarded(cluster)
    assert "kubectl delete job" in raised.value.fix
    assert not cluster.removed


def test_a_user_who_may_not_list_jobs_gets_a_note_and_goes_on(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.forbidden = True
    _guarded(cluster)
    assert "cannot be seen: jobs is forbidden" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["check", "restore"])
def test_check_and_restore_look_first(cluster: Cluster, verb: str) -> None:
    cluster.job, cluster.pods = _job(), [_pod()]
    deployment = Deployment(stack="prod", outputs={"namespace": "portus"}, kubeconfig=cluster.kubeconfig)
    with pytest.raises(OpsError, match="deletes blobs"):
        checked(deployment) if verb == "check" else operations.restore("prod", deployment, None, dump="x", safety=True)
