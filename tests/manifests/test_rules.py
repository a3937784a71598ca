"""The rules of kube-linter, kubesec and polaris hold for every stack and sample, or a waiver says why not."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml

from lab.manifests.lint import WAIVERS
from lab.manifests.objects import Objects
from lab.manifests.results import Waiver, failures, read_waivers, unused
from lab.manifests.rules import RULES, TOOLS, judge
from lab.render.objects import SECRET, Manifest
from tests.recorder import texts
from tests.settings.corpus import SAMPLES, StackFile

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
def waivers() -> list[Waiver]:
    return read_waivers(WAIVERS)


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str, stacks: dict[str, Objects], waivers: list[Waiver]) -> None:
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
