"""Each number has the range that the manual states: both ends are accepted, and the next number beyond either is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.settings.reference.entries import entries
from tests.settings.tables import BASE, below, merged, problems

MIB = 1024 * 1024
COPIES = ("portus.web", "registry", "exposure.edge")
ROTATED = ("secretKeyBase", "portusPassword", "httpSecret", "registryCache", "databaseRoot", "databaseApplication", "databaseBackup")

RANGES: dict[str, tuple[int, int]] = {
    **{f"{part}.replicas": (1, 20) for part in COPIES},
    **{f"{part}.autoscaling.minReplicas": (1, 20) for part in COPIES},
    **{f"{part}.autoscaling.maxReplicas": (2, 20) for part in COPIES},
    **{f"{part}.autoscaling.targetCPUUtilizationPercentage": (10, 100) for part in COPIES},
    **{f"credentials.rotation.{name}": (1, 99) for name in ROTATED},
    "tls.signingKeyVersion": (1, 99),
    "tls.minSigningKeyVersion": (1, 99),
    "tls.caValidityDays": (30, 7300),
    "tls.validityDays": (1, 825),  # macOS takes no longer ones, not even of a private CA
    "tls.renewalDays": (0, 365),
    "database.maxConnections": (20, 2000),
    "database.port": (1, 65535),
    "portus.web.pumaWorkers": (1, 32),
    "portus.web.pumaMaxThreads": (1, 64),
    "portus.config.email.smtp.port": (1, 65535),
    "portus.config.delete.garbage_collector.older_than": (1, 3650),
    "portus.config.delete.garbage_collector.keep_latest": (0, 100_000),
    "portus.config.ldap.port": (1, 65535),
    "portus.config.ldap.timeout": (1, 300),
    "portus.config.registry.jwt_expiration_time.value": (1, 24 * 60),
    "portus.config.registry.catalog_page.value": (1, 1000),
    "portus.config.registry.timeout.value": (1, 3600),
    "portus.config.registry.read_timeout.value": (1, 3600),
    "portus.config.security.clair.health_port": (1, 65535),
    "portus.config.security.clair.timeout": (1, 86400),
    "portus.config.pagination.limit": (1, 1000),
    "portus.config.pagination.per_page": (1, 1000),
    "portus.config.pagination.before_after": (1, 50),
    "registry.storage.maxthreads": (25, 1000),  # the driver raises a lower number to 25
    "registry.storage.chunksize": (5 * MIB, 5 * 1024 * MIB),  # S3's parts
    "registry.storage.multipartcopychunksize": (5 * MIB, 5 * 1024 * MIB),
    "registry.storage.multipartcopymaxconcurrency": (1, 1000),
    "registry.storage.multipartcopythresholdsize": (0, 5 * 1024 * MIB),
    "registry.storage.maxconcurrency": (25, 1000),
    "registry.storage.max_retries": (-1, 100),
    "registry.storage.authversion": (1, 3),
    "registry.redis.maxMemoryMb": (16, 4096),
    "registry.redis.db": (0, 15),
    "registry.notifications.threshold": (1, 100),
    "registry.notifications.extraEndpoints.threshold": (1, 100),
    "registry.catalogMaxEntries": (100, 100_000),
    "exposure.edge.hstsMaxAge": (0, 2 * 365 * 86400),
    "exposure.httpsNodePort": (30000, 32767),
    "exposure.httpNodePort": (30000, 32767),
    "exposure.publicPort": (1, 65535),
    "network.dns.port": (1, 65535),
    "backup.keep": (1, 1000),
    "backup.activeDeadlineSeconds": (60, 86400),
    "observability.certificateDays": (1, 90),
}
"""Written out here, so that a range that changes is a decision."""

LISTS = ("extraEndpoints",)

KUBERNETES = {
    "workloads.web.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight": (1, 100),
    "workloads.web.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight": (1, 100),
}
"""Kubernetes' own ranges."""

BITS = {"tls.keyBits": "source: self_signed", "tls.certificate.privateKey.size": "source: cert_manager"}
"""Sizes of a key, with the variant that has the setting."""


def _promised() -> dict[tuple[str, str], tuple[int, int]]:
    """Return (key, variant) -> range, as the manual states it."""
    found = {(entry.key, entry.variant): re.fullmatch(r"number, (-?\d+) to (\d+)", entry.type) for entry in entries()}
    return {each: (int(match[1]), int(match[2])) for each, match in found.items() if match}


def _refused(key: str, value: int, variant: str = "") -> bool:
    """Return whether the number itself is refused; what else the stack file lacks does not matter."""
    kind, _, name = variant.partition(": ")
    section = ".".join(key.split(".")[: 2 if kind == "driver" or key.startswith("registry.redis") else 1])
    of_variant: dict[str, Any] = below(f"{section}.{kind}", name) if kind else {}
    inner: Any = value
    for step in reversed(key.split(".")):
        name, is_entry, _ = step.partition("[0]")
        inner = {name: [inner] if is_entry or name in LISTS else inner}
    said = {problem.key.replace("[0]", ""): problem.rule for problem in problems(merged(merged(BASE, of_variant), inner))}
    return said.get(key.replace("[0]", ""), "").startswith(("must be a number from", "must be one of"))


def test_the_table_has_every_range_of_the_manual_and_no_other() -> None:
    promised = _promised()
    assert {key: said for (key, _), said in promised.items() if RANGES.get(key) != said} == {}
    assert set(RANGES) == {key for key, _ in promised}


@pytest.mark.parametrize(("key", "variant"), _promised())
def test_a_number_is_accepted_up_to_both_ends_of_its_range_and_refused_beyond(key: str, variant: str) -> None:
    lowest, highest = RANGES[key]
    tried = {value: _refused(key, value, variant) for value in (lowest - 1, lowest, highest, highest + 1)}
    assert tried == {lowest - 1: True, lowest: False, highest: False, highest + 1: True}


@pytest.mark.parametrize("key", KUBERNETES)
def test_a_number_of_kubernetes_own_is_accepted_in_its_range_alone(key: str) -> None:
    lowest, highest = KUBERNETES[key]
    tried = {value: _refused(key, value) for value in (lowest - 1, lowest, highest, highest + 1)}
    assert tried == {lowest - 1: True, lowest: False, highest: False, highest + 1: True}


@pytest.mark.parametrize("key", BITS)
def test_an_rsa_key_may_have_each_of_the_usual_sizes_and_no_other(key: str) -> None:
    tried = (1024, 2047, 2048, 3072, 4096, 8192)
    assert [bits for bits in tried if not _refused(key, bits, BITS[key])] == [2048, 3072, 4096]


@pytest.mark.parametrize(
    ("mode", "is_refused"), [(0o400, False), (0o644, False), (0o776, False), (0o777, False), (400, True), (644, True), (777, True)]
)
def test_a_mode_of_a_file_is_the_number_that_yaml_makes_of_its_octal_form(mode: int, *, is_refused: bool) -> None:
    volume = {"name": "own", "secret": {"secretName": "own", "defaultMode": mode}}
    said = problems(merged(BASE, {"workloads": {"web": {"volumes": [volume]}}}))
    assert any(problem.key.endswith("defaultMode") for problem in said) is is_refused
