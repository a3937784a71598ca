"""The policy pack: every stack of the project passes, each planted fault is found, and Pulumi gets every rule."""

from __future__ import annotations

import base64
import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ops.paths import ROOT
from policies import invariants
from policies.invariants import RULES, Resource
from tests.recorder import GENERATED, STACKS, Program
from tests.settings.corpus import sample_of
from tests.settings.test_samples import run_sample

ROUTED = ("gateway", "ingress", "registry_gcs", "complete")
"""Samples that are exposed in other ways, cache, and rotate."""


def _resources(program: Program) -> list[Resource]:
    return [
        Resource(type=each.type, name=each.name, props={**each.inputs, **GENERATED.get(each.type, {})}, protect=each.protect)
        for each in program.resources
    ]


@pytest.fixture(scope="module")
def prod(programs: dict[str, Program]) -> list[Resource]:
    return _resources(programs["prod"])


def _found(rule: str, resources: list[Resource]) -> list[str]:
    return [f"{each.resource.name}: {each.problem}" for each in RULES[rule](resources)]


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_of_the_project_passes(stack: str, programs: dict[str, Program]) -> None:
    resources = _resources(programs[stack])
    protects = stack in {"prod", "staging"}
    for rule in RULES:
        assert _found(rule, resources) == [] or (rule == "protected-data" and not protects)


@pytest.mark.parametrize("sample", ROUTED)
def test_another_exposure_and_a_rotated_secret_pass(sample: str) -> None:
    resources = _resources(run_sample(sample_of(sample)))
    for rule in RULES:
        if rule != "protected-data" or sample != "complete":  # it says protect: false
            assert _found(rule, resources) == []


def test_a_stack_that_protects_nothing_is_found(programs: dict[str, Program]) -> None:
    found = {line.partition(":")[0] for line in _found("protected-data", _resources(programs["dev"]))}
    assert {"mariadb-data", "registry-data", "credentials-administrator-1", "tls-key"} <= found


Change = Callable[[dict[str, Any]], None]


def _change(resources: list[Resource], name: str, change: Change) -> list[Resource]:
    """Return the resources with one changed."""
    assert name in {each.name for each in resources}
    return [replace(each, props=_changed(each.props, change)) if each.name == name else each for each in resources]


def _changed(props: Mapping[str, Any], change: Change) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(props))
    change(copy)
    return copy


def _image(image: str) -> Change:
    return lambda props: props["spec"]["template"]["spec"]["containers"][0].update(image=image)


def _data(key: str, text: str) -> Change:
    return lambda props: props["data"].update({key: text})


def _without_refusal(props: dict[str, Any]) -> None:
    props["data"]["haproxy.cfg"] = re.sub(r"(?m)^.*webhooks.*\n", "", props["data"]["haproxy.cfg"])


def _open(props: dict[str, Any]) -> None:
    del props["spec"]["ingress"][0]["from"]


def _let_addresses_in(props: dict[str, Any]) -> None:
    props["spec"]["ingress"][0]["from"].append({"ipBlock": {"cidr": "10.0.0.0/8"}})


FAULTS: list[tuple[str, str, Change, str]] = [
    ("pinned-images", "portus-web", _image("docker.io/opensuse/portus"), "portus-web: the image 'docker.io/opensuse/portus' must name"),
    ("pinned-images", "portus-web", _image("localhost:5000/portus:head"), "portus-web: the image 'localhost:5000/portus:head' must"),
    ("pinned-images", "portus-web", _image("localhost:5000/portus"), "portus-web: the image 'localhost:5000/portus' must"),
    ("no-secrets-in-config-maps", "edge-config", _data("x", "a generated-password"), "must not hold the secret of credentials-"),
    ("no-secrets-in-config-maps", "edge-config", _data("x", "-----BEGIN RSA PRIVATE KEY-----"), "key 'x' must not hold a private key"),
    ("no-secrets-in-config-maps", "edge-config", _data("x", "redis://user:hunter22@redis:6379"), "must not hold a URL with a password"),
    ("no-secrets-in-config-maps", "edge-config", _data("x", "password: hunter2hunter2"), "must not hold a password"),
    ("network-policies", "network-registry", _open, "registry-deployment: a NetworkPolicy must name who may reach its Pods"),
    ("events-stay-inside", "addresses-portus", lambda props: props["spec"].update(type="NodePort"), "addresses-portus: only the front"),
    ("events-stay-inside", "addresses-portus", lambda props: props["spec"].update(externalIPs=["192.0.2.1"]), "addresses-portus: only"),
    ("events-stay-inside", "edge-config", _without_refusal, "edge-config: the frontend 'https' must refuse /v2/webhooks"),
    ("events-stay-inside", "network-web", _let_addresses_in, "network-web: no address of outside may reach Portus"),
]


@pytest.mark.parametrize(("rule", "name", "change", "told"), FAULTS)
def test_a_planted_fault_is_found(rule: str, name: str, change: Change, told: str, prod: list[Resource]) -> None:
    found = _found(rule, _change(prod, name, change))
    assert any(told in line for line in found), found
    assert all(". fix: " in line for line in found)


def test_a_digest_is_a_version(prod: list[Resource]) -> None:
    assert _found("pinned-images", _change(prod, "portus-web", _image(f"portus@sha256:{'a' * 64}"))) == []


@pytest.mark.parametrize("name", ["registry-data", "credentials-database-root-1"])
def test_one_claim_or_secret_without_protection_is_found(name: str, prod: list[Resource]) -> None:
    found = _found("protected-data", [replace(each, protect=False) if each.name == name else each for each in prod])
    assert [line.partition(":")[0] for line in found] == [name]


