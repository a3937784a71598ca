"""The rules and the linters of the rendered objects: what they find, that it is read, and that a waiver says why it may stay."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml

from lab.manifests.lint import BEGIN, END, WAIVERS, keep, report, score_table
from lab.manifests.linters import LINTERS, SCHEMAS, Programs, ensure_programs
from lab.manifests.objects import Objects
from lab.manifests.results import Result, Score, Waiver, failures, read_waivers, scores, unused
from lab.manifests.rules import RULES, TOOLS, judge
from lab.render.objects import SECRET, Manifest
from ops.console import step
from ops.errors import OpsError
from tests.recorder import STACKS, run_program, texts
from tests.settings.corpus import SAMPLES, StackFile
from tests.settings.test_samples import run_sample

WRONG = Path(__file__).parent / "wrong.yaml"

CHECKS = """
kube-linter: dangling-service deprecated-service-account-field docker-sock drop-net-raw-capability duplicate-env-var env-var-secret host-ipc
  host-network host-pid invalid-target-ports job-ttl-seconds-after-finished latest-tag liveness-port mismatching-selector no-anti-affinity
  no-extensions-v1beta no-read-only-root-fs non-existent-service-account pdb-max-unavailable pdb-min-available
  pdb-unhealthy-pod-eviction-policy privilege-escalation-container privileged-container readiness-port run-as-non-root sensitive-host-mounts
  ssh-port startup-port unsafe-sysctls unset-cpu-requirements unset-memory-requirements default-service-account no-liveness-probe
  no-readiness-probe non-isolated-pod dangling-ingress dangling-networkpolicy dangling-networkpolicypeer-podselector dangling-servicemonitor
  read-secret-from-env-var access-to-secrets wildcard-in-rules use-namespace restart-policy priority-class-name dnsconfig-options
  privileged-ports exposed-services
polaris: deploymentMissingReplicas priorityClassNotSet tagNotSpecified pullPolicyNotAlways readinessProbeMissing livenessProbeMissing
  metadataAndInstanceMismatched pdbDisruptionsIsZero missingPodDisruptionBudget topologySpreadConstraint hpaMaxAvailability
  hpaMinAvailability pdbMinAvailableGreaterThanHPAMinReplicas cpuRequestsMissing cpuLimitsMissing memoryRequestsMissing memoryLimitsMissing
  automountServiceAccountToken hostIPCSet hostPIDSet hostNetworkSet hostPathSet hostPortSet hostProcess linuxHardening missingNetworkPolicy
  notReadOnlyRootFilesystem privilegeEscalationAllowed procMount runAsRootAllowed runAsPrivileged dangerousCapabilities insecureCapabilities
  tlsSettingsMissing sensitiveContainerEnvVar sensitiveConfigmapContent clusterrolePodExecAttach rolePodExecAttach
  clusterrolebindingPodExecAttach rolebindingClusterRolePodExecAttach rolebindingRolePodExecAttach clusterrolebindingClusterAdmin
  rolebindingClusterAdminClusterRole rolebindingClusterAdminRole
kubesec: privileged capabilities-add-SYS_ADMIN system-anonymous hostNetwork hostPID hostIPC docker-sock proc-mount allowPrivilegeEscalation
  secret-env hostAliases seccomp-unconfined apparmor-unconfined serviceAccountName apparmor readOnlyRootFilesystem runAsNonRoot runAsUser
  runAsGroup capabilities-drop capabilities-drop-all cpu-requests cpu-limits memory-requests memory-limits seccomp
  automountServiceAccountToken hostUsers volumeClaim-accessModes volumeClaim-requests-storage
"""
"""The tools' checks of workloads. kube-linter: those on by default and others that fit; polaris: all; kubesec: all that score."""


@pytest.fixture(scope="module")
def stacks() -> dict[str, Objects]:
    """The objects of every stack and sample, as a render shows them."""
    previews = {stack: run_program(stack, preview=True) for stack in STACKS}
    previews |= {f"sample {path.stem}": run_sample(StackFile(path), preview=True) for path in SAMPLES}
    return {name: Objects([r.manifest for r in program.resources if r.manifest]) for name, program in previews.items()}


