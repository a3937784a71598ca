"""Exactly the connections of the table are allowed, for every stack, over all pairs of ends and every port that one of them has."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.network_evaluator import Endpoint, allowed, selects
from tests.recorder import STACKS, Program, Programs, Registered, run_program, stack_configuration
from tests.settings import authority

PORTS = (22, 53, 80, 443, 3000, 3306, 5000, 5001, 6443, 8080, 8404, 8443, 10250)
"""Every port that something in the stack listens on, and some that nothing may reach."""

BOTH = ("web", "worker")
PUMA = {
    *((user, "database", 3306) for user in (*BOTH, "bootstrap", "backup")),
    *((user, "web", 3000) for user in (*BOTH, "bootstrap", "registry", "edge")),
    *((user, "registry", 5000) for user in (*BOTH, "bootstrap", "edge")),
}
APACHE = {
    *((user, "database", 3306) for user in ("web", "bootstrap", "backup")),
    *((user, "web", 443) for user in ("web", "bootstrap", "edge")),
    ("registry", "web", 80),
    *((user, "registry", 5000) for user in ("web", "bootstrap", "edge")),
}
OUTSIDE = {(client, "edge", port) for client in ("internet", "neighbour", "stranger", "dns") for port in (8443, 8080)}
INSIDERS = ("database", "web", "worker", "bootstrap", "registry", "edge", "backup")


def _ends(program: Program) -> dict[str, Endpoint]:
    """Return the stack's Pods, and what stands around them."""
    found = {}
    namespace = program.workloads()[0].inputs["metadata"]["namespace"]
    for workload in program.workloads():
        end = _end(workload)
        found[end.name] = end
    return {
        **found,
        "stranger": Endpoint(name="stranger", namespace=namespace, labels={"app.kubernetes.io/component": "web"}),
        "neighbour": Endpoint(name="neighbour", namespace="elsewhere", labels=found["web"].labels),
        "dns": Endpoint(name="dns", namespace="kube-system", labels={"k8s-app": "kube-dns"}),
        "internet": Endpoint(name="internet"),
    }


def _end(workload: Registered) -> Endpoint:
    labels = workload.template["metadata"]["labels"]
    return Endpoint(name=labels["app.kubernetes.io/component"], namespace=workload.inputs["metadata"]["namespace"], labels=labels)


def _policies(program: Program) -> list[Mapping[str, Any]]:
    return [policy.inputs for policy in program.all("NetworkPolicy")]


def _allowed(program: Program, protocol: str = "TCP") -> set[tuple[str, str, int]]:
    ends, policies = _ends(program), _policies(program)
    return {
        (source, target, port)
        for (source, target), port in itertools.product(itertools.product(ends, ends), PORTS)
        if (source in INSIDERS or target in INSIDERS) and allowed(policies, ends[source], ends[target], port, protocol)
    }


def _expected(program: Program) -> set[tuple[str, str, int]]:
    ends = _ends(program)
    table = (PUMA if "worker" in ends else APACHE) | OUTSIDE | {(pod, "dns", 53) for pod in INSIDERS}
    if any(
        policy["spec"]["podSelector"] == {} for policy in _policies(program)
    ):  # the namespace is the stack's own: nobody in it is spared
        table -= {entry for entry in OUTSIDE if entry[0] == "stranger"}
    return {entry for entry in table if entry[0] in ends and entry[1] in ends}


@pytest.mark.parametrize("stack", STACKS)
def test_exactly_the_flows_of_the_table_are_allowed(stack: str, programs: Programs) -> None:
    assert _allowed(programs[stack]) == _expected(programs[stack])
    ends = _ends(programs[stack])
    assert _allowed(programs[stack], "UDP") == {(pod, "dns", 53) for pod in INSIDERS if pod in ends}


@pytest.mark.parametrize("stack", STACKS)
def test_every_policy_selects_a_pod_and_every_pod_is_denied_by_default(stack: str, programs: Programs) -> None:
    pods = [end.labels for name, end in _ends(programs[stack]).items() if name in INSIDERS]
    for policy in _policies(programs[stack]):
        assert any(selects(policy["spec"]["podSelector"], labels) for labels in pods), policy
    nothing = {name: end for name, end in _ends(programs[stack]).items() if name in INSIDERS}
    default = [policy for policy in _policies(programs[stack]) if "ingress" not in policy["spec"]]
    assert not [name for name, end in nothing.items() if allowed(default, Endpoint(name="internet"), end, 443)]


