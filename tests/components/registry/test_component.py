"""The registry's objects of every stack: where it listens, whom it trusts, where its blobs are, and how it is tied to Portus.

Sources: docs/reference/portus-images.md (Keys and tokens, Events, The registry) and the manual of distribution.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from components.registry.configuration import configuration, merged
from components.registry.inputs import jwks
from components.registry.storage import parameters
from components.settings.rules.registry import KNOWN, Decided, Key, Tree
from components.settings.types.values import seconds
from lab.portus_double.tokens import key_id
from tests.components.registry.stage import WIRING, settings
from tests.components.rendered import FACTS, files, http_get, identity, ports, registry_document, variables, workload
from tests.recorder import STACKS, Program, Programs
from tests.settings import authority
from tests.settings.corpus import HERE, StackFile
from tests.settings.test_samples import run_sample


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def made(stack: str, programs: Programs) -> Program:
    return programs[stack]


def test_a_token_is_got_from_portus_and_names_the_registry_as_its_record_does(stack: str, made: Program) -> None:
    facts, token = FACTS[stack], registry_document(made)["auth"]["token"]
    assert (token["realm"], token["service"], token["issuer"]) == (f"{facts.url}/v2/token", facts.authority, facts.host)
    assert set(registry_document(made)["auth"]) == {"token"}, "no other way in"


def test_events_reach_portus_by_tls_or_where_apache_takes_them_in_plain_on_port_80(stack: str, made: Program) -> None:
    """Apache's port 80 serves this path only (2.0 to 2.2); Puma listens with TLS only (2.3 to 2.5)."""
    facts = FACTS[stack]
    inside = f"{facts.url}/v2/webhooks/events" if facts.puma else f"http://portus.{facts.namespace}.svc/v2/webhooks/events"
    (endpoint,) = registry_document(made)["notifications"]["endpoints"]
    assert (endpoint["name"], endpoint["url"]) == ("portus", inside)
    portus = made.one("Service", "addresses-portus")
    assert (portus.inputs["metadata"]["name"], portus.inputs["metadata"]["namespace"]) == ("portus", facts.namespace)


def test_portus_name_leads_from_the_registry_to_portus_service_and_not_outside(stack: str, made: Program) -> None:
    (alias,) = workload(made, "registry").pod["hostAliases"]
    assert alias["hostnames"] == [FACTS[stack].host]
    assert alias["ip"] in {each["ip"] for each in workload(made, "web").pod["hostAliases"] if each["hostnames"] == [FACTS[stack].host]}


def test_a_notification_may_take_as_long_as_its_portus_needs(stack: str, made: Program) -> None:
    """2.0 to 2.2 handle it inside the request; a number without a unit would be nanoseconds, and no event would arrive."""
    (endpoint,) = registry_document(made)["notifications"]["endpoints"]
    assert endpoint["timeout"] == ("2000ms" if FACTS[stack].puma else "10s")
    assert seconds(endpoint["timeout"]) >= 2
    assert seconds(endpoint["backoff"]) == 1
    assert endpoint["threshold"] == 5


def test_no_event_is_dropped_but_those_of_blobs(made: Program) -> None:
    """2.5 counts pulls when it collects (Garbage collection), so their events must arrive."""
    (endpoint,) = registry_document(made)["notifications"]["endpoints"]
    assert endpoint["ignoredmediatypes"] == ["application/octet-stream"]
    assert "ignore" not in endpoint


def test_locations_in_answers_hold_the_public_name_and_port(stack: str, made: Program) -> None:
    """The registry sees neither behind the front proxy: an upload would go on at a place that clients cannot reach."""
    assert registry_document(made)["http"]["host"] == f"https://{FACTS[stack].authority}"


def test_deleting_is_on_because_portus_removes_images_by_it(made: Program) -> None:
    assert registry_document(made)["storage"]["delete"] == {"enabled": True}