@pytest.fixture(scope="module")
def waivers() -> list[Waiver]:
    return read_waivers(WAIVERS)


@pytest.mark.parametrize("rule", RULES)
def test_every_stack_and_sample_keeps_the_rule(rule: str, stacks: dict[str, Objects], waivers: list[Waiver]) -> None:
    found = [
        f"{stack}: {each.of} {each.reference}: {each.problem}"
        for stack, objects in stacks.items()
        for each in failures(RULES[rule].results(objects), waivers)
    ]
    assert not found, RULES[rule].text


def test_each_waiver_of_a_rule_is_needed(stacks: dict[str, Objects], waivers: list[Waiver]) -> None:
    results = [result for objects in stacks.values() for result in judge(objects)]
    assert unused(waivers, results, TOOLS) == [], "what these excused is mended: take them out of waivers.yaml"


def test_the_rules_stand_for_every_check_of_the_three_tools() -> None:
    tools = {line.partition(":")[0]: line.partition(":")[2].split() for line in CHECKS.replace("\n  ", " ").strip().splitlines()}
    named = {f"{tool}/{check}" for tool, checks in tools.items() for check in checks}
    assert {check for rule in RULES.values() for check in rule.checks} == named


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_render_of_a_sample_shows_none_of_its_secrets(path: Path, stacks: dict[str, Objects]) -> None:
    text = "\n".join(text for each in stacks[f"sample {path.stem}"].manifests for text in texts(each.document))
    assert SECRET not in text, "a secret stands outside the Secrets"
    for secret in StackFile(path).secrets.values():
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode() not in text


@pytest.fixture(scope="module")
def wrong() -> Objects:
    """Objects that break every rule."""
    return Objects([Manifest(each) for each in yaml.safe_load_all(WRONG.read_text(encoding="utf-8"))])


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_what_breaks_it(rule: str, wrong: Objects) -> None:
    assert [result for result in RULES[rule].results(wrong) if result.problem]


# The linters.

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: s, namespace: n}
spec: {portz: []}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: n}
spec:
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec:
      containers: [{name: c, image: "example.com/c:1", securityContext: {privileged: true}}]
