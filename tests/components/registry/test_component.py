"""The registry's objects of every stack: where it listens, whom it trusts, where its blobs are, and how it is tied to Portus.

Sources: docs/reference/portus-images.md (Keys and tokens, Events, The registry) and the manual of distribution.
"""

from __future__ import annotations

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from components.registry.configuration import configuration
from components.registry.inputs import jwks
from components.settings.types.values import seconds
from lab.portus_double.tokens import key_id
from tests.components.registry.stage import WIRING, settings
from tests.components.rendered import FACTS, files, http_get, identity, ports, registry_document, variables, workload
from tests.recorder import Program
from tests.settings import authority


def test_a_token_is_got_from_portus_and_names_the_registry_as_its_record_does(stack: str, program: Program) -> None:
    facts, token = FACTS[stack], registry_document(program)["auth"]["token"]
    assert (token["realm"], token["service"], token["issuer"]) == (f"{facts.url}/v2/token", facts.authority, facts.host)
    assert set(registry_document(program)["auth"]) == {"token"}, "no other way in"


def test_events_reach_portus_by_tls_or_where_apache_takes_them_in_plain_on_port_80(stack: str, program: Program) -> None:
    """Apache's port 80 serves this path only (2.0 to 2.2); Puma listens with TLS only (2.3 to 2.5)."""
    facts = FACTS[stack]
    inside = f"{facts.url}/v2/webhooks/events" if facts.puma else f"http://portus.{facts.namespace}.svc/v2/webhooks/events"
    (endpoint,) = registry_document(program)["notifications"]["endpoints"]
    assert (endpoint["name"], endpoint["url"]) == ("portus", inside)
    portus = program.one("Service", "addresses-portus")
    assert (portus.inputs["metadata"]["name"], portus.inputs["metadata"]["namespace"]) == ("portus", facts.namespace)


def test_portus_name_leads_from_the_registry_to_portus_service_and_not_outside(stack: str, program: Program) -> None:
    (alias,) = workload(program, "registry").pod["hostAliases"]
    assert alias["hostnames"] == [FACTS[stack].host]
    assert alias["ip"] in {each["ip"] for each in workload(program, "web").pod["hostAliases"] if each["hostnames"] == [FACTS[stack].host]}


def test_a_notification_may_take_as_long_as_its_portus_needs(stack: str, program: Program) -> None:
    """2.0 to 2.2 handle it inside the request; a number without a unit would be nanoseconds, and no event would arrive."""
    (endpoint,) = registry_document(program)["notifications"]["endpoints"]
    assert endpoint["timeout"] == ("2000ms" if FACTS[stack].puma else "10s")
    assert seconds(endpoint["timeout"]) >= 2
    assert seconds(endpoint["backoff"]) == 1
    assert endpoint["threshold"] == 5


def test_no_event_is_dropped_but_those_of_blobs(program: Program) -> None:
    """2.5 counts pulls when it collects (Garbage collection), so their events must arrive."""
    (endpoint,) = registry_document(program)["notifications"]["endpoints"]
    assert endpoint["ignoredmediatypes"] == ["application/octet-stream"]
    assert "ignore" not in endpoint


def test_locations_in_answers_hold_the_public_name_and_port(stack: str, program: Program) -> None:
    """The registry sees neither behind the front proxy: an upload would go on at a place that clients cannot reach."""
    assert registry_document(program)["http"]["host"] == f"https://{FACTS[stack].authority}"


def test_deleting_is_on_because_portus_removes_images_by_it(program: Program) -> None:
    assert registry_document(program)["storage"]["delete"] == {"enabled": True}


def test_the_stack_file_switches_deleting_off_and_chooses_the_notifications_time() -> None:
    said = settings(deleteEnabled=False, notifications={"timeout": "3s"})
    document = configuration(said, WIRING)
    assert document["storage"]["delete"] == {"enabled": False}
    assert document["notifications"]["endpoints"][0]["timeout"] == "3s"


