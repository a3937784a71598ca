"""Rules that hold for every Pod, Secret, ConfigMap and Job of every stack."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pulumi
import pytest

from components.common.jobs import INIT_ERROR
from lab.engine.plugins.kube.objects import without_zeros
from lab.render import recorder
from tests.recorder import ROOT, STACKS, Program, Programs, Registered, run_program, stack_configuration, texts

SECRET_VALUES = ("generated-password", "generated-private-key")
MAXIMUM_RESOURCES = 60


def _workload_ids(program: Program) -> list[Registered]:
    found = program.workloads()
    assert len(found) >= 4
    return found


def test_a_stack_has_at_most_sixty_resources(program: Program) -> None:
    assert len(program.resources) <= MAXIMUM_RESOURCES


def test_no_secret_is_in_clear_outside_a_secret(program: Program) -> None:
    for resource in program.resources:
        if resource.type == "kubernetes:core/v1:Secret" or not resource.type.startswith("kubernetes:"):
            continue
        shown = [text for text in texts(resource.inputs) if any(value in text for value in SECRET_VALUES)]
        encoded = [t for t in texts(resource.inputs) if any(base64.b64encode(v.encode()).decode()[:16] in t for v in SECRET_VALUES)]
        assert not shown, resource.name
        assert not encoded, resource.name


def test_each_value_of_a_secret_is_marked_secret(program: Program) -> None:
    found = program.all("Secret")
    assert found
    for resource in found:
        assert "data" in resource.secrets or {f"data.{key}" for key in resource.inputs["data"]} <= resource.secrets, resource.name


def test_no_container_gets_a_secret_as_a_plain_value(program: Program) -> None:
    for workload in _workload_ids(program):
        for container in workload.containers:
            for variable in container.get("env", []):
                assert not any(secret in variable.get("value", "") for secret in SECRET_VALUES), variable["name"]


def test_secrets_and_config_maps_are_immutable_and_auto_named(program: Program) -> None:
    """Save MariaDB's passwords, which change under a server that goes on running: it reads them at a first start only."""
    for resource in program.all("Secret") + program.all("ConfigMap"):
        assert resource.inputs.get("immutable", False) is (resource.name != "mariadb-credentials")
        assert "name" not in resource.inputs["metadata"]