def test_the_stack_file_switches_deleting_off_and_chooses_the_notifications_time() -> None:
    said = settings(deleteEnabled=False, notifications={"timeout": "3s"})
    document = configuration(said, WIRING)
    assert document["storage"]["delete"] == {"enabled": False}
    assert document["notifications"]["endpoints"][0]["timeout"] == "3s"


def test_storage_that_fails_three_times_in_half_a_minute_takes_the_registry_out_of_its_service(made: Program) -> None:
    """`/` then answers 503, and readiness asks for it."""
    assert registry_document(made)["health"] == {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}}


def test_the_registry_is_asked_for_the_page_that_needs_no_token_and_knows_the_storage(made: Program) -> None:
    """`/v2/` answers 401. A restart mends no storage, so liveness asks the process alone."""
    container = workload(made, "registry").containers[0]
    for probe in ("startupProbe", "readinessProbe"):
        assert http_get(container[probe]) == ("HTTPS", "https", "/")
    assert http_get(container["livenessProbe"]) == ("HTTP", "debug", "/debug/vars")


def test_the_ports_of_pod_service_and_document_agree(stack: str, made: Program) -> None:
    http = registry_document(made)["http"]
    assert (http["addr"], http["debug"]["addr"]) == (":5000", ":5001")
    assert ports(workload(made, "registry").containers[0]) == {"https": 5000, "debug": 5001}
    public = int(FACTS[stack].port.removeprefix(":") or 443)
    service = {each["name"]: (each["port"], each["targetPort"]) for each in made.one("Service", "addresses-registry").spec["ports"]}
    assert service == {"https": (public, "https"), "debug": (5001, "debug")}


def test_the_registry_serves_the_stacks_certificate_from_tls_1_2_on(stack: str, made: Program) -> None:
    served = "portus-certificate" if stack == "prod" else "served-tls-certificate-auto"
    deployment, tls = workload(made, "registry"), registry_document(made)["http"]["tls"]
    mounted = files(deployment, deployment.containers[0])
    assert (mounted[tls["certificate"]], mounted[tls["key"]]) == (f"{served}/tls.crt", f"{served}/tls.key")
    assert tls["minimumtls"] == "tls1.2"


def test_the_registry_trusts_the_systems_cas_and_the_stacks_own(made: Program) -> None:
    """Go reads every file of SSL_CERT_DIR: without the first folder no object store is trusted, without the second no Portus."""
    deployment = workload(made, "registry")
    container = deployment.containers[0]
    system, own = variables(container)["SSL_CERT_DIR"].split(":")
    assert system == "/etc/ssl/certs"
    assert f"{own}/authority-1.crt" in files(deployment, container)
    texts = made.one("ConfigMap", "registry-config").inputs["data"]
    assert texts["authority-1.crt"] == made.one("ConfigMap", "served-tls-trust").inputs["data"]["ca.crt"]


def test_the_signers_that_the_document_names_are_mounted(made: Program) -> None:
    deployment, token = workload(made, "registry"), registry_document(made)["auth"]["token"]
    assert (token.get("rootcertbundle") or token["jwks"]) in files(deployment, deployment.containers[0])


def test_blobs_are_on_the_claim_and_the_driver_writes_where_it_is_mounted(made: Program) -> None:
    deployment = workload(made, "registry")
    assert registry_document(made)["storage"]["filesystem"]["rootdirectory"] == "/var/lib/registry"
    (mount,) = [each for each in deployment.containers[0]["volumeMounts"] if each["mountPath"] == "/var/lib/registry"]
    assert not mount.get("readOnly", False)
    (volume,) = [each for each in deployment.pod["volumes"] if each["name"] == mount["name"]]
    assert volume["persistentVolumeClaim"] == {"claimName": "registry-data"}
    assert made.one("PersistentVolumeClaim", "registry-data").inputs["metadata"]["name"] == "registry-data"


def test_one_registry_at_a_time_writes_a_claim_of_one_node(made: Program) -> None:
    spec = workload(made, "registry").spec
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_registry_runs_as_the_user_who_owns_its_blobs(made: Program) -> None:
    """Another uid could not write what the last release wrote."""
    assert identity(workload(made, "registry")) == (10500, 10500, 10500)


