"""The linters themselves: that they run, and that what they find is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab.manifests.objects import Objects
from lab.manifests.programs import Programs, ensure_programs
from lab.manifests.results import Result
from lab.manifests.tools import LINTERS, SCHEMAS
from lab.render.objects import Manifest
from ops.console import step

pytestmark = pytest.mark.linters

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


def test_kube_score_tells_what_it_finds_and_what_is_fine(programs: Programs, tmp_path: Path) -> None:
    found = {each.check: each for each in _lint("kube-score", programs, tmp_path, DEPLOYMENT)}
    assert found["container-security-context-privileged"].problem == "c: The container is privileged"
    assert found["container-security-context-privileged"].reference == "Deployment/d"
    assert found["container-image-tag"].problem is None


def test_kubernetes_validate_refuses_a_misspelt_field_and_tells_of_a_kind_without_a_schema(programs: Programs, tmp_path: Path) -> None:
    found = _lint("kubernetes-validate", programs, tmp_path, SERVICE, DEPLOYMENT, CUSTOM)
    assert {each.check for each in found} == {f"schema-{version}" for version in SCHEMAS}
    problems = {each.reference: each.problem for each in found if each.check == f"schema-{SCHEMAS[0]}"}
    assert "'portz' was unexpected" in (problems["Service/s"] or "")
    assert problems["Deployment/d"] is None
    assert "Couldn't find schema" in (problems["Unheard/u"] or "")


def test_checkov_tells_what_it_finds_in_files_and_between_them(programs: Programs, tmp_path: Path) -> None:
    found = {each.check: each for each in _lint("checkov", programs, tmp_path, DEPLOYMENT)}
    assert found["CKV_K8S_16"].problem
    assert found["CKV2_K8S_6"].problem
    assert found["CKV_K8S_17"].problem is None
    assert {each.reference for each in found.values()} == {"Deployment/d"}


def test_the_samples_keep_kubernetes_own_schemas(programs: Programs, stacks: dict[str, Objects], tmp_path: Path) -> None:
    for name, objects in stacks.items():
        own = [each for each in objects.manifests if each.document["apiVersion"].partition("/")[0] not in CUSTOM_GROUPS]
        folder = tmp_path / name
        folder.mkdir()
        results = _lint("kubernetes-validate", programs, folder, *(each.to_yaml() for each in own))
        assert [each for each in results if each.problem] == [], name