def test_only_the_newest_version_of_a_secret_has_to_be_protected(prod: list[Resource]) -> None:
    (root,) = (each for each in prod if each.name == "credentials-database-root-1")
    newer = replace(root, name="credentials-database-root-10")
    older = replace(root, name="credentials-database-root-9", protect=False)
    assert _found("protected-data", [*prod, older, newer]) == []
    assert _found("protected-data", [*prod, older, replace(newer, protect=False)]) != []


def test_a_secret_of_the_stack_file_is_found_in_a_config_map(prod: list[Resource]) -> None:
    secret = Resource(
        type=invariants.SECRET,
        name="mail",
        props={"data": {"smtp_password": base64.b64encode(b"correct-horse").decode(), "user": "bm90aGluZw=="}},
    )
    found = _found("no-secrets-in-config-maps", [*_change(prod, "edge-config", _data("x", "say correct-horse twice")), secret])
    assert found == ["edge-config: its key 'x' must not hold the secret of mail. fix: put it into a Secret"]


def test_a_workload_without_a_policy_is_found(prod: list[Resource]) -> None:
    found = _found("network-policies", [each for each in prod if each.type != invariants.NETWORK_POLICY])
    assert {line.partition(":")[0] for line in found} >= {"portus-web", "registry-deployment", "mariadb-server", "backup-schedule"}
    assert any("the Ingress of its Pods" in line for line in found)
    assert any("the Egress of its Pods" in line for line in found)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (invariants.INGRESS, {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "portus-web", "port": {"number": 443}}}}]}}]}),
        (invariants.INGRESS, {"defaultBackend": {"service": {"name": "portus-web"}}}),
        ("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", {"rules": [{"backendRefs": [{"name": "portus-web", "port": 443}]}]}),
        ("kubernetes:gateway.networking.k8s.io/v1alpha2:TLSRoute", {"rules": [{"backendRefs": [{"name": "portus-web"}]}]}),
    ],
)
def test_a_route_past_the_front_proxy_is_found(kind: str, spec: dict[str, Any], prod: list[Resource]) -> None:
    web = Resource(
        type=invariants.SERVICE, name="web", props={"metadata": {"name": "portus-web"}, "spec": {"selector": {invariants.COMPONENT: "web"}}}
    )
    found = _found("events-stay-inside", [*prod, web, Resource(type=kind, name="route", props={"spec": spec})])
    assert found == ["route: must lead to the front proxy, not to the Service 'portus-web'. fix: use portus:exposure"]


def test_what_a_preview_does_not_know_is_no_fault() -> None:
    kinds = ("core/v1:ConfigMap", "core/v1:Secret", "core/v1:Service", "networking.k8s.io/v1:NetworkPolicy", "networking.k8s.io/v1:Ingress")
    for kind in kinds:
        for props in ({}, {"data": None, "spec": None}, {"data": {"haproxy.cfg": None}, "spec": {"podSelector": None, "rules": None}}):
            assert all(_found(rule, [Resource(type=f"kubernetes:{kind}", name="x", props=props)]) == [] for rule in RULES)


class _UnknownValueError(Exception):
    """As pulumi_policy's."""


class _Unknown(dict[str, Any]):
    """Pulumi's view of properties: a value that is not known yet raises."""

    def __getitem__(self, key: str) -> Any:
        if key == "later":
            raise _UnknownValueError
        return super().__getitem__(key)


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """What ``__main__`` hands to Pulumi, whose package is not in this environment."""
    packs: list[SimpleNamespace] = []
    fake = ModuleType("pulumi_policy")
    vars(fake).update(
        EnforcementLevel=SimpleNamespace(MANDATORY="mandatory"),
        PolicyPack=lambda **named: packs.append(SimpleNamespace(**named)),
        StackValidationPolicy=SimpleNamespace,
    )
    proxy = ModuleType("pulumi_policy.proxy")
    vars(proxy).update(UnknownValueError=_UnknownValueError)
    monkeypatch.setitem(sys.modules, "pulumi_policy", fake)
    monkeypatch.setitem(sys.modules, "pulumi_policy.proxy", proxy)
    monkeypatch.syspath_prepend(str(ROOT / "policies"))
    runpy.run_path(str(ROOT / "policies" / "__main__.py"), run_name="__main__")
    yield packs[0]
    sys.modules.pop("invariants", None)


def test_pulumi_gets_every_rule_as_mandatory(pack: SimpleNamespace) -> None:
    assert [policy.name for policy in pack.policies] == list(RULES)
    assert all(policy.description.endswith(".") for policy in pack.policies)
    assert pack.enforcement_level == "mandatory"


def test_a_violation_is_reported_with_its_resource(pack: SimpleNamespace) -> None:
    spec = {"containers": [_Unknown(image="portus:head", later=None)]}
    web = SimpleNamespace(
        resource_type="kubernetes:apps/v1:Deployment",
        name="web",
        urn="urn:web",
        props=_Unknown(later=None, spec={"template": {"spec": spec}}),
        opts=SimpleNamespace(protect=False),
    )
    reports: list[tuple[str, str]] = []
    (images,) = (policy for policy in pack.policies if policy.name == "pinned-images")
    images.validate(SimpleNamespace(resources=[web]), lambda text, urn: reports.append((text, urn)))
    assert reports == [("web: the image 'portus:head' must name a version or a digest. fix: set it in portus:images", "urn:web")]


def test_the_packs_files_name_what_it_has() -> None:
    folder = ROOT / "policies"
    relaxed = json.loads((folder / "development.json").read_text(encoding="utf-8"))
    assert set(relaxed) <= set(RULES)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert [rule for rule in RULES if f"`{rule}`" not in readme] == []
    assert Path(folder / "PulumiPolicy.yaml").is_file()
