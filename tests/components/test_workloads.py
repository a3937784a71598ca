"""What a stack file adds to Pods reaches them, and contradicts nothing that this program makes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from components.common.availability import FORGET_SECONDS
from components.settings.rules.workloads import RESERVED
from tests.components import rendered as sections
from tests.network_evaluator import selects
from tests.recorder import STACKS, Program, Programs, Registered, run_program, stack_configuration
from tests.settings.corpus import SAMPLES, StackFile, sample_of
from tests.settings.test_samples import run_sample


def _programs(programs: Mapping[str, Program]) -> list[Program]:
    return [*programs.values(), *(run_sample(StackFile(path)) for path in SAMPLES)]


def _component(workload: Registered) -> str:
    return str(workload.template["metadata"]["labels"]["app.kubernetes.io/component"])


def test_the_reserved_names_and_paths_are_what_is_rendered(programs: Programs) -> None:
    """A variable or mount of this program that the rules do not know could be overridden by a stack file."""
    seen = 0
    for program in _programs(programs):
        for workload in program.workloads():
            reserved = RESERVED.get(_component(workload))
            if reserved is None:
                continue
            container = workload.pod["containers"][0]
            for variable in container.get("env", []):
                if variable["name"] not in {"TZ", "EXAMPLE_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}:  # of the sample
                    assert reserved.takes(variable["name"]), variable["name"]
                    seen += 1
            for mount in container["volumeMounts"]:
                if not mount["name"].startswith("extra-"):
                    assert any(mount["mountPath"] == path or mount["mountPath"].startswith(f"{path}/") for path in reserved.paths), mount[
                        "mountPath"
                    ]
                    seen += 1
    assert seen > 100


@pytest.fixture(scope="module")
def complete() -> Program:
    return run_sample(sample_of("complete"))


@pytest.mark.parametrize("component", ["web", "worker", "registry", "database", "edge"])
def test_additions_reach_the_workloads_pods(component: str, complete: Program) -> None:
    workload = next(w for w in complete.workloads() if _component(w) == component)
    metadata, pod = workload.template["metadata"], workload.pod
    container = pod["containers"][0]
    assert metadata["labels"]["team"] == "registry"
    assert metadata["annotations"] == {"example.com/note": "Anything at all."}
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    toleration = {"key": "dedicated", "operator": "Equal", "value": "registry", "effect": "NoExecute", "tolerationSeconds": 60}
    assert pod["tolerations"] == [toleration, toleration]  # its own after everybody's
    assert pod["priorityClassName"] == "important"
    assert pod["runtimeClassName"] == "gvisor"
    assert pod["dnsConfig"]["options"] == [{"name": "ndots", "value": "1"}]
    assert "nodeAffinity" in pod["affinity"]
    selector = {"matchLabels": workload.spec["selector"]["matchLabels"]}
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
    assert pod["topologySpreadConstraints"] == [spread]
    assert {"name": "TZ", "value": "Europe/Berlin"} in container["env"]
    assert {"name": "extra-certificates", "configMap": {"name": "company-ca"}} in pod["volumes"]
    assert {"name": "extra-certificates", "mountPath": "/etc/company", "readOnly": True} in container["volumeMounts"]


def test_what_all_pods_are_given_reaches_the_jobs_too(complete: Program) -> None:
    job = next(w for w in complete.workloads() if w.type.endswith(":Job"))
    assert job.pod["priorityClassName"] == "important"
    assert job.template["metadata"]["labels"]["team"] == "registry"
    assert "env" not in job.pod or {"name": "TZ"} not in job.pod["env"]


def test_additions_reach_the_pods_of_backups_and_restores(complete: Program) -> None:
    found = [w for w in complete.workloads() if _component(w) == "backup"]
    before, restore, schedule = sorted(job.name for job in found)
    assert (before.startswith("backup-before-2.5"), restore, schedule) == (True, "backup-restore", "backup-schedule")
    for job in found:
        assert job.template["metadata"]["annotations"] == {"example.com/note": "Anything at all."}
        assert job.pod["runtimeClassName"] == "gvisor"
        assert len(job.pod["tolerations"]) == 2  # its own after everybody's


def test_a_service_account_is_made_only_for_annotations_and_its_token_is_never_mounted(complete: Program) -> None:
    made = {account.inputs["metadata"]["name"]: account.inputs for account in complete.all("ServiceAccount")}
    assert {"portus-web", "portus-edge"} <= set(made)
    assert "portus-worker" not in made
    assert all(account["automountServiceAccountToken"] is False for account in made.values())
    accounts = {_component(w): w.pod.get("serviceAccountName") for w in complete.workloads()}
    assert accounts["web"] == "portus-web"
    assert accounts["worker"] == "portus-worker-of-the-platform"
    assert accounts["database"] is None
    assert accounts["bootstrap"] is None


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_added_if_nothing_is_set(stack: str, programs: Programs) -> None:
    assert not programs[stack].all("ServiceAccount")
    for workload in programs[stack].workloads():
        assert "annotations" not in workload.template["metadata"]
        assert not {"tolerations", "priorityClassName", "dnsConfig", "serviceAccountName"} & workload.pod.keys()


@pytest.mark.parametrize("stack", STACKS)
def test_pods_run_on_linux_and_published_images_of_portus_on_amd64(stack: str, programs: Programs) -> None:
    """Of a mixed cluster's other nodes the kubelet would answer with an image that it cannot run."""
    found = [(workload, workload.pod["nodeSelector"]) for workload in programs[stack].workloads()]
    assert {selector["kubernetes.io/os"] for _, selector in found} == {"linux"}
    for workload, selector in found:
        if any(re.search(r"/opensuse/portus:", container["image"]) for container in workload.containers):
            assert selector["kubernetes.io/arch"] == "amd64", workload.name
    others = {_component(workload) for workload, selector in found if "kubernetes.io/arch" not in selector}
    assert {"registry", "edge"} <= others