def test_every_copy_signs_uploads_with_the_same_secret(made: Program) -> None:
    assert variables(workload(made, "registry").containers[0])["REGISTRY_HTTP_SECRET"] == "secret:http-secret"


# The key set by which registry 3.x finds Portus' key; ``cryptography`` reads the same certificates.


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def test_each_certificate_gives_its_key_under_libtrusts_id() -> None:
    bundle = authority.made("chain") + authority.certificate("other", common_name="next", issuer="next", signed_by="other")
    found = json.loads(jwks(bundle))["keys"]
    keys = [certificate.public_key() for certificate in x509.load_pem_x509_certificates(bundle.encode())]
    assert len(found) == len(keys) == 3
    for entry, key in zip(found, keys, strict=True):
        assert isinstance(key, rsa.RSAPublicKey)
        numbers = key.public_numbers()
        assert (number(entry["n"]), number(entry["e"])) == (numbers.n, numbers.e)
        assert entry["kid"] == key_id(key)
        assert {name: entry[name] for name in ("kty", "alg", "use")} == {"kty": "RSA", "alg": "RS256", "use": "sig"}


def test_another_kind_of_key_is_refused() -> None:
    with pytest.raises(ValueError, match="not RSA"):
        jwks(authority.made("leaf.ec"))


def test_a_certificate_that_is_cut_off_is_refused() -> None:
    lines = authority.leaf().splitlines()
    with pytest.raises(ValueError, match="cut off"):
        jwks("\n".join([*lines[:4], lines[-1]]))


# config.yml and what comes beside it, for every sample of the registry's settings.


SAMPLES = sorted((HERE / "samples").glob("registry_*.yaml"))


@pytest.fixture(scope="module")
def programs() -> Programs:
    """Each sample's program."""
    files = {path.stem: path for path in SAMPLES}
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


def variables_of(program: Program) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container(program)["env"]}


def test_every_key_of_s3_reaches_the_driver_and_no_secret_the_file(programs: Programs) -> None:
    program = programs["registry_s3"]
    document = config(program)
    said = yaml.safe_load((HERE / "samples" / "registry_s3.yaml").read_text())["config"]["portus:registry"]["storage"]
    assert document["storage"]["s3"] == {key: said[key] for key in said if key not in {"driver", "accesskey", "secretkey", "nodeRole"}}
    found = variables_of(program)
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
    assert variables_of(new)["OTEL_TRACES_EXPORTER"] == "none"
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
    assert variables_of(program)["AZURE_TENANT_ID"] == "00000000-0000-0000-0000-000000000002"
    assert "credentials" not in config(programs["registry_azure_key"])["storage"]["azure"]


def test_pods_are_replaced_one_by_one_only_on_shared_storage(programs: Programs) -> None:
    kinds = {name: program.one("Deployment", "registry-deployment").spec["strategy"]["type"] for name, program in programs.items()}
    assert set(kinds.values()) == {"RollingUpdate"}
    alone = settings(storage={"driver": "filesystem", "existingClaim": {"name": "images"}})
    assert parameters(alone.storage, alone.version) == {"rootdirectory": "/var/lib/registry"}


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


def test_the_caches_password_reaches_both_sides_by_its_secret_alone(programs: Programs) -> None:
    program = programs["registry_gcs"]
    text = base64.b64decode(program.one("Secret", "registry-cache-credentials").inputs["data"]["redis.conf"]).decode()
    assert "requirepass generated-password\n" in text
    assert 'save ""\n' in text
    cache = program.one("Deployment", "registry-cache-deployment").containers[0]
    assert variables_of(program)["REGISTRY_REDIS_PASSWORD"] == cache["env"][0]["valueFrom"]
    assert cache["command"] == ["redis-server", "/run/secrets/redis/redis.conf"]


def test_replicas_without_redis_have_no_cache_that_could_lie(programs: Programs) -> None:
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
