"""Whose certificate is served, whose key signs tokens, and who trusts whom, for every source of a certificate."""

from __future__ import annotations

from typing import Any

import pytest

from components.tls.signing_key import key_id_of_certificate
from tests.components.rendered import FACTS, pem, program, variable, volume
from tests.recorder import Program, Programs, texts

SOURCES: dict[str, dict[str, Any]] = {
    "provided": {
        "source": "provided",
        "certificate": pem("chain"),
        "privateKey": {"secure": pem("key")},
        "caCertificate": pem("ca"),
    },
    "self_signed": {"source": "self_signed"},
    "existing_secret": {"source": "existing_secret", "secret": "of-somebody", "certificate": pem("chain"), "caCertificate": pem("ca")},
    "cert_manager": {
        "source": "cert_manager",
        "certificate": {"issuerRef": {"name": "le", "kind": "Issuer"}, "renewBefore": "48h"},
        "caCertificate": pem("ca"),
    },
}
KEYS: dict[str, dict[str, Any]] = {"shared": {}, "separate": {"signingKey": "separate"}}
"""By default the certificate's key signs."""
FURTHER = {"extraCaCertificates": [pem("ca"), pem("ca.other")], "caValidityDays": 3000, "validityDays": 200, "renewalDays": 40}
SERVED = {"existing_secret": "of-somebody", "cert_manager": "portus-tls"}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _bundle(made: Program) -> str:
    return next(str(r.inputs["data"]["token-signers.crt"]) for r in made.all("ConfigMap") if "token-signers.crt" in r.inputs["data"])


def _mounted(made: Program, component: str, volume_name: str) -> dict[str, str]:
    """Return file -> Secret or ConfigMap of a projected volume."""
    workload = next(w for w in made.all("Deployment") if w.template["metadata"]["labels"]["app.kubernetes.io/component"] == component)
    parts = [(kind, part[kind]) for part in volume(workload, volume_name)["projected"]["sources"] for kind in part]
    return {item["path"]: f"{kind}/{part['name']}" for kind, part in parts for item in part["items"]}


def test_portus_the_registry_and_the_front_proxy_serve_one_secret(source: str) -> None:
    made = program(tls=SOURCES[source])
    secret = SERVED.get(source, "served-tls-certificate-auto")
    assert _mounted(made, "web", "tls-secrets")["portus.key"] == f"secret/{secret}"
    assert volume(made.one("Deployment", "registry-deployment"), "tls")["secret"]["secretName"] == secret
    assert volume(made.one("Deployment", "edge-deployment"), "tls")["secret"]["secretName"] == secret
    assert [r.name for r in made.all("Secret") if r.inputs["type"] == "kubernetes.io/tls"] == (
        [] if source in SERVED else ["served-tls-certificate"]
    )


@pytest.mark.parametrize("name", ["existing_secret", "cert_manager"])
def test_a_key_in_an_existing_secret_is_nowhere_in_the_program(name: str) -> None:
    made = program(tls=SOURCES[name])
    assert not [text for r in made.resources for text in texts(r.inputs) if "PRIVATE KEY-----" in text]


@pytest.mark.parametrize("name", ["provided", "self_signed", "existing_secret"])
def test_by_default_the_certificates_key_signs_tokens(name: str) -> None:
    made = program(tls=SOURCES[name])
    assert variable(made.one("Deployment", "portus-web"), "PORTUS_KEY_PATH") == "/secrets/portus.key"
    leaf = "generated-certificate" if name == "self_signed" else pem("chain").partition("-----END")[0]
    assert _bundle(made).startswith(leaf)
    assert _bundle(made).count("BEGIN CERTIFICATE") == (0 if name == "self_signed" else 1)
    assert not [r for r in made.resources if "signing" in r.name]


@pytest.mark.parametrize(("choice", "told"), [("shared", {"registry-config"}), ("separate", set())])
def test_a_changed_certificate_in_an_existing_secret_reaches_the_registry_alone(choice: str, told: set[str]) -> None:
    """And that only where its key signs tokens; so whoever renews it restarts the Deployments, as docs/deploy/tls.md says."""
    before, after = (
        program(tls=SOURCES["existing_secret"] | KEYS[choice] | {"certificate": pem(name)}) for name in ("chain", "chain.wildcard")
    )
    there, then = ({r.name: r.inputs for r in (*made.all("ConfigMap"), *made.workloads())} for made in (before, after))
    assert {name for name, inputs in then.items() if inputs != there[name]} == told