@pytest.mark.parametrize("stack", STACKS)
def test_without_backups_the_database_has_no_backup_account(stack: str, programs: Programs) -> None:
    ends, policies = _ends(programs[stack]), _policies(programs[stack])
    labels = {**ends["web"].labels, "app.kubernetes.io/component": "backup"}
    backup = Endpoint(name="backup", namespace=ends["web"].namespace, labels=labels)
    assert allowed(policies, backup, ends["database"], 3306) == ("backup" in ends)


def test_another_teams_pod_in_a_shared_namespace_is_left_alone(programs: Programs) -> None:
    ends, policies = _ends(programs["prod"]), _policies(programs["prod"])
    assert allowed(policies, ends["neighbour"], ends["stranger"], 443)
    assert allowed(policies, ends["stranger"], ends["internet"], 443)
    assert not allowed(policies, ends["stranger"], ends["web"], 3000)


def test_what_answers_a_challenge_for_cert_manager_is_left_alone() -> None:
    tls = {"source": "cert_manager", "certificate": {"issuerRef": {"name": "le"}}, "caCertificate": authority.made("ca")}
    program = run_program("dev", {**stack_configuration("dev"), "portus:tls": json.dumps(tls)})
    ends, policies = _ends(program), _policies(program)
    assert allowed(policies, ends["neighbour"], ends["stranger"], 8089)
    assert not allowed(policies, ends["neighbour"], ends["web"], 3000)


def _with(stack: str, **sections: Any) -> Program:
    said = {f"portus:{name}": value for name, value in sections.items()}
    before = stack_configuration(stack)
    merged = {key: json.dumps({**json.loads(before[key]), **value} if key in before else value) for key, value in said.items()}
    return run_program(stack, {**before, **merged})


def test_one_host_leads_portus_own_pods_through_the_front_proxy() -> None:
    configuration = stack_configuration("dev")
    del configuration["portus:registry"]
    program = run_program("dev", configuration)
    flows = _allowed(program)
    assert {(user, "edge", 8443) for user in (*BOTH, "bootstrap")} <= flows
    assert ("worker", "registry", 5000) not in flows
    assert ("registry", "web", 3000) in flows


def test_destinations_outside_are_open_by_their_port_and_networks_alone() -> None:
    config = {
        "ldap": {"enabled": True, "hostname": "10.1.2.3", "port": 636, "base": "dc=example", "encryption": {"method": "simple_tls"}},
        "signup": {"enabled": False},
        "security": {"clair": {"server": "http://clair.example.com:6060"}},
    }
    destinations = {"scanner": ["10.9.0.0/16"]}
    program = _with("dev", portus={"version": "2.5", "config": config}, network={"destinations": destinations})
    ends, policies = _ends(program), _policies(program)

    def reaches(who: str, address: str, port: int) -> bool:
        return allowed(policies, ends[who], Endpoint(name="x", address=address), port)

    for who in BOTH:
        assert reaches(who, "10.1.2.3", 636)
        assert not reaches(who, "10.1.2.4", 636)
        assert not reaches(who, "10.1.2.3", 389)
        assert reaches(who, "10.9.8.7", 6060)
        assert reaches(who, "10.9.8.7", 6061)
        assert not reaches(who, "10.8.0.1", 6060)
    assert not reaches("registry", "10.1.2.3", 636)
    assert not reaches("bootstrap", "10.1.2.3", 636)


def test_an_external_database_takes_the_place_of_the_stacks_own() -> None:
    database = {"kind": "external", "host": "db.example.com", "port": 3307, "user": "portus", "password": {"secret": "db", "key": "p"}}
    configuration = {**stack_configuration("dev"), "portus:database": json.dumps(database)}
    program = run_program("dev", {**configuration, "portus:backup": "{}"})
    ends, policies = _ends(program), _policies(program)
    assert "database" not in {policy["metadata"]["labels"]["app.kubernetes.io/component"] for policy in policies}
    clients = {workload.name: _end(workload) for workload in program.workloads() if "db.example.com" in json.dumps(workload.template)}
    assert {"mariadb-preflight", "portus-web", "worker-deployment", "backup-schedule"} <= clients.keys()
    assert [name for name, end in clients.items() if not allowed(policies, end, ends["internet"], 3307)] == []
    assert not allowed(policies, ends["web"], ends["internet"], 3306)


