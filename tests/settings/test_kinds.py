"""Kinds of mistakes: each gets one problem, on its own key, with a fix that works."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from components.common.versions import RegistryVersion
from components.settings.derived.egress import destinations
from components.settings.derived.pod_extras import extensions
from components.settings.derived.proxies import variables
from components.settings.rules.registry_storage import REGIONS
from tests.settings.kinds import ROWS
from tests.settings.kinds.parts import AZURE, GCS, LOCAL, OWN, PROXY, S3, env, ldap, mail, storage
from tests.settings.tables import BASE, Wrong, accepted, below, merged, problems


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_one_mistake_gets_one_problem_and_a_fix_that_works(row: Wrong) -> None:
    found = [(problem.key, problem.rule, problem.remedy) for problem in problems(row.raw)]
    assert found == [(row.key, row.rule, row.fix)]
    assert problems(merged(row.raw, row.fixed)) == ()


def test_each_row_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


VALID: list[tuple[str, dict[str, Any]]] = [
    ("StorageClass with dots", below("registry.storage", {"driver": "filesystem", "claim": {"storageClassName": "fast.csi.example.com"}})),
    ("no StorageClass at all", below("registry.storage", {"driver": "filesystem", "claim": {"storageClassName": ""}})),
    ("StorageClass of 253 characters", below("backup.claim.storageClassName", ".".join(["a" * 62] * 4)[:253])),
    ("claim with dots", below("backup.existingClaim", "team.backups")),
    ("pull secret with dots", below("images.pullSecrets", ["registry.example.com"])),
    ("service account with dots", below("registry.serviceAccount.name", "registry.prod")),
    ("priority class with dots", below("workloads.all.priorityClassName", "high.example.com")),
    ("ingress class with dots", {"exposure": {"kind": "ingress", "ingressClassName": "nginx.example.com"}}),
    ("Gateway with dots", {"exposure": {"kind": "gateway", "parentRefs": [{"name": "public.example.com", "namespace": "gateways"}]}}),
    ("account by its user principal name", ldap(authentication={"enabled": True, "bind_dn": "svc@corp.example.com", "password": "x"})),
    ("account by its domain", ldap(authentication={"enabled": True, "bind_dn": "CORP\\svc", "password": "x"})),
    ("quoted name", ldap(base='ou="Sales, EMEA",dc=corp,dc=example,dc=com')),
    ("escaped name", ldap(base=r"ou=Sales\2c EMEA+l=Bonn,dc=corp")),
    ("name by numbers", ldap(base="2.5.4.10=Corp,dc=example")),
    ("members of nested groups", ldap(filter="(memberOf:1.2.840.113556.1.4.1941:=cn=portus,ou=groups,dc=corp)")),
    ("filter outside ASCII", ldap(filter="(&(objectClass=person)(ou=Köln))")),
    ("filter with an escaped letter", ldap(filter=r"(cn=Doe\2a)")),
    ("filter with spaces", ldap(filter="( & (a=b) ( ! (c=d) ) )")),
    ("queried endpoint", below("registry.notifications.extraEndpoints", [{"name": "ci", "url": "https://ci.example.com/hook?job=a"}])),
    ("object store by IPv6", storage(S3, regionendpoint="http://[fd00::10]:9000")),
    ("region in capitals with an endpoint", storage(S3, region="RegionOne", regionendpoint="https://s3.cloud.example.com")),
    ("region with an underscore with an endpoint", storage(S3, "3.1", region="dc_1", regionendpoint="https://s3.cloud.example.com")),
    ("whole bucket", storage(S3, rootdirectory="/")),
    ("path with a slash at its end", storage(GCS, rootdirectory="/registry/")),
    ("storage class of 3.1", storage(S3, "3.1", storageclass="INTELLIGENT_TIERING")),
    ("cloud of another country", storage(AZURE, realm="core.chinacloudapi.cn")),
    ("punycode top-level domain", below("portus.config.email.from", "portus@xn--e1afmkfd.xn--p1ai")),
    ("encoded host", below("host", "portus.xn--bcher-kva.example")),
    ("uploads broken off at once", below("registry.http.draintimeout", "0s")),
    ("proxy with all hosts", env("web", ("http_proxy", PROXY), ("no_proxy", OWN))),
    ("proxy with the domain of all hosts", env("web", ("HTTP_PROXY", PROXY), ("NO_PROXY", ".example.com"))),
    ("proxy of the front proxy, which reads none", env("edge", ("HTTP_PROXY", PROXY))),
    ("mail by TLS", mail(port=465, ssl_tls="ssl")),
    ("mail by STARTTLS", mail(enable_starttls_auto=True)),
    ("own port of mail", mail(port=2525)),
    ("global catalog", ldap(port=3269, encryption={"method": "simple_tls"})),
    ("MariaDB of one's own", below("images.mariadb", "registry.example.com/db/mariadb-galera:11.4")),
    ("Valkey", below("images.redis", "valkey/valkey:8")),
    ("Portus by a tag of one's own", below("images.portus", "registry.example.com/portus:2026-11")),
    ("CA of the image", ldap(encryption={"method": "start_tls", "options": {"ca_file": "/etc/ssl/ca-bundle.pem"}})),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change"), VALID, ids=[name for name, _ in VALID])
def test_what_is_valid_is_accepted(name: str, change: dict[str, Any]) -> None:
    assert problems(merged(BASE, change)) == (), name


@pytest.mark.parametrize("workload", ["web", "worker"])
def test_a_ca_file_may_be_mounted_by_the_stack_file(workload: str) -> None:
    volume = {"volumes": [{"name": "ca", "configMap": {"name": "corp-ca"}}], "volumeMounts": [{"name": "ca", "mountPath": "/corp"}]}
    change = merged(
        ldap(encryption={"method": "start_tls", "options": {"ca_file": "/corp/ca.crt"}}),
        below("workloads", {"web": volume, "worker": volume}),
    )
    assert problems(merged(BASE, change)) == ()
    alone = merged(change, below(f"workloads.{workload}", {"volumes": [], "volumeMounts": []}))
    assert [problem.key for problem in problems(merged(BASE, alone))] == ["portus.config.ldap.encryption.options.ca_file"]


@pytest.mark.parametrize("version", list(RegistryVersion))
def test_each_region_of_the_table_is_accepted(version: RegistryVersion) -> None:
    for region in REGIONS[version]:
        assert problems(merged(BASE, storage(S3, version.value, region=region))) == (), region
    assert len(REGIONS[RegistryVersion.V2_8]) == 18
    assert len(REGIONS[RegistryVersion.V3_1]) == 37


def test_a_password_in_the_same_place_of_one_secret_twice_is_refused_in_production() -> None:
    place = {"secret": "db", "key": "password"}
    change = {"profile": "production", "accept": ["self_signed_certificate", "no_backups"], "backup": {"enabled": False}}
    both = {"databaseRoot": place, "databaseApplication": place}
    found = problems(merged(BASE, merged(change, below("credentials.existing", both))))
    assert [problem.key for problem in found] == ["credentials.existing.databaseApplication"]
    assert found[0].rule == "must be another secret than credentials.existing.databaseRoot (profile production)"
    apart = {"databaseRoot": place, "databaseApplication": {"secret": "db", "key": "application"}}
    assert problems(merged(BASE, merged(change, below("credentials.existing", apart)))) == ()


def test_network_proxy_lets_portus_and_the_registry_reach_the_stack_and_opens_its_port() -> None:
    stack = accepted(merged(BASE, below("network.proxy", {"http": PROXY, "https": PROXY, "noProxy": ["git.corp.example.com"]})))
    expected = [
        {"name": "HTTP_PROXY", "value": PROXY},
        {"name": "HTTPS_PROXY", "value": PROXY},
        {"name": "NO_PROXY", "value": f"{OWN},git.corp.example.com"},
    ]
    given = extensions(stack)
    assert {name: list(given[name].env) for name in ("web", "worker", "registry")} == dict.fromkeys(("web", "worker", "registry"), expected)
    assert not given["edge"].env
    assert not given["database"].env
    opened = [each for each in destinations(stack) if each.name == "proxy"]
    assert [(each.ports, each.workloads) for each in opened] == [((3128,), ("web", "worker", "registry"))]


def test_no_proxy_leads_to_the_servers_inside_the_cluster_and_to_the_clouds_metadata() -> None:
    change = merged(
        below("portus.config.security.clair.server", "http://clair:6060"),
        merged({"registry": {"storage": {"driver": "gcs", "bucket": "images"}, "serviceAccount": {}}}, below("network.proxy.http", PROXY)),
    )
    said = variables(accepted(merged(BASE, change)))["NO_PROXY"].split(",")
    assert {"clair", "169.254.169.254", "metadata.google.internal", *LOCAL.split(",")} <= set(said)