def test_pods_have_no_service_links_no_token_and_a_seccomp_profile(program: Program) -> None:
    for workload in _workload_ids(program):
        pod = workload.pod
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_only_portus_images_are_spared_the_strict_hardening(program: Program) -> None:
    for workload in _workload_ids(program):
        for container in workload.containers:
            if "portus" in container["image"]:
                continue
            context = {**workload.pod["securityContext"], **container["securityContext"]}
            assert context["allowPrivilegeEscalation"] is False
            assert context["privileged"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["runAsNonRoot"] is True
            assert context["runAsUser"] > 10000


def test_each_container_has_requests_limits_and_a_termination_message(program: Program) -> None:
    for workload in _workload_ids(program):
        for container in workload.containers:
            for kind in ("requests", "limits"):
                assert set(container["resources"][kind]) == {"cpu", "memory", "ephemeral-storage"}
            assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_liveness_and_readiness_probes_differ(program: Program) -> None:
    for workload in _workload_ids(program):
        for container in workload.containers:
            if "livenessProbe" in container:
                assert container["livenessProbe"] != container["readinessProbe"]


def test_no_service_name_makes_variables_that_another_pod_reads(program: Program) -> None:
    names = {r.inputs["metadata"]["name"] for r in program.all("Service")}
    assert names.isdisjoint({"registry-storage", "registry-auth", "portus-db", "portus-ldap"})


def test_selectors_hold_nothing_that_ever_changes(program: Program) -> None:
    for workload in program.all("Deployment") + program.all("StatefulSet"):
        selector = workload.spec["selector"]["matchLabels"]
        assert set(selector) == {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
        assert selector.items() <= workload.template["metadata"]["labels"].items()


def test_every_service_selects_the_pods_of_one_workload(program: Program) -> None:
    for service in program.all("Service"):
        selector = service.spec["selector"]
        hits = [w for w in program.workloads() if selector.items() <= w.template["metadata"]["labels"].items()]
        assert len(hits) == 1, service.name
        ports = {p["name"] for c in hits[0].containers for p in c.get("ports", [])}
        assert {p["targetPort"] for p in service.spec["ports"]} <= ports


def test_issuer_realm_and_service_follow_from_the_hosts(program: Program) -> None:
    config = stack_configuration(program.stack)
    host = config["portus:host"]
    text = program.one("ConfigMap", "registry-config").inputs["data"]["config.yml"]
    assert f"issuer: {host}\n" in text
    assert f"realm: https://{host}" in text


def test_what_cannot_be_made_again_is_protected_and_claims_outlive_the_stack(programs: Programs) -> None:
    prod = programs["prod"]
    kept = [r for r in prod.resources if r.type.startswith(("random:", "tls:index/privateKey", "tls:index/selfSigned"))]
    claims = prod.all("PersistentVolumeClaim")
    assert {c.inputs["metadata"]["name"] for c in claims} == {"mariadb-data", "registry-data", "portus-backups"}
    assert all(r.protect for r in kept + claims)
    assert all(c.retained for c in claims)


def test_a_stack_that_lifts_the_protection_can_be_destroyed(programs: Programs) -> None:
    assert not [r.name for r in programs["lab"].resources if r.protect or r.retained]


def test_a_program_with_a_wrong_stack_file_registers_nothing() -> None:
    with pytest.raises(pulumi.RunError, match="portus:host"):
        run_program("prod", {**stack_configuration("prod"), "portus:host": "https://portus.example.com"})


def test_no_container_has_a_limit_of_processors_where_the_stack_switches_them_off() -> None:
    settings = stack_configuration("prod") | {"portus:workloads": '{"cpuLimits": false}'}
    for workload in run_program("prod", settings).workloads():
        for container in workload.containers:
            assert "cpu" not in container["resources"]["limits"], workload.name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]


def test_no_zero_value_is_sent_that_pulumis_own_plugin_would_drop(program: Program) -> None:
    """It would make a difference between a state of the lab's plugins and one of Pulumi's, and so replace the Jobs."""
    for resource in program.resources:
        if resource.manifest is not None:
            assert without_zeros(dict(resource.manifest.document)) == resource.manifest.document, resource.name


def test_every_resource_belongs_to_the_stack_but_the_provider_that_it_is_given(program: Program) -> None:
    on_top = {resource.type for resource in program.resources if not resource.parent}
    assert on_top == {"portus:index:PortusStack", "pulumi:providers:kubernetes"}


@pytest.mark.parametrize(("cluster", "kept"), [({"identifier": "prod"}, ""), ({}, "/home/alice/.kube/config")])
def test_the_state_keeps_no_path_of_a_machine_where_the_stack_file_names_the_cluster(
    cluster: dict[str, str], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner of a pipeline has the kubeconfig at another path, and must see no change."""
    monkeypatch.setenv("KUBECONFIG", "/home/alice/.kube/config")
    program = run_program("dev", stack_configuration("dev") | {"portus:cluster": json.dumps(cluster)})
    (provider,) = [each for each in program.resources if each.type == "pulumi:providers:kubernetes"]
    assert provider.inputs["kubeconfig"] == kept


@pytest.mark.parametrize("project", ["portus", "our-registry"])
def test_a_stack_file_works_in_a_project_of_any_name(project: str) -> None:
    program = recorder.run_program(ROOT, "lab", stack_configuration("lab"), preview=False, into=Program("lab"), project=project)
    assert program.all("Deployment")


def test_another_program_makes_the_stack_as_the_manual_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "develop" / "embedding.md").read_text(encoding="utf-8")
    (tmp_path / "__main__.py").write_text("\n".join(line[4:] for line in page.splitlines() if line.startswith("    ")), encoding="utf-8")
    program = recorder.run_program(tmp_path, "any", {}, preview=False, into=Program("any"))
    (stack,) = (each for each in program.resources if each.type == "portus:index:PortusStack")
    assert stack.name == "portus"
    assert {each.parent for each in program.resources if each.type == "portus:portus:Web"} == {"portus"}


# What waits for what, and for how long: nothing of a release starts on a database that it was not brought to.


PROVIDERS_OWN = 600
"""What the provider waits where nothing else is said (pulumi-kubernetes, ``timeoutSeconds``)."""


def _starting(program: Program, name: str) -> Registered:
    (found,) = [job for job in program.all("Job") if job.name.startswith(name)]
    return found


def test_a_release_backs_up_then_migrates_then_serves(program: Program) -> None:
    migration, web = _starting(program, "portus-migration-"), program.one("Deployment", "portus-web")
    if program.all("CronJob"):
        assert _starting(program, "backup-before-").name in migration.after
    assert "mariadb-server" in migration.after
    assert migration.name in web.after
    first = program.one("Job", "first-set-up-job")
    assert {"portus-web", "registry-deployment"} <= first.after
    for worker in (each for each in program.all("Deployment") if each.name == "worker-deployment"):
        assert "first-set-up-job" in worker.after


def test_the_registry_waits_for_its_own_resources_only(program: Program) -> None:
    """A database that is not fit never stands in the way of the registry's certificate or storage."""
    registry = program.one("Deployment", "registry-deployment")
    assert not [name for name in registry.after if name.startswith(("mariadb-", "portus-", "backup-"))]


def test_the_jobs_of_a_release_ignore_later_changes(program: Program) -> None:
    once = {job.name for job in program.all("Job") if job.ignored == ("spec",)}
    assert once == {job.name for job in program.all("Job") if job.name.startswith(("portus-migration-", "backup-before-"))}


def test_a_failed_job_is_replaced_and_the_job_of_a_release_never_runs_twice_at_once(program: Program) -> None:
    for job in program.all("Job"):
        assert INIT_ERROR in job.replaced_on, job.name
        assert job.deleted_first is (job.ignored == ("spec",)), job.name


def test_what_may_take_longer_is_waited_for_longer(program: Program) -> None:
    for workload in program.all("Job") + program.all("StatefulSet"):
        longest = workload.spec.get("activeDeadlineSeconds") or 0
        for container in workload.pod["containers"]:
            probe = container.get("startupProbe", {"periodSeconds": 0, "failureThreshold": 0})
            longest = max(longest, probe["periodSeconds"] * probe["failureThreshold"] + workload.pod["terminationGracePeriodSeconds"])
        assert int(workload.seconds.removesuffix("s") or PROVIDERS_OWN) >= longest, workload.name


def test_a_migration_is_never_cut_off(program: Program) -> None:
    """MariaDB cannot take back half of one."""
    assert _starting(program, "portus-migration-").pod["terminationGracePeriodSeconds"] >= 3600


@pytest.mark.parametrize("stack", STACKS)
def test_an_address_that_a_preview_does_not_give_is_unknown_and_not_left_out(stack: str) -> None:
    """Kubernetes refuses two host aliases without an address, so the preview of a changed port would fail."""
    aliases = [alias for made in run_program(stack, preview=True).workloads() for alias in made.pod.get("hostAliases", [])]
    assert {str(alias.get("ip")) for alias in aliases} == {"UNKNOWN"}