def test_only_the_registry_reaches_its_object_store_and_cache() -> None:
    keys = {"accesskey": {"secret": "s3", "key": "a"}, "secretkey": {"secret": "s3", "key": "s"}}
    storage = {"driver": "s3", "region": "r1", "bucket": "images", "regionendpoint": "https://s3.example.com:9000", **keys}
    extra = [{"name": "audit", "url": "http://192.0.2.7:8080/events"}]
    program = _with(
        "dev",
        registry={"storage": storage, "redis": {"kind": "in_cluster"}, "notifications": {"extraEndpoints": extra}},
        network={"destinations": {"objectStore": ["10.9.0.0/16"]}},
    )
    ends, policies = _ends(program), _policies(program)
    store, audit = Endpoint(name="s3", address="10.9.8.7"), Endpoint(name="audit", address="192.0.2.7")
    assert allowed(policies, ends["registry"], store, 9000)
    assert not allowed(policies, ends["registry"], store, 443)
    assert not allowed(policies, ends["registry"], ends["internet"], 9000)
    assert allowed(policies, ends["registry"], audit, 8080)
    assert allowed(policies, ends["registry"], ends["cache"], 6379)
    for who in ("web", "worker", "edge", "bootstrap"):
        assert not allowed(policies, ends[who], ends["cache"], 6379)
        assert not allowed(policies, ends[who], store, 9000)
    assert not allowed(policies, ends["internet"], ends["cache"], 6379)
    assert not allowed(policies, ends["cache"], ends["internet"], 443)


def test_a_registry_without_keys_may_reach_the_clouds_identity_service() -> None:
    program = _with("dev", registry={"storage": {"driver": "s3", "region": "eu-west-1", "bucket": "images", "nodeRole": True}})
    ends, policies = _ends(program), _policies(program)
    assert allowed(policies, ends["registry"], Endpoint(name="metadata", address="169.254.169.254"), 80)
    assert not allowed(policies, ends["registry"], ends["internet"], 80)
    assert allowed(policies, ends["registry"], ends["internet"], 443)


def test_a_registry_by_gkes_identity_may_ask_with_either_of_its_data_planes() -> None:
    program = _with("dev", registry={"storage": {"driver": "gcs", "bucket": "images"}, "serviceAccount": {}})
    ends, policies = _ends(program), _policies(program)
    first, second = (Endpoint(name="metadata", address=f"169.254.169.{last}") for last in (254, 252))
    for metadata, port in ((first, 80), (first, 8080), (second, 987), (second, 988)):
        assert allowed(policies, ends["registry"], metadata, port)
        assert not allowed(policies, ends["web"], metadata, port)
        assert not allowed(policies, ends["registry"], ends["internet"], port)
    assert not allowed(policies, ends["registry"], second, 80)


def test_clients_and_extra_connections_are_as_the_stack_file_says() -> None:
    program = _with(
        "dev",
        network={
            "clients": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.9/32"]}}],
            "extraEgress": [{"workloads": ["worker"], "to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": [{"port": 8443}]}],
            "extraIngress": [
                {
                    "workloads": ["registry"],
                    "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}],
                    "ports": [{"port": 5000, "endPort": 5001}],
                }
            ],
        },
    )
    ends, policies = _ends(program), _policies(program)
    assert allowed(policies, Endpoint(name="client", address="192.0.2.1"), ends["edge"], 8443)
    assert not allowed(policies, Endpoint(name="client", address="192.0.2.9"), ends["edge"], 8443)
    assert not allowed(policies, ends["neighbour"], ends["edge"], 8443)
    hook = Endpoint(name="hook", address="198.51.100.1")
    assert allowed(policies, ends["worker"], hook, 8443)
    assert not allowed(policies, ends["web"], hook, 8443)
    assert allowed(policies, ends["neighbour"], ends["registry"], 5001)


def test_without_policies_there_is_none() -> None:
    assert _with("dev", network={"policies": False}).all("NetworkPolicy") == []
