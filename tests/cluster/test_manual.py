"""The pages for who is on call, on the deployed stack: every whole command that the cluster answers is run as it is written there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from lab import cluster
from ops import paths
from ops.check import check
from ops.console import step
from tests.cluster.conftest import Deployed, LabStacks
from tests.pages import whole_commands

pytestmark = pytest.mark.cluster

ELSEWHERE = {
    "--previous": "no container of a healthy stack has ended",
    "cronjob": "tests/cluster/test_backup.py; the lab's own stack has no backups",
    "delete pvc": "tests/cluster/test_lost.py",
    "scale ": "tests/cluster/test_doctor.py",
    "hold": "tests/cluster/test_lost.py",
    "apply -f": "tests/cluster/test_lost.py",
    "certificate": "tests/cluster/test_cert_manager.py",
    "servicemonitors": "the lab has no Prometheus operator",
    "top pods": "the lab has no metrics server",
    "/dev/tcp/": "servers of others",
    "login.example.com": "servers of others",
    "config get-contexts": "the reader's own kubeconfig",
    "get job registry-collection": "tests/cluster/test_garbage_collection.py",
    "make_admin": "tests/cluster/test_push_and_pull.py",
}
"""Part of a command that is not run here -> who runs it, or why nobody does."""


COMMANDS = whole_commands(r"^(kubectl (-n portus|get|describe) .|curl |echo \| openssl )", gap=r"<|\.\.\.|-it ", elsewhere=ELSEWHERE)
"""Command of kubectl, curl or openssl -> its page."""


def test_the_pages_have_commands() -> None:
    assert len(COMMANDS) > 35
    assert len(set(COMMANDS.values())) > 6


def _restarted(command: str, namespace: str) -> None:
    """Wait until what a command restarts is there again."""
    for workload in re.findall(r"deployment/[a-z-]+", command):
        cluster.kubectl("-n", namespace, "rollout", "status", workload, "--timeout=180s")


@pytest.fixture(scope="module")
def lab(lab_stack: LabStacks) -> Iterator[Deployed]:
    deployed = lab_stack("lab")
    yield deployed
    with step("pushing after every command") as current:
        check(deployed.deployment, current)


@pytest.mark.parametrize("command", COMMANDS, ids=[f"{page}: {command}" for command, page in COMMANDS.items()])
def test_a_command_of_a_page_runs(command: str, lab: Deployed) -> None:
    """A search at its end may find nothing on a healthy stack; what it searches must be there."""
    own = {
        r"-n portus\b": f"-n {lab.deployment.namespace}",
        r"portus\.example\.com": lab.deployment.hosts[0],
        r"registry\.example\.com": lab.deployment.registry,
        r"^curl": f"curl --silent --show-error --fail --cacert {paths.STATE / 'ca-lab.crt'}",
    }
    for written, ours in own.items():
        command = re.sub(written, ours, command)
    (paths.STATE / "ca-lab.crt").write_text(str(lab.deployment.outputs["ca_certificate"]), encoding="utf-8")
    path = f"{cluster.kubectl_program().parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command.partition(' | grep')[0]}"],
        env={**os.environ, "PATH": path, "KUBECONFIG": str(lab.stack.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if " rollout restart " in command:
        _restarted(command, lab.deployment.namespace)