def test_storage_that_fails_three_times_in_half_a_minute_takes_the_registry_out_of_its_service(program: Program) -> None:
    """`/` then answers 503, and readiness asks for it."""
    assert registry_document(program)["health"] == {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}}


def test_the_registry_is_asked_for_the_page_that_needs_no_token_and_knows_the_storage(program: Program) -> None:
    """`/v2/` answers 401. A restart mends no storage, so liveness asks the process alone."""
    container = workload(program, "registry").containers[0]
    for probe in ("startupProbe", "readinessProbe"):
        assert http_get(container[probe]) == ("HTTPS", "https", "/")
    assert http_get(container["livenessProbe"]) == ("HTTP", "debug", "/debug/vars")


def test_the_ports_of_pod_service_and_document_agree(stack: str, program: Program) -> None:
    http = registry_document(program)["http"]
    assert (http["addr"], http["debug"]["addr"]) == (":5000", ":5001")
    assert ports(workload(program, "registry").containers[0]) == {"https": 5000, "debug": 5001}
    public = int(FACTS[stack].port.removeprefix(":") or 443)
    service = {each["name"]: (each["port"], each["targetPort"]) for each in program.one("Service", "addresses-registry").spec["ports"]}
    assert service == {"https": (public, "https"), "debug": (5001, "debug")}


def test_the_registry_serves_the_stacks_certificate_from_tls_1_2_on(stack: str, program: Program) -> None:
    served = "portus-certificate" if stack == "prod" else "served-tls-certificate-auto"
    deployment, tls = workload(program, "registry"), registry_document(program)["http"]["tls"]
    mounted = files(deployment, deployment.containers[0])
    assert (mounted[tls["certificate"]], mounted[tls["key"]]) == (f"{served}/tls.crt", f"{served}/tls.key")
    assert tls["minimumtls"] == "tls1.2"


def test_the_registry_trusts_the_systems_cas_and_the_stacks_own(program: Program) -> None:
    """Go reads every file of SSL_CERT_DIR: without the first folder no object store is trusted, without the second no Portus."""
    deployment = workload(program, "registry")
    container = deployment.containers[0]
    system, own = variables(container)["SSL_CERT_DIR"].split(":")
    assert system == "/etc/ssl/certs"
    assert f"{own}/authority-1.crt" in files(deployment, container)
    texts = program.one("ConfigMap", "registry-config").inputs["data"]
    assert texts["authority-1.crt"] == program.one("ConfigMap", "served-tls-trust").inputs["data"]["ca.crt"]


def test_the_signers_that_the_document_names_are_mounted(program: Program) -> None:
    deployment, token = workload(program, "registry"), registry_document(program)["auth"]["token"]
    assert (token.get("rootcertbundle") or token["jwks"]) in files(deployment, deployment.containers[0])


def test_blobs_are_on_the_claim_and_the_driver_writes_where_it_is_mounted(program: Program) -> None:
    deployment = workload(program, "registry")
    assert registry_document(program)["storage"]["filesystem"]["rootdirectory"] == "/var/lib/registry"
    (mount,) = [each for each in deployment.containers[0]["volumeMounts"] if each["mountPath"] == "/var/lib/registry"]
    assert not mount.get("readOnly", False)
    (volume,) = [each for each in deployment.pod["volumes"] if each["name"] == mount["name"]]
    assert volume["persistentVolumeClaim"] == {"claimName": "registry-data"}
    assert program.one("PersistentVolumeClaim", "registry-data").inputs["metadata"]["name"] == "registry-data"


def test_one_registry_at_a_time_writes_a_claim_of_one_node(program: Program) -> None:
    spec = workload(program, "registry").spec
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_registry_runs_as_the_user_who_owns_its_blobs(program: Program) -> None:
    """Another uid could not write what the last release wrote."""
    assert identity(workload(program, "registry")) == (10500, 10500, 10500)


def test_every_copy_signs_uploads_with_the_same_secret(program: Program) -> None:
    assert variables(workload(program, "registry").containers[0])["REGISTRY_HTTP_SECRET"] == "secret:http-secret"


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
