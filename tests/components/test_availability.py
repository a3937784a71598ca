"""What keeps a stack answering while nodes and versions change."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from components.common.availability import FORGET_SECONDS
from tests.components import rendered as sections
from tests.network_evaluator import selects
from tests.recorder import STACKS, Program, Programs

COPIED = {"web", "registry", "edge"}
DEFAULT_PROGRESS_DEADLINE = 600
"""Kubernetes' own (apps/v1)."""


@pytest.fixture(params=STACKS)
def program(request: pytest.FixtureRequest, programs: Programs) -> Program:
    return programs[request.param]


def test_a_drain_takes_one_copy_at_a_time_and_is_never_blocked(program: Program) -> None:
    budgets = program.all("PodDisruptionBudget")
    hit = set()
    for budget in budgets:
        spec = budget.spec
        assert spec["maxUnavailable"] == 1
        assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        pods = [w.template["metadata"]["labels"] for w in program.workloads()]
        selected = [labels for labels in pods if selects(spec["selector"], labels)]
        assert len(selected) == 1
        hit.add(selected[0]["app.kubernetes.io/component"])
    assert hit == COPIED


def test_copies_are_kept_apart_without_needing_a_second_node(program: Program) -> None:
    for workload in program.workloads():
        component = workload.template["metadata"]["labels"]["app.kubernetes.io/component"]
        if component not in COPIED:
            assert "affinity" not in workload.pod
            continue
        (term,) = workload.pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
        assert term["podAffinityTerm"]["labelSelector"]["matchLabels"] == workload.spec["selector"]["matchLabels"]
        (spread,) = workload.pod["topologySpreadConstraints"]
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
        assert spread["labelSelector"]["matchLabels"] == workload.spec["selector"]["matchLabels"]


def test_a_rollout_is_given_up_only_after_the_startup_probe(program: Program) -> None:
    for deployment in program.all("Deployment"):
        for container in deployment.pod["containers"]:
            probe = container.get("startupProbe")
            if probe:
                longest = probe.get("initialDelaySeconds", 0) + probe["periodSeconds"] * probe["failureThreshold"]
                assert deployment.spec.get("progressDeadlineSeconds", DEFAULT_PROGRESS_DEADLINE) > longest + 60, deployment.name


def test_what_clients_connect_to_never_has_a_copy_less_while_it_rolls(program: Program) -> None:
    for name in ("portus-web", "edge-deployment"):
        spec = program.one("Deployment", name).spec
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert spec["minReadySeconds"] >= 3


def test_what_clients_connect_to_serves_on_until_every_node_has_forgotten_it(program: Program) -> None:
    for name in ("portus-web", "edge-deployment", "registry-deployment"):
        (container, *_) = program.one("Deployment", name).pod["containers"]
        seconds, *_ = re.findall(r"sleep\W+(\d+)", str(container["lifecycle"]["preStop"]["exec"]["command"]))
        assert int(seconds) >= FORGET_SECONDS, name


AUTOSCALED: dict[str, dict[str, Any]] = {
    "portus-web": {"portus": {"version": "2.5", "web": {"autoscaling": {"maxReplicas": 5}}}},
    "edge-deployment": {"exposure": {"kind": "load_balancer", "edge": {"autoscaling": {"maxReplicas": 5}}}},
    "registry-deployment": {
        "registry": {
            "autoscaling": {"maxReplicas": 5},
            "storage": {"driver": "filesystem", "existingClaim": {"name": "blobs", "accessModes": ["ReadWriteMany"]}},
        }
    },
}


@pytest.mark.parametrize("name", AUTOSCALED)
def test_an_autoscaler_decides_alone(name: str) -> None:
    made = sections.program(**AUTOSCALED[name])
    (autoscaler,) = made.all("HorizontalPodAutoscaler")
    deployment = made.one("Deployment", name)
    assert "replicas" not in deployment.spec
    assert autoscaler.spec == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.inputs["metadata"]["name"]},
        "minReplicas": 2,
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 75,
    }
    for container in deployment.pod["containers"]:
        assert container["resources"]["requests"]["cpu"], "per cent of nothing is nothing"


def test_an_autoscaled_registry_keeps_no_cache_of_its_own() -> None:
    """Of what another copy deletes it would know nothing."""
    assert "cache" not in _storage(sections.program(**AUTOSCALED["registry-deployment"]))
    assert "cache" in _storage(sections.program())


def _storage(made: Program) -> dict[str, Any]:
    return dict(yaml.safe_load(made.one("ConfigMap", "registry-config").inputs["data"]["config.yml"])["storage"])
