"""What is told of a cluster that cannot be used, before anything is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.images.servers import free_port
from ops.errors import LabError
from ops.kube.client import require_cluster
from tests.ops.api import kubeconfig


def _silent(folder: Path) -> Path:
    return kubeconfig(folder, f"https://127.0.0.1:{free_port()}")


def test_a_missing_kubeconfig_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"the kubeconfig .*/absent must exist"):
        require_cluster(tmp_path / "absent", None)


def test_a_missing_context_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="it must have the context 'prod'"):
        require_cluster(_silent(tmp_path), "prod")


def test_a_cluster_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not answer") as raised:
        require_cluster(_silent(tmp_path), None)
    assert "\n" not in raised.value.problem