"""
CUSTOM = """
apiVersion: example.com/v1
kind: Unheard
metadata: {name: u, namespace: n}
"""

CUSTOM_GROUPS = {"cert-manager.io", "gateway.networking.k8s.io", "traefik.io", "monitoring.coreos.com"}
"""Whose objects Kubernetes itself has no schema of."""


@pytest.fixture(scope="module")
def programs() -> Programs:
    with step("linters") as current:
        return ensure_programs(current)


def _lint(name: str, programs: Programs, folder: Path, *texts: str) -> list[Result]:
    manifests = [Manifest(yaml.safe_load(text)) for text in texts]
    for each in manifests:
        (folder / each.file_name).write_text(each.to_yaml())
    return list(LINTERS[name](programs, folder, {each.file_name: each.reference for each in manifests}))


@pytest.mark.linters
def test_kube_score_tells_what_it_finds_and_what_is_fine(programs: Programs, tmp_path: Path) -> None:
    found = {each.check: each for each in _lint("kube-score", programs, tmp_path, DEPLOYMENT)}
    assert found["container-security-context-privileged"].problem == "c: The container is privileged"
    assert found["container-security-context-privileged"].reference == "Deployment/d"
    assert found["container-image-tag"].problem is None


@pytest.mark.linters
def test_kubernetes_validate_refuses_a_misspelt_field_and_tells_of_a_kind_without_a_schema(programs: Programs, tmp_path: Path) -> None:
    found = _lint("kubernetes-validate", programs, tmp_path, SERVICE, DEPLOYMENT, CUSTOM)
    assert {each.check for each in found} == {f"schema-{version}" for version in SCHEMAS}
    problems = {each.reference: each.problem for each in found if each.check == f"schema-{SCHEMAS[0]}"}
    assert "'portz' was unexpected" in (problems["Service/s"] or "")
    assert problems["Deployment/d"] is None
    assert "Couldn't find schema" in (problems["Unheard/u"] or "")


@pytest.mark.linters
def test_checkov_tells_what_it_finds_in_files_and_between_them(programs: Programs, tmp_path: Path) -> None:
    found = {each.check: each for each in _lint("checkov", programs, tmp_path, DEPLOYMENT)}
    assert found["CKV_K8S_16"].problem
    assert found["CKV2_K8S_6"].problem
    assert found["CKV_K8S_17"].problem is None
    assert {each.reference for each in found.values()} == {"Deployment/d"}


@pytest.mark.linters
def test_the_samples_keep_kubernetes_own_schemas(programs: Programs, stacks: dict[str, Objects], tmp_path: Path) -> None:
    for name, objects in stacks.items():
        own = [each for each in objects.manifests if each.document["apiVersion"].partition("/")[0] not in CUSTOM_GROUPS]
        folder = tmp_path / name
        folder.mkdir()
        results = _lint("kubernetes-validate", programs, folder, *(each.to_yaml() for each in own))
        assert [each for each in results if each.problem] == [], name


PASSED = Result("polaris", "a", "Deployment/x")
FOUND = Result("polaris", "b", "Deployment/x", "bad")
OTHER = Result("checkov", "C1", "Service/y", "bad")
WAIVER = Waiver("since", ("polaris/b",), ("Deployment/*",))


def test_a_waiver_covers_its_checks_on_its_objects_only() -> None:
    assert failures([PASSED, FOUND, OTHER], [WAIVER]) == [OTHER]
    assert failures([FOUND], [Waiver("since", ("polaris/b",), ("Deployment/z",))]) == [FOUND]
    assert failures([FOUND], [Waiver("since", ("checkov/b",), ("*",))]) == [FOUND]


def test_what_is_counted_is_passed_waived_and_failed_by_tool() -> None:
    assert scores([PASSED, FOUND, OTHER], [WAIVER]) == {"checkov": Score(0, 0, 1), "polaris": Score(1, 1, 0)}


def test_each_part_of_a_waiver_must_be_needed() -> None:
    waiver = Waiver("since", ("polaris/b", "polaris/gone"), ("Deployment/x", "Deployment/gone"))
    lines = unused([waiver], [FOUND], ["polaris"])
    assert [line.split(" (")[0] for line in lines] == ["polaris/gone on Deployment/x, Deployment/gone", "Deployment/gone"]
    assert unused([WAIVER], [FOUND], ["polaris"]) == []


def test_a_waiver_of_a_tool_that_did_not_run_is_left_in_peace() -> None:
    assert unused([Waiver("since", ("checkov/C9", "polaris/b"), ("Deployment/x", "Service/y"))], [FOUND], ["polaris"]) == []


def test_a_lint_fails_on_a_finding_and_on_an_idle_waiver() -> None:
    with pytest.raises(OpsError, match="1 findings") as raised:
        report({"lab": [OTHER]}, [])
    assert raised.value.excerpt == "lab: checkov/C1 Service/y: bad"
    with pytest.raises(OpsError, match="unused waivers"):
        report({"lab": [PASSED]}, [Waiver("since", ("checkov/C1",), ("Service/y",))])
    report({"lab": [PASSED, FOUND]}, [WAIVER])


@pytest.mark.parametrize("text", ["- reason: r\n  checks: [a/b]\n", "- reason: ''\n  checks: [a/b]\n  objects: ['*']\n", "- why: r\n"])
def test_a_waiver_without_reason_checks_or_objects_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "w.yaml").write_text(text)
    with pytest.raises(OpsError, match="waiver 1"):
        read_waivers(tmp_path / "w.yaml")


def test_the_score_replaces_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.paths.ROOT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}old\n{END}after\n")
    table = score_table({"lab": {"polaris": Score(1, 2, 3)}, "prod": {}})
    assert table.splitlines()[-1] == "| polaris | 1 / 2 / 3 |  |"
    keep(path, table)
    keep(path, table)
    assert path.read_text() == f"before\n{BEGIN}\n{table}\n{END}after\n"
