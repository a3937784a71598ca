"""Kinds of mistakes: each gets one problem, on its own key, with a fix that works."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from components.common.versions import RegistryVersion
from components.settings.derived.egress import destinations
from components.settings.derived.pod_extras import extensions
from components.settings.derived.proxies import variables
from components.settings.report.locate import Place, setting_of_variable, settings_by_variable
from components.settings.report.problems import Problem
from components.settings.rules.registry import KNOWN, Key, Kind, Tree
from components.settings.rules.registry_storage import REGIONS
from components.settings.stack import StackSettings
from components.settings.types.base import Section
from tests.settings.corpus import BAD, KeyPath, Stack, sections_of
from tests.settings.kinds import ROWS
from tests.settings.tables import (
    AZURE,
    BASE,
    GCS,
    LOCAL,
    OSS,
    OWN,
    PROXY,
    S3,
    SWIFT,
    Wrong,
    accepted,
    below,
    env,
    ldap,
    mail,
    merged,
    problems,
    storage,
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_one_mistake_gets_one_problem_and_a_fix_that_works(row: Wrong) -> None:
    found = [(problem.key, problem.rule, problem.fix) for problem in problems(row.raw)]
    assert found == [(row.key, row.rule, row.fix)]
    assert problems(merged(row.raw, row.fixed)) == ()


def test_each_row_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


VALID: list[tuple[str, dict[str, Any]]] = [
    ("StorageClass with dots", below("registry.storage", {"driver": "filesystem", "claim": {"storageClassName": "fast.csi.example.com"}})),
    ("no StorageClass at all", below("registry.storage", {"driver": "filesystem", "claim": {"storageClassName": ""}})),
    ("StorageClass of 253 characters", below("backup.claim.storageClassName", ".".join(["a" * 62] * 4)[:253])),
    ("claim with dots", below("backup.existingClaim", "team.backups")),
    ("claim with more letters than a part of a DNS name", below("backup.existingClaim", f"data-{'a' * 80}-0")),
    ("pull secret of 253 letters", below("images.pullSecrets", ["a" * 253])),
    ("key file with an editor's byte-order mark", storage(GCS, keyfile=f"\ufeff{GCS['keyfile']}")),
    ("Portus by a build number", below("images.portus", "registry.example.com/portus:build-2.1")),
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
    ("store below a path", storage(S3, regionendpoint="https://project.example.com/storage/v1/s3")),
    ("store with a slash at its end", storage(S3, regionendpoint="https://minio.example.com:9000/")),
    ("store with its scheme in capitals", storage(S3, regionendpoint="HTTPS://minio.example.com")),
    ("bucket in capitals of another server", storage(S3, bucket="Team_Images", regionendpoint="https://ceph.example.com")),
    ("bucket with two dots of another server", storage(S3, bucket="a..b", regionendpoint="https://ceph.example.com")),
    ("bucket of before 2018", storage(S3, bucket="Team_Images", regionendpoint="https://s3.us-east-1.amazonaws.com")),
    ("bucket of before 2018 by the old name", storage(S3, bucket="Team_Images", regionendpoint="https://s3.amazonaws.com")),
    ("bucket called bucket in a private network", storage(S3, bucket="bucket", regionendpoint="https://bucket.vpce-1.s3.us-east-1.vpce.amazonaws.com")),
    ("bucket with a dot", storage(S3, bucket="images.example.com")),
    ("access point", storage(S3, bucket="images-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias")),
    ("keys of another server", storage(S3, accesskey="minioadmin", secretkey="minioadmin", regionendpoint="https://minio.example.com")),
    ("Amazon's endpoint of the region", storage(S3, region="eu-north-1", regionendpoint="https://s3.eu-north-1.amazonaws.com")),
    ("Amazon's endpoint for both families", storage(S3, region="eu-west-1", regionendpoint="https://s3.dualstack.eu-west-1.amazonaws.com")),
    ("bucket of a domain", storage(GCS, bucket="images_2.example.com")),
    ("bucket of Alibaba in capitals", storage(OSS, bucket="Images")),
    ("endpoint of Alibaba with a slash", storage(OSS, endpoint="images.oss-cn-beijing-internal.aliyuncs.com/")),
    ("endpoint of Alibaba by a name of one's own", storage(OSS, endpoint="oss.corp.example.com:8443", region="private")),
    ("container with a space", storage(SWIFT, container="Team images")),
    ("container of one letter", storage(SWIFT, container="r")),
    ("identity of a version that is said", storage(SWIFT, authurl="https://keystone.example.com:5000", authversion=3)),
    ("storage class of 3.1", storage(S3, "3.1", storageclass="INTELLIGENT_TIERING")),
    ("cloud of another country", storage(AZURE, realm="core.chinacloudapi.cn")),
    ("punycode top-level domain", below("portus.config.email.from", "portus@xn--e1afmkfd.xn--p1ai")),
    ("encoded host", below("host", "portus.xn--bcher-kva.example")),
    ("uploads broken off at once", below("registry.http.draintimeout", "0s")),
    ("proxy with all hosts", env("web", ("http_proxy", PROXY), ("no_proxy", OWN))),
    ("proxy with the domain of all hosts", env("web", ("HTTP_PROXY", PROXY), ("NO_PROXY", ".example.com"))),
    ("proxy with a star, which Go reads", env("registry", ("HTTPS_PROXY", PROXY), ("NO_PROXY", "*.example.com"))),
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


CAPITALS = [
    ("registry.storage.regionendpoint", storage(S3)),
    ("registry.storage.authurl", storage(SWIFT)),
    ("portus.config.security.clair.server", {}),
]


@pytest.mark.parametrize(("key", "change"), CAPITALS, ids=[key for key, _ in CAPITALS])
@pytest.mark.parametrize("scheme", ["HTTP", "Https"])
def test_a_scheme_in_capitals_is_the_same_in_small_letters(key: str, change: dict[str, Any], scheme: str) -> None:
    found: Any = accepted(merged(BASE, merged(change, below(key, f"{scheme}://server.example.com/v3"))))
    for step in key.split("."):
        found = getattr(found, step)
    assert found == f"{scheme.lower()}://server.example.com/v3"


def test_each_variable_of_an_image_has_a_setting_that_there_is() -> None:
    for variable, setting in settings_by_variable().items():
        models: tuple[type[Section], ...] = (StackSettings,)
        for step in setting.split("."):
            place = Place((step,), models)
            assert place.fields, (variable, setting)
            models = tuple(place.inner)
    assert len(settings_by_variable()) > 150
    assert setting_of_variable("PORTUS_EMAIL_SMTP_PASSWORD_FILE") == "portus.config.email.smtp.password"


@pytest.mark.parametrize("version", list(RegistryVersion))
def test_each_region_of_the_table_is_accepted(version: RegistryVersion) -> None:
    for region in REGIONS[version]:
        assert problems(merged(BASE, storage(S3, version.value, region=region))) == (), region
    assert len(REGIONS[RegistryVersion.V2_8]) == 18
    assert len(REGIONS[RegistryVersion.V3_1]) == 37


def test_a_drivers_section_inside_storage_is_told_from_the_driver_of_that_name() -> None:
    found = problems(merged(BASE, below("registry.storage", {"driver": "s3", "s3": {"bucket": "b", "region": "eu-west-1"}})))
    assert {each.key for each in found} == {f"registry.storage.{name}" for name in ("bucket", "region", "s3")}


def _added_keys(tree: Tree, above: str = "registry.extraConfig") -> dict[str, Key]:
    """Return path -> key of everything that may be added to config.yml."""
    found: dict[str, Key] = {}
    for name, entry in tree.items():
        if isinstance(entry, Key):
            found[f"{above}.{name}"] = entry
        elif isinstance(entry, Mapping):
            found |= _added_keys(entry, f"{above}.{name}")
    return found


OF_KIND: dict[Kind, Any] = {Kind.SWITCH: True, Kind.NUMBER: 5, Kind.TEXT: "all", Kind.DURATION: "5s", Kind.SECTIONS: [{"a": "b"}]}
OF_ONE_VERSION = {path: key for path, key in _added_keys(KNOWN).items() if key.only}


@pytest.mark.parametrize("path", OF_ONE_VERSION)
def test_a_key_of_one_version_of_the_registry_is_refused_with_the_other_alone(path: str) -> None:
    key = OF_ONE_VERSION[path]
    refused = set()
    for version in RegistryVersion:
        file = merged(below("registry.version", version.value), below(path, OF_KIND[key.kind]))
        refused |= {version for each in problems(merged(BASE, file)) if each.rule.startswith("must not be used with registry")}
    assert refused == set(RegistryVersion) - {key.only}


def test_both_versions_of_the_registry_have_keys_of_their_own() -> None:
    assert {key.only for key in OF_ONE_VERSION.values()} == set(RegistryVersion)


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


# The fixes of the corpus, followed to the letter by the test itself: the corrected file is accepted.


FOLLOWED = 80
"""At least so many files are corrected by their own report alone; what the others need is not text that a test can make up."""

TWO_MISTAKES = {
    "choices_and_ranges/database_kind",
    "choices_and_ranges/profile",
    "production/profile_wrong_and_unjudged",
    "registry/azure_credentials_in_2_8",
    "registry/redis_of_3_1_in_2_8",
    "registry/s3_keys_of_3_1_in_2_8",
    "unknown_keys/existing_secret",
    "workloads/autoscaler_in_snake_case",
    "workloads/host_path",
}
"""Files with a second mistake, which only the first one's fix makes one: another kind, profile or version."""