def test_the_nodes_of_each_workload_are_the_stack_files_to_choose() -> None:
    program = _changed("dev", workloads={"all": {"nodeSelector": {"kubernetes.io/arch": "arm64"}}, "web": {"nodeSelector": {"zone": "a"}}})
    selectors = {_component(workload): workload.pod["nodeSelector"] for workload in program.workloads()}
    assert selectors["web"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64", "zone": "a"}
    assert selectors["registry"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}


def test_your_own_image_runs_on_every_architecture_that_it_is_built_for() -> None:
    program = _changed("dev", images={"portus": "registry.example.com/portus:2.5"})
    assert all(workload.pod["nodeSelector"] == {"kubernetes.io/os": "linux"} for workload in program.workloads())


def _changed(stack: str, **sections: Any) -> Program:
    before = stack_configuration(stack)
    merged = {f"portus:{name}": json.dumps({**json.loads(before.get(f"portus:{name}", "{}")), **value}) for name, value in sections.items()}
    return run_program(stack, {**before, **merged})


def test_a_mirror_a_digest_and_a_pull_secret_reach_every_pod_jobs_included() -> None:
    digest = "sha256:" + "ab" * 32
    program = _changed(
        "dev",
        images={
            "mirror": "mirror.example.com:5000/docker",
            "pullSecrets": ["mirror-login"],
            "pullPolicy": "Always",
            "mariadb": f"mirror.example.com:5000/docker/library/mariadb:10.11.14@{digest}",
        },
    )
    assert any(workload.type.endswith(":Job") for workload in program.workloads())
    for workload in program.workloads():
        assert workload.pod["imagePullSecrets"] == [{"name": "mirror-login"}]
        for container in workload.containers:
            assert container["image"].startswith("mirror.example.com:5000/docker/")
            assert container["imagePullPolicy"] == "Always"
    database = next(w for w in program.workloads() if _component(w) == "database")
    assert database.pod["containers"][0]["image"].endswith(f"@{digest}")


def test_limits_of_processors_alone_can_be_dropped() -> None:
    for workload in _changed("dev", workloads={"cpuLimits": False}).workloads():
        for container in workload.containers:
            assert container["resources"]["limits"].keys() == {"memory", "ephemeral-storage"}
            assert container["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}


# What keeps a stack answering while nodes and versions change.


COPIED = {"web", "registry", "edge"}
DEFAULT_PROGRESS_DEADLINE = 600
"""Kubernetes' own (apps/v1)."""


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


def _spec_of_job(job: Registered) -> dict[str, Any]:
    return dict(job.spec["jobTemplate"]["spec"]) if job.type.endswith(":CronJob") else job.spec


def test_a_container_is_restarted_only_after_a_minute_without_an_answer(programs: Programs) -> None:
    """A restart takes longer than most pauses, and the cache of the registry loses what it holds."""
    seen = set()
    for program in _programs(programs):
        for workload in program.workloads():
            for container in workload.pod["containers"]:
                if probe := container.get("livenessProbe"):
                    assert probe["periodSeconds"] * probe["failureThreshold"] >= 60, workload.name
                    seen.add(container["name"])
    assert seen == {"web", "worker", "registry", "redis", "mariadb", "haproxy"}


def test_a_job_is_tried_again_when_a_node_takes_its_pod_away(programs: Programs) -> None:
    jobs = [job for program in _programs(programs) for kind in ("Job", "CronJob") for job in program.all(kind)]
    assert len({job.name for job in jobs}) > 5
    assert [job.name for job in jobs if _spec_of_job(job)["backoffLimit"] < 1] == []


def test_few_old_versions_of_a_deployment_are_kept_because_their_secrets_are_gone(program: Program) -> None:
    assert {each.spec["revisionHistoryLimit"] for each in program.all("Deployment")} <= {1, 2}


def test_what_clients_connect_to_never_has_a_copy_less_during_a_rollout(program: Program) -> None:
    for name in ("portus-web", "edge-deployment"):
        spec = program.one("Deployment", name).spec
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert spec["minReadySeconds"] >= 3


def test_what_clients_connect_to_serves_until_every_node_has_removed_it(program: Program) -> None:
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
