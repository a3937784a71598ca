"""The RBAC manifest of the pipelines: it grants every kind that stacks register, and nothing else."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from ops import rights
from ops.paths import ROOT
from tests.recorder import STACKS, Program, run_program, stack_configuration
from tests.settings.corpus import SAMPLES, StackFile
from tests.settings.test_samples import run_sample

CHANGES = {"create", "get", "list", "watch", "patch", "delete"}
LOOKS = {"get", "list", "watch"}

ANOTHER_TEAMS = {("", "namespaces")}
"""A right over Namespaces cannot be kept to one when it is created: the page sets ``cluster.createNamespace: false``."""

AWAITED = {("", "pods"), ("", "endpoints"), ("", "events"), ("apps", "replicasets"), ("discovery.k8s.io", "endpointslices")}
"""What Pulumi's provider watches until a Deployment, Job, Service or Ingress is ready, and the doctor reads."""

BUILT_IN = {"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy"}

Resource = tuple[str, str]
"""API group and plural."""


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "examples" / "pipelines" / "rbac.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def granted(documents: list[dict[str, Any]]) -> dict[Resource, set[str]]:
    verbs: dict[Resource, set[str]] = defaultdict(set)
    for document in documents:
        for rule in document.get("rules", []):
            for group in rule["apiGroups"]:
                for plural in rule["resources"]:
                    verbs[group, plural] |= set(rule["verbs"])
    return verbs


@pytest.fixture(scope="module")
def registered(programs: dict[str, Program]) -> set[Resource]:
    passed_through = {"kind": "gateway", "parentRefs": [{"name": "public"}], "tlsMode": "Passthrough"}
    extra = run_program("dev", {**stack_configuration("dev"), "portus:exposure": json.dumps(passed_through)})
    ran = [*(programs[stack] for stack in STACKS), *(run_sample(StackFile(path)) for path in SAMPLES), extra]
    return {_resource(each.manifest.document) for program in ran for each in program.resources if each.manifest}


def _resource(document: Mapping[str, Any]) -> Resource:
    group = document["apiVersion"].rpartition("/")[0]
    kind = document["kind"].lower()
    return group, re.sub("y$", "ie", kind) + "s" if kind.endswith("y") else kind + ("es" if kind.endswith("s") else "s")


def test_every_kind_that_a_stack_registers_can_be_made_watched_changed_and_deleted_and_nothing_else(
    documents: list[dict[str, Any]], granted: dict[Resource, set[str]], registered: set[Resource]
) -> None:
    """One test, because it runs the program of every stack and sample."""
    changed = registered - ANOTHER_TEAMS
    assert {each: granted.get(each) for each in changed} == dict.fromkeys(changed, CHANGES)
    assert {each: verbs for each, verbs in granted.items() if each not in changed} == {
        **dict.fromkeys(AWAITED, LOOKS),
        ("", "namespaces"): {"get"},
        ("", "pods/exec"): {"get", "create"},
        ("", "pods/portforward"): {"get", "create"},
        ("apiextensions.k8s.io", "customresourcedefinitions"): {"get"},
        ("storage.k8s.io", "storageclasses"): {"get"},
    }
    (cluster,) = (document for document in documents if document["kind"] == "ClusterRole")
    looked_up = {f"{plural}.{group}" for group, plural in registered if group not in BUILT_IN}
    assert {name for rule in cluster["rules"] for name in rule.get("resourceNames", [])} == looked_up


def test_no_right_is_over_all_resources_or_over_rights(granted: dict[Resource, set[str]]) -> None:
    assert "*" not in {word for (group, plural), verbs in granted.items() for word in (group, plural, *verbs)}
    assert not [group for group, _ in granted if group == "rbac.authorization.k8s.io"]


def test_what_make_up_and_the_doctor_say_that_they_need_is_granted(granted: dict[Resource, set[str]]) -> None:
    for text in (rights.CHECK, rights.READ):
        named = {word.lower() for word in re.findall(r"\b[A-Z]\w+s\b|\bevents\b", text)} | {"namespaces"}
        readable = {plural for (_, plural), verbs in granted.items() if "get" in verbs and (plural == "namespaces" or "list" in verbs)}
        assert named <= readable
        assert "exec into" in text
        assert "create" in granted["", "pods/exec"]


def test_every_role_is_bound_to_the_deployer(documents: list[dict[str, Any]]) -> None:
    bound = {(each["roleRef"]["kind"], each["roleRef"]["name"]) for each in documents if each["kind"].endswith("Binding")}
    assert bound == {(each["kind"], each["metadata"]["name"]) for each in documents if each["kind"].endswith("Role")}
    for each in _bindings(documents):
        assert each["subjects"] == [{"kind": "ServiceAccount", "name": "portus-deployer", "namespace": "portus"}]


def _bindings(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (each for each in documents if each["kind"].endswith("Binding"))
