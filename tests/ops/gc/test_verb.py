"""What the cluster says on the way to a collection is one line, with what helps against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.images.servers import free_port
from ops.doctor.access import Access
from ops.doctor.facts import Expected
from ops.errors import LabError
from ops.gc.job import Runner
from ops.gc.registry import registry_of
from ops.kube.client import Kube
from ops.kube.errors import cluster_errors
from ops.kube.jobs import Jobs
from tests.ops.api import api


def _looked(kubeconfig: Path) -> LabError:
    with pytest.raises(LabError) as caught, cluster_errors("gc", "get and list Deployments"):
        registry_of(Kube(kubeconfig=kubeconfig), "portus", "prod")
    return caught.value


def test_a_cluster_that_is_away_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    absent = _looked(tmp_path / "absent")
    assert "must exist" in absent.problem
    assert "KUBECONFIG=..." in absent.remedy
    with api(tmp_path) as made:
        made.status = 403
        refused = _looked(made.kubeconfig)
        assert refused.problem == 'the cluster refuses: secrets is forbidden: User "me" cannot list'
        assert refused.remedy.startswith("'gc' needs the rights to get and list Deployments")
        made.status = 422
        assert "needs the rights" not in _looked(made.kubeconfig).remedy
    text = made.kubeconfig.read_text(encoding="utf-8")
    made.kubeconfig.write_text(text.replace(text.split("127.0.0.1:")[1].split()[0], str(free_port())), encoding="utf-8")
    assert "the cluster does not answer" in _looked(made.kubeconfig).problem


def test_so_it_is_of_an_export(tmp_path: Path) -> None:
    expected = Expected(stack="prod", namespace="portus", portus_url="", registry="", portus_version="2.5", trust="")
    with pytest.raises(LabError, match="cannot be reached") as caught:
        Access.of(expected, Kube(kubeconfig=tmp_path / "absent"))
    assert "KUBECONFIG=..." in caught.value.remedy
    with api(tmp_path) as made:
        made.status = 403
        with pytest.raises(LabError, match="the API server refuses: secrets is forbidden") as caught:
            Access.of(expected, Kube(kubeconfig=made.kubeconfig))
    assert caught.value.remedy.startswith("grant the rights to get the namespace; list Secrets")


def test_a_collection_that_runs_is_stopped_in_its_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "find", lambda *_: {"status": {}})
    jobs = Jobs(Kube(kubeconfig=tmp_path / "absent"), "portus")
    with pytest.raises(LabError, match="a collection is already running") as caught:
        Runner(jobs=jobs, log=tmp_path / "log").clear()
    assert "kubectl delete job -n portus registry-collection" in caught.value.remedy