def test_a_separate_key_signs_tokens_and_only_portus_gets_it(source: str) -> None:
    made = program(tls=SOURCES[source] | KEYS["separate"])
    for workload in ("portus-web", "worker-deployment"):
        assert variable(made.one("Deployment", workload), "PORTUS_KEY_PATH") == "/secrets/signing.key"
    assert variable(made.one("Deployment", "portus-web"), "PORTUS_PUMA_TLS_KEY") == "/secrets/portus.key"
    assert _mounted(made, "web", "tls-secrets")["signing.key"] == "secret/served-tls-signing-key-auto"
    assert made.one("Secret", "served-tls-signing-key").secrets
    assert _bundle(made).startswith("generated-ca")
    others = [w for w in made.workloads() if "served-tls-signing-key-auto" in list(texts(w.pod))]
    assert {w.name for w in others} == {"portus-web", "worker-deployment", "portus-migration-2.5"}


def _with_a_next_key(choice: str) -> Program:
    return program(protect="true", tls=SOURCES["self_signed"] | KEYS[choice] | {"signingKeyVersion": 2})


@pytest.mark.parametrize("choice", ["separate", "shared"])
def test_a_next_key_signs_while_the_registry_accepts_the_previous_one_too(choice: str) -> None:
    first = program(tls=SOURCES["self_signed"] | KEYS[choice])
    second = _with_a_next_key(choice)
    third = program(tls=SOURCES["self_signed"] | KEYS[choice] | {"signingKeyVersion": 2, "minSigningKeyVersion": 2})
    signer = "generated-ca" if choice == "separate" else "generated-certificate"
    assert [_bundle(made).count(signer) for made in (first, second, third)] == [1, 2, 1]
    key = "served-tls-signing-key" if choice == "separate" else "tls-key"
    keys = [{r.name for r in made.all("PrivateKey") if r.name.startswith(key)} for made in (first, second, third)]
    assert keys == [{key}, {key, f"{key}-2"}, {f"{key}-2"}]


def test_only_the_key_that_signs_is_protected() -> None:
    """So that the engine refuses to drop it in the deployment that brings its successor (tests/engine/test_random_and_tls.py)."""
    for choice in ("separate", "shared"):
        made = _with_a_next_key(choice)
        key = "served-tls-signing-key" if choice == "separate" else "tls-key"
        assert {r.name: r.protect for r in made.all("PrivateKey") if r.name.startswith(key)} == {key: False, f"{key}-2": True}


def test_the_bundle_takes_the_next_signer_in_before_its_turn() -> None:
    made = program(tls=SOURCES["provided"] | {"additionalSigners": [pem("ca"), pem("ca.other")]})
    blocks = [block + "-----END CERTIFICATE-----\n" for block in _bundle(made).split("-----END CERTIFICATE-----\n")[:-1]]
    assert [key_id_of_certificate(block) for block in blocks] == [
        key_id_of_certificate(text) for text in (pem("chain"), pem("ca"), pem("ca.other"))
    ]


def test_further_authorities_reach_portus_its_worker_and_the_registry_and_no_one_else() -> None:
    made = program(tls=SOURCES["self_signed"] | FURTHER)
    for component in ("web", "worker"):
        files = _mounted(made, component, "tls-certificates")
        assert files["extra-ca-1.crt"] == files["extra-ca-2.crt"] == files["portus-stack-ca.crt"] == "configMap/served-tls-trust-auto"
    trust = made.one("ConfigMap", "served-tls-trust").inputs["data"]
    assert trust == {"ca.crt": "generated-ca", "extra-ca-1.crt": pem("ca"), "extra-ca-2.crt": pem("ca.other")}
    holders = {r.name for r in made.all("ConfigMap") if pem("ca.other") in r.inputs["data"].values()}
    assert "served-tls-trust" in holders
    assert any(name.startswith("registry") for name in holders)
    assert "edge-config" not in holders


