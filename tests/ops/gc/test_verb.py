"""What the cluster says on the way to a collection is one line, with what helps against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.images.servers import free_port
from ops.doctor.access import Access
from ops.doctor.facts import Expected
from ops.doctor.objects import connected
from ops.errors import LabError
from ops.gc.registry import registry_of
from ops.gc.run import Runner
from ops.gc.verb import told
from ops.kube.pods import Wire
from tests.ops.api import api


def _looked(kubeconfig: Path) -> LabError:
    with pytest.raises(LabError) as caught, told(kubeconfig, "portus"):
        registry_of(connected(kubeconfig, None), "portus", "prod")
    return caught.value


def test_a_cluster_that_is_away_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    absent = _looked(tmp_path / "absent")
    assert "cannot be reached" in absent.problem
    assert "KUBECONFIG=..." in absent.remedy
    with api(tmp_path) as made:
        made.status = 403
        refused = _looked(made.kubeconfig)
        assert refused.problem == f'the cluster of {made.kubeconfig} refuses: secrets is forbidden: User "me" cannot list'
        assert refused.remedy.startswith("Needed are, in namespace portus: get and list of Deployments")
        made.status = 422
        assert "Needed" not in _looked(made.kubeconfig).remedy
    text = made.kubeconfig.read_text(encoding="utf-8")
    made.kubeconfig.write_text(text.replace(text.split("127.0.0.1:")[1].split()[0], str(free_port())), encoding="utf-8")
    assert "cannot be reached" in _looked(made.kubeconfig).problem


def test_so_it_is_of_an_export(tmp_path: Path) -> None:
    expected = Expected(stack="prod", namespace="portus", portus_url="", registry="", portus_version="2.5", trust="")
    with pytest.raises(LabError, match="cannot be reached") as caught:
        Access.of(expected, tmp_path / "absent", None)
    assert "KUBECONFIG=..." in caught.value.remedy
    with api(tmp_path) as made:
        made.status = 403
        with pytest.raises(LabError, match="the API server refuses: secrets is forbidden") as caught:
            Access.of(expected, made.kubeconfig, None)
    assert caught.value.remedy.startswith("Needed are get of the namespace; in it list of Secrets")


def test_a_collection_that_runs_is_stopped_in_its_namespace(tmp_path: Path) -> None:
    with api(tmp_path) as made:
        wire = Wire(kubeconfig=made.kubeconfig, context=None, namespace="portus")
        cluster = connected(made.kubeconfig, None)
        cluster.get = lambda *_: {"status": {}}  # type: ignore[method-assign]
        with pytest.raises(LabError, match="a collection runs already") as caught:
            Runner(cluster=cluster, api=wire.api, namespace="portus", log=tmp_path / "log").clear()
    assert "kubectl delete job -n portus registry-collection" in caught.value.remedy
