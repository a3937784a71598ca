"""config.yml and what comes beside it, for every sample of the registry's settings."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.common.versions import RegistryVersion
from components.registry.configuration import holds_a_secret, merged
from components.settings.rules.registry import KNOWN, Decided, Key, Tree
from components.settings.types.values import seconds
from tests.components import rendered
from tests.components.registry.stage import settings
from tests.components.rendered import pem
from tests.recorder import Program, Programs
from tests.settings.corpus import SAMPLES, StackFile
from tests.settings.tables import BASE, S3, accepted
from tests.settings.tables import merged as merged_file
from tests.settings.tables import storage as stored
from tests.settings.test_samples import run_sample

REGISTRIES = {path.stem: path for path in SAMPLES if path.stem.startswith("registry_")}


@pytest.fixture(scope="module")
def programs() -> Programs:
    """Each sample's program."""
    files = REGISTRIES
    return Programs(files, lambda name: run_sample(StackFile(files[name])))


def config(program: Program) -> dict[str, Any]:
    texts = program.one("ConfigMap", "registry-config").inputs["data"]
    if "config.yml" not in texts:
        texts = held(program)
    return dict(yaml.safe_load(texts["config.yml"]))


def held(program: Program) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in program.one("Secret", "registry-http").inputs["data"].items()}


def container(program: Program) -> dict[str, Any]:
    return dict(program.one("Deployment", "registry-deployment").containers[0])


def variables(program: Program) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container(program)["env"]}


def test_every_key_of_s3_reaches_the_driver_and_no_secret_the_file(programs: Programs) -> None:
    program = programs["registry_s3"]
    document = config(program)
    said = yaml.safe_load(REGISTRIES["registry_s3"].read_text())["config"]["portus:registry"]["storage"]
    assert document["storage"]["s3"] == {key: said[key] for key in said if key not in {"driver", "accesskey", "secretkey", "nodeRole"}}
    found = variables(program)
    assert held(program)["AWS_ACCESS_KEY_ID"] == "AKIAIOSFODNN7EXAMPLE"
    assert found["AWS_ACCESS_KEY_ID"]["secretKeyRef"]["key"] == "AWS_ACCESS_KEY_ID"
    assert found["AWS_SECRET_ACCESS_KEY"]["secretKeyRef"] == {"name": "object-store", "key": "secretkey"}
    assert document["redis"]["addrs"] == ["redis.example.com:6380"]
    assert document["redis"]["poolsize"] == 32
    assert document["tags"] == {"maxtags": 500}
    assert document["storage"]["cache"] == {"blobdescriptor": "redis"}


def test_a_secret_that_the_registry_reads_as_yaml_is_quoted_for_it(programs: Programs) -> None:
    text = held(programs["registry_swift"])["REGISTRY_STORAGE_SWIFT_PASSWORD"]
    assert yaml.safe_load(text) == "swift: password # of ours"
    assert yaml.safe_load(held(programs["registry_s3"])["REGISTRY_REDIS_PASSWORD"]) == "redis-s-password"


def test_the_series_have_their_own_paths_signers_and_names_for_redis(programs: Programs) -> None:
    old, new = programs["registry_gcs"], programs["registry_s3"]
    assert container(old)["args"] == ["serve", "/etc/docker/registry/config.yml"]
    assert container(new)["args"] == ["serve", "/etc/distribution/config.yml"]
    assert "rootcertbundle" in config(old)["auth"]["token"]
    assert "jwks" not in config(old)["auth"]["token"]
    assert config(new)["auth"]["token"]["jwks"].endswith(".json")
    assert config(new)["auth"]["token"]["signingalgorithms"] == ["RS256"]
    assert config(old)["redis"]["addr"] == "registry-cache:6379"
    assert variables(new)["OTEL_TRACES_EXPORTER"] == "none"
    assert container(old)["image"] == "docker.io/library/registry:2.8.3"
    assert container(new)["image"] == "docker.io/library/registry:3.1.2"