ELSEWHERE = {"workloads/service_account_of_the_registry", "workloads/environment_of_the_program"}
"""Here the fix is at another place than the key."""


def _steps(key: str) -> KeyPath:
    return tuple(int(step) if step.isdigit() else step for step in re.split(r"\.|\[|\]", key) if step)


def _section(raw: Any, path: KeyPath) -> Any:
    for step in path[:-1]:
        raw = raw[step]
    return raw


def _follow(raw: dict[str, Any], problem: Problem) -> bool:
    """Do what the fix of ``problem`` says; return whether it is one that says it in full."""
    path, fix = _steps(problem.key), problem.fix.partition(";")[0]
    section, key = _section(raw, path), path[-1]
    if match := re.fullmatch(r"did you mean '([^']+)'\?", fix):
        if problem.rule.startswith("unknown key"):
            section[match[1]] = section.pop(key)
        else:
            section[key] = match[1]
    elif fix == "remove it" and isinstance(section, dict):
        section.pop(key)
    elif match := re.fullmatch(r"put it in quotes: \"(.+)\"", fix):
        section[key] = match[1]
    elif match := re.fullmatch(r"write ('?)([\[({].+[\])}]|\S+)\1(?:, without quotes)?", fix):
        section[key] = yaml.safe_load(match[2])
    elif fix == "write it without quotes":
        section[key] = int(section[key])
    elif match := re.match(r'set (registry|portus)\.version: "([0-9.]+)"', fix):
        raw.setdefault(match[1], {})["version"] = match[2]
    else:
        return False
    return True


def _corrected(file: Stack) -> Mapping[str, Any] | None:
    """Return the file's data once each of its fixes was followed, None where one leaves something to the reader."""
    raw = copy.deepcopy(sections_of(file))
    found = problems(raw)
    try:
        return raw if found and sum(_follow(raw, problem) for problem in found) == len(found) else None
    except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError):
        return None


@pytest.fixture(scope="module")
def corrected() -> dict[str, Mapping[str, Any]]:
    found = {entry.id: _corrected(entry) for entry in BAD if entry.kind != "certificates"}
    return {name: raw for name, raw in found.items() if raw is not None and name not in TWO_MISTAKES | ELSEWHERE}


def test_a_file_whose_fixes_are_followed_is_accepted(corrected: dict[str, Mapping[str, Any]]) -> None:
    left = {name: [(each.key, each.rule, each.fix) for each in problems(raw)] for name, raw in corrected.items()}
    assert {name: told for name, told in left.items() if told} == {}


def test_most_fixes_say_all_that_there_is_to_do(corrected: dict[str, Mapping[str, Any]]) -> None:
    assert len(corrected) >= FOLLOWED