def test_the_old_images_get_further_authorities_beside_their_certificate() -> None:
    made = program(
        tls=SOURCES["self_signed"] | {"extraCaCertificates": [pem("ca")]},
        portus={"version": "2.2"},
        images={"portus": "registry.example.com/portus:2.2"},
    )
    assert set(_mounted(made, "web", "tls-certificates")) == {"portus-ca.crt", "portus-stack-ca.crt", "extra-ca-1.crt"}


def test_cert_manager_is_asked_for_an_rsa_certificate_of_every_host() -> None:
    certificate = program(tls=SOURCES["cert_manager"]).one("Certificate", "tls-certificate").inputs
    assert certificate["apiVersion"] == "cert-manager.io/v1"
    assert certificate["spec"] == {
        "secretName": "portus-tls",
        "dnsNames": ["portus.example.com", "registry.example.com"],
        "issuerRef": {"name": "le", "kind": "Issuer", "group": "cert-manager.io"},
        "duration": "2160h",
        "renewBefore": "48h",
        "privateKey": {"algorithm": "RSA", "encoding": "PKCS1", "size": 2048, "rotationPolicy": "Never"},
        "usages": ["digital signature", "key encipherment", "server auth"],
    }


def test_the_front_proxy_and_the_first_set_up_trust_the_stacks_own_authority(source: str) -> None:
    made = program(tls=SOURCES[source])
    trusted = "generated-ca" if source == "self_signed" else pem("ca")
    assert made.one("ConfigMap", "edge-config").inputs["data"]["ca.crt"] == trusted
    assert made.one("ConfigMap", "served-tls-trust").inputs["data"]["ca.crt"] == trusted


# The private CA's certificate holds every host that the stack serves, and may do what servers do and no more.


SELF_SIGNED = [stack for stack in FACTS if stack != "prod"]
HOURS = 24


@pytest.fixture(params=SELF_SIGNED)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_certificate_names_portus_and_the_registry(stack: str, programs: Programs) -> None:
    """Clients and both servers compare the name that they asked for with these, and with nothing else (RFC 6125)."""
    names = programs[stack].one("CertRequest", "tls-request").inputs["dnsNames"]
    assert names == [FACTS[stack].host, FACTS[stack].registry]


def test_the_leaf_may_serve_and_the_authority_may_sign(stack: str, programs: Programs) -> None:
    leaf = programs[stack].one("LocallySignedCert", "tls-certificate").inputs
    authority = programs[stack].one("SelfSignedCert", "tls-ca").inputs
    assert leaf["allowedUses"] == ["digital_signature", "key_encipherment", "server_auth"]
    assert not leaf.get("isCaCertificate", False)
    assert authority["isCaCertificate"] is True
    assert authority["allowedUses"] == ["cert_signing", "crl_signing"]


def test_keys_are_rsa_because_portus_signs_with_no_other(stack: str, programs: Programs) -> None:
    """With another key `_ping` answers 200 while each token request ends in 500 (portus-images.md, Keys and tokens)."""
    for key in programs[stack].all("PrivateKey"):
        assert key.inputs["algorithm"] == "RSA"
        assert key.inputs["rsaBits"] >= 2048


def test_the_leaf_is_renewed_before_it_ends_and_the_authority_outlives_it(stack: str, programs: Programs) -> None:
    leaf = programs[stack].one("LocallySignedCert", "tls-certificate").inputs
    authority = programs[stack].one("SelfSignedCert", "tls-ca").inputs
    assert 30 * HOURS <= leaf["earlyRenewalHours"] < leaf["validityPeriodHours"]
    assert leaf["validityPeriodHours"] <= 398 * HOURS, "clients of Apple refuse longer ones"
    assert authority["validityPeriodHours"] > 5 * leaf["validityPeriodHours"]


def test_days_in_the_stack_file_are_days_of_24_hours() -> None:
    made = program(tls=SOURCES["self_signed"] | FURTHER)
    leaf, authority = made.one("LocallySignedCert", "tls-certificate").inputs, made.one("SelfSignedCert", "tls-ca").inputs
    assert (leaf["validityPeriodHours"], leaf["earlyRenewalHours"]) == (200 * HOURS, 40 * HOURS)
    assert authority["validityPeriodHours"] == 3000 * HOURS