def test_a_key_file_is_mounted_from_the_secret(programs: Programs) -> None:
    program = programs["registry_gcs"]
    path = config(program)["storage"]["gcs"]["keyfile"]
    mount = next(m for m in container(program)["volumeMounts"] if m["name"] == "storage-keys")
    assert Path(path).parent == Path(mount["mountPath"])
    assert json.loads(held(program)[Path(path).name])["type"] == "service_account"


def test_azure_gets_its_clients_secret_where_no_variable_of_the_registry_reaches(programs: Programs) -> None:
    program = programs["registry_azure"]
    assert config(program)["storage"]["azure"]["credentials"] == {"type": "default_credentials"}
    assert held(program)["AZURE_CLIENT_SECRET"] == "client-secret-of-azure"
    assert variables(program)["AZURE_TENANT_ID"] == "00000000-0000-0000-0000-000000000002"
    assert "credentials" not in config(programs["registry_azure_key"])["storage"]["azure"]


def test_pods_are_replaced_one_by_one_only_on_shared_storage(programs: Programs) -> None:
    kinds = {name: program.one("Deployment", "registry-deployment").spec["strategy"]["type"] for name, program in programs.items()}
    assert set(kinds.values()) == {"RollingUpdate"}
    alone = settings(storage={"driver": "filesystem", "existingClaim": {"name": "images"}})
    assert alone.storage.parameters(alone.version) == {"rootdirectory": "/var/lib/registry"}


def test_an_existing_claim_is_used_and_none_made(programs: Programs) -> None:
    program = programs["registry_claim"]
    assert "registry-data" not in {r.name for r in program.all("PersistentVolumeClaim")}
    claims = [
        v["persistentVolumeClaim"] for v in program.one("Deployment", "registry-deployment").pod["volumes"] if "persistentVolumeClaim" in v
    ]
    assert claims == [{"claimName": "images"}]


def test_a_configuration_with_a_secret_in_it_lives_in_a_secret(programs: Programs) -> None:
    program = programs["registry_claim"]
    assert "config.yml" not in program.one("ConfigMap", "registry-config").inputs["data"]
    assert config(program)["notifications"]["endpoints"][1]["headers"]["Authorization"] == ["Bearer audit-token-of-the-registry"]
    volume = next(v for v in program.one("Deployment", "registry-deployment").pod["volumes"] if v["name"] == "config")
    assert "secret" in volume


@pytest.mark.parametrize(
    ("url", "in_secret"),
    [
        ("ci.example.com/events", False),
        ("ci.example.com/receivers/registry-notifications", False),
        ("ci2.registries.example.com/v2.0/events", False),
        ("ci.example.com/events?token=a1b2", True),
        ("ci.example.com/services/T0A1B2C3D/B0A1B2C3D/x7Kp2mQ9vR4tY8wZ1nL5sD3f", True),
        ("ci.example.com/webhook/0b0a36f5-5f0e-4a54-9d4f-2f1b7b0a8a11", True),
        ("ci.example.com/webhook/0b0a36f55f0e4a549d4f2f1b7b0a8a11/events", True),
    ],
)
def test_a_receivers_token_in_its_url_puts_the_configuration_into_a_secret(url: str, *, in_secret: bool) -> None:
    receiver = {"name": "ci", "url": f"https://{url}"}
    assert holds_a_secret(settings(version="2.8", notifications={"extraEndpoints": [receiver]})) is in_secret


def test_the_service_account_is_made_or_taken(programs: Programs) -> None:
    made, taken = programs["registry_gcs"], programs["registry_s3"]
    assert [r.inputs["automountServiceAccountToken"] for r in made.all("ServiceAccount")] == [False]
    assert made.one("Deployment", "registry-deployment").pod["serviceAccountName"] == "registry"
    assert taken.all("ServiceAccount") == []
    assert taken.one("Deployment", "registry-deployment").pod["serviceAccountName"] == "registry-identity"


def test_the_grace_period_is_longer_than_the_drain(programs: Programs) -> None:
    for program in programs.values():
        drain = seconds(config(program)["http"]["draintimeout"])
        assert program.one("Deployment", "registry-deployment").pod["terminationGracePeriodSeconds"] > drain


@pytest.mark.parametrize(
    ("version", "said", "written"),
    [
        ("2.8", {}, None),
        ("2.8", {"regionendpoint": "https://s3.example.com"}, None),
        ("3.1", {}, None),
        ("3.1", {"forcepathstyle": False}, False),
        ("3.1", {"regionendpoint": "https://s3.example.com"}, True),
        ("3.1", {"regionendpoint": "https://s3.example.com", "forcepathstyle": False}, False),
    ],
)
def test_a_bucket_is_part_of_the_path_if_the_stack_file_or_a_custom_endpoint_asks_for_it(
    version: str, said: dict[str, Any], written: object
) -> None:
    """2.8 decides by itself, and AWS has the bucket in the host's name."""
    storage = accepted(merged_file(BASE, stored(S3, version, **said))).registry.storage
    assert storage.parameters(RegistryVersion(version)).get("forcepathstyle") is written


def test_an_external_redis_is_verified_by_the_ca_that_the_stack_file_gives() -> None:
    redis = {"kind": "external", "addr": "redis.example.com:6380"}
    registry = {"host": "registry.example.com", "version": "3.1"}
    plain, verified = (rendered.program(registry={**registry, "redis": {**redis, **tls}}) for tls in ({}, {"tls": {"rootcas": pem("ca")}}))
    assert "tls" not in config(plain)["redis"]
    (path,) = config(verified)["redis"]["tls"]["rootcas"]
    assert path in rendered.files(rendered.workload(verified, "registry"), container(verified))


def test_the_caches_password_reaches_both_sides_by_its_secret_alone(programs: Programs) -> None:
    program = programs["registry_gcs"]
    text = base64.b64decode(program.one("Secret", "registry-cache-credentials").inputs["data"]["redis.conf"]).decode()
    assert "requirepass generated-password\n" in text
    assert 'save ""\n' in text
    cache = program.one("Deployment", "registry-cache-deployment").containers[0]
    assert variables(program)["REGISTRY_REDIS_PASSWORD"] == cache["env"][0]["valueFrom"]
    assert cache["command"] == ["redis-server", "/run/secrets/redis/redis.conf"]


def test_replicas_without_redis_have_no_stale_cache(programs: Programs) -> None:
    assert "cache" not in config(programs["registry_claim"])["storage"]
    assert config(programs["registry_oss"])["storage"]["cache"] == {"blobdescriptor": "inmemory"}


def test_what_is_added_never_takes_away() -> None:
    document = {"log": {"level": "info"}, "notifications": {"endpoints": [{"name": "portus"}]}}
    extra = {"log": {"fields": {"a": "b"}}, "notifications": {"events": {"includereferences": True}}}
    assert merged(document, extra) == {
        "log": {"level": "info", "fields": {"a": "b"}},
        "notifications": {"endpoints": [{"name": "portus"}], "events": {"includereferences": True}},
    }


def test_whatever_the_stack_decides_is_no_key_to_be_added(programs: Programs) -> None:
    """Every leaf of a rendered config.yml is either decided by the stack, or a default that may be changed knowingly."""
    changeable = {("log", "formatter"), ("health", "storagedriver")}
    for program in programs.values():
        for path in _leaves({key: value for key, value in config(program).items() if key not in {"redis", "tags"}}):
            if path[:2] not in changeable and path[:2] != ("log", "fields"):
                assert _kind(KNOWN, path) is Decided, path


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    return [path]


def _kind(tree: Tree, path: tuple[str, ...]) -> type[Key | Decided] | None:
    entry = tree.get(path[0])
    if isinstance(entry, Key | Decided):
        return type(entry)
    return None if entry is None else _kind(entry, path[1:])
