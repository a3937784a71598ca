"""Where each generated password, key and certificate is in the cluster, held against what the program registers."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ops.errors import OpsError
from ops.state.certificates import Certificates
from ops.state.passwords import CURRENT, LOGINS, PASSWORD, PREVIOUS, generated, noted, places, recovered
from ops.state.values import UNKNOWN, Secret
from tests.ops.state.stages import texts
from tests.recorder import STACKS, Programs, run_program
from tests.settings import chains
from tests.settings.authority import HOSTS, private

PROGRAMS = Programs(STACKS, run_program)
LETTERS = {"length": 40, "special": False, "numeric": False}
HEX = {"length": 128, "special": True, "overrideSpecial": "0123456789abcdef", "lower": False, "upper": False, "numeric": False}


def _password(name: str, **inputs: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:s::p::{PASSWORD}::{name}", "type": PASSWORD, "custom": True, "inputs": inputs or LETTERS}


def _secret(*names: str) -> dict[str, Any]:
    urns = [f"urn:pulumi:s::p::{PASSWORD}::{name}" for name in names]
    return {"urn": "urn:pulumi:s::p::kubernetes:core/v1:Secret::x", "type": "kubernetes:core/v1:Secret", "dependencies": urns}


@pytest.mark.parametrize("stack", STACKS)
def test_each_password_of_the_program_is_where_this_command_looks(stack: str) -> None:
    """A password that an object depends on has a Secret and a key; the Secret has that key, and is made of that password."""
    program = PROGRAMS[stack]
    secrets = {each.name: each for each in program.all("Secret")}
    seen = 0
    for password in program.all("RandomPassword"):
        users = [each for each in program.resources if each.type.startswith("kubernetes:") and password.name in each.after]
        if not users:
            continue
        found = [(name, key) for name, key in places(password.name, newest=1) if name in secrets and key in secrets[name].inputs["data"]]
        assert found, password.name
        assert all(password.name in secrets[name].after for name, _ in found), password.name
        seen += 1
    assert seen or stack == "prod"


def test_a_rotation_has_the_previous_passwords_where_the_server_reads_them() -> None:
    assert places("credentials-database-root-3", 3) == [("mariadb-credentials", "root-password"), ("mariadb-rotation-files", "login-03")]
    assert places("credentials-database-root-2", 3)[0] == ("mariadb-credentials", "previous-root-password")
    assert places("credentials-database-root-1", 3) == [("mariadb-rotation-files", "login-01")]
    assert places("credentials-secret-key-base-1", 2) == []
    assert places("registry-cache-password", 1) == places("registry-cache-password-2", 2) == [("registry-cache-credentials", "password")]
    assert set(PREVIOUS) | {LOGINS[0]} <= set(CURRENT)


def test_what_is_in_use_is_read_and_what_nothing_reads_is_made() -> None:
    wanted = [_password("credentials-secret-key-base-1", **HEX), _password("credentials-secret-key-base-2", **HEX)]
    texts = {("portus-credentials", "secret-key-base"): "f" * 128}
    made, new = recovered([*wanted, _secret("credentials-secret-key-base-2")], lambda *place: texts.get(place))
    assert made[wanted[1]["urn"]]["outputs"]["result"] == Secret("f" * 128)
    assert new == ["credentials-secret-key-base-1"]
    assert re.fullmatch("[0-9a-f]{128}", made[wanted[0]["urn"]]["outputs"]["result"].value)


def test_a_password_in_use_that_is_nowhere_is_refused_with_its_place() -> None:
    wanted = [_password("credentials-administrator-1"), _secret("credentials-administrator-1")]
    with pytest.raises(OpsError, match=r"key administrator-password of Secret portus-credentials-\.\.\., and is not.*Nothing was changed"):
        recovered(wanted, lambda *_: None)
    with pytest.raises(OpsError, match="no Secret that this command knows"):
        recovered([_password("credentials-other-1"), _secret("credentials-other-1")], lambda *_: None)


def test_a_password_is_noted_as_the_plugin_notes_it() -> None:
    found = noted(LETTERS, "abc")
    outputs = found["outputs"]
    assert (found["id"], outputs["id"], found["inputs"]) == ("none", "none", LETTERS)
    assert outputs["__meta"] == '{"schema_version":"3"}'
    assert (outputs["number"], outputs["numeric"], outputs["lower"], outputs["minLower"]) == (False, False, True, 0)
    assert bcrypt.checkpw(b"abc", outputs["bcryptHash"].value.encode())


@pytest.mark.parametrize(("inputs", "form"), [(LETTERS, "[A-Za-z]{40}"), (HEX, "[0-9a-f]{128}")])
def test_a_new_password_has_the_form_that_the_program_asks_for(inputs: dict[str, Any], form: str) -> None:
    assert re.fullmatch(form, generated({"lower": True, "upper": True, "numeric": True, "special": True, **inputs}))


# Keys and certificates as the state notes them, and what a cluster does not have.


VALID = {"validityPeriodHours": 9528, "allowedUses": ["digital_signature"]}


def _resource(kind: str, name: str, **inputs: Any) -> dict[str, Any]:
    token = f"tls:index/{kind[:1].lower()}{kind[1:]}:{kind}"
    return {"urn": f"urn:pulumi:s::p::{token}::{name}", "type": token, "custom": True, "inputs": inputs}


def _self_signed(number: str = "") -> list[dict[str, Any]]:
    return [
        _resource("PrivateKey", "tls-ca-key", algorithm="RSA", rsaBits=2048),
        _resource("PrivateKey", f"tls-key{number}", algorithm="RSA", rsaBits=2048),
        _resource("SelfSignedCert", "tls-ca", privateKeyPem=UNKNOWN, isCaCertificate=True, setSubjectKeyId=True, **VALID),
        _resource("CertRequest", f"tls-request{number}", privateKeyPem=UNKNOWN, dnsNames=list(HOSTS), subject={"commonName": HOSTS[0]}),
        _resource(
            "LocallySignedCert",
            f"tls-certificate{number}",
            certRequestPem=UNKNOWN,
            caPrivateKeyPem=UNKNOWN,
            caCertPem=UNKNOWN,
            earlyRenewalHours=24,
            **VALID,
        ),
    ]


def _signing() -> list[dict[str, Any]]:
    return [
        _resource("PrivateKey", "served-tls-signing-key", algorithm="RSA", rsaBits=2048),
        _resource("SelfSignedCert", "served-tls-signing-certificate", privateKeyPem=UNKNOWN, subject={"commonName": "signer"}, **VALID),
    ]


def _made(planned: list[dict[str, Any]], held: dict[tuple[str, str], str]) -> dict[str, dict[str, Any]]:
    found = Certificates(planned, lambda *place: held.get(place)).recovered()
    return {urn.rpartition("::")[2]: each for urn, each in found.items()}


@pytest.mark.parametrize("number", ["", "-2"])
def test_the_certificate_and_its_key_are_the_clusters(number: str) -> None:
    held = texts()
    made = _made(_self_signed(number), held)
    key, leaf, ca = made[f"tls-key{number}"], made[f"tls-certificate{number}"], made["tls-ca"]
    assert key["outputs"]["privateKeyPem"] == Secret(private("server")) == made[f"tls-request{number}"]["inputs"]["privateKeyPem"]
    assert leaf["outputs"]["certPem"] + ca["outputs"]["certPem"] == held["served-tls-certificate", "tls.crt"]
    assert ca["outputs"]["certPem"] == held["served-tls-trust", "ca.crt"] == leaf["inputs"]["caCertPem"]
    assert leaf["inputs"]["certRequestPem"] == made[f"tls-request{number}"]["outputs"]["certRequestPem"]
    request = x509.load_pem_x509_csr(leaf["inputs"]["certRequestPem"].encode())
    assert request.public_key() == serialization.load_pem_public_key(key["outputs"]["publicKeyPem"].encode())
    assert leaf["id"] == str(x509.load_pem_x509_certificate(leaf["outputs"]["certPem"].encode()).serial_number)


def test_the_key_of_the_ca_is_a_new_one_wherever_the_program_would_use_it() -> None:
    made = _made(_self_signed(), texts())
    lost = made["tls-ca-key"]["outputs"]["privateKeyPem"]
    assert lost not in (Secret(private("root")), Secret(private("server")))
    assert made["tls-ca"]["inputs"]["privateKeyPem"] == lost == made["tls-certificate"]["inputs"]["caPrivateKeyPem"]


def test_the_program_wants_a_renewal_before_the_certificate_ends() -> None:
    held = texts()
    renewal = Certificates(_self_signed(), lambda *place: held.get(place)).renewal
    ends = x509.load_pem_x509_certificate(held["served-tls-certificate", "tls.crt"].encode()).not_valid_after_utc
    assert renewal == ends - dt.timedelta(hours=24)
    assert Certificates(_self_signed()[1:2], lambda *place: held.get(place)).renewal is None


def test_other_host_names_and_sizes_of_the_stack_file_are_not_taken_for_deployed() -> None:
    planned = _self_signed()
    planned[1]["inputs"]["rsaBits"] = 4096
    planned[3]["inputs"]["dnsNames"] = ["other.example.com"]
    made = _made(planned, texts())
    assert made["tls-key"]["inputs"]["rsaBits"] == 2048
    assert made["tls-request"]["inputs"]["dnsNames"] == list(HOSTS)


def test_the_signers_certificate_is_the_one_that_registry_2_8_trusts() -> None:
    signer = chains.made("signer", by="signer", of="server", signer="server", ca=False)
    held = {("served-tls-signing-key", "signing.key"): private("server")}
    with_bundle = held | {("registry-config", "token-signers.crt"): chains.root() + signer}
    assert _made(_signing(), with_bundle)["served-tls-signing-certificate"]["outputs"]["certPem"] == signer
    made = _made(_signing(), held)["served-tls-signing-certificate"]["outputs"]["certPem"]
    certificate = x509.load_pem_x509_certificate(made.encode())
    certificate.verify_directly_issued_by(certificate)
    assert certificate.public_key() == x509.load_pem_x509_certificate(signer.encode()).public_key()
    with pytest.raises(OpsError, match="must have a certificate of the key in signing"):
        _made(_signing(), held | {("registry-config", "token-signers.crt"): chains.root()})


def test_a_rotation_of_the_signing_key_is_ended_first() -> None:
    planned = [*_self_signed(), *_self_signed("-2")[1:2]]
    with pytest.raises(OpsError, match=r"set tls\.minSigningKeyVersion: 2 and repeat this command"):
        _made(planned, texts())


@pytest.mark.parametrize(
    ("place", "text", "says"),
    [
        (("served-tls-certificate", "tls.key"), None, "with the key tls.key must be in the cluster"),
        (("served-tls-certificate", "tls.key"), "no key", "must be a private key in PEM form"),
        (("served-tls-certificate", "tls.key"), private("root"), "must be of the key in tls.key"),
        (("served-tls-trust", "ca.crt"), "no certificate", "must be certificates in PEM form"),
        (("served-tls-trust", "ca.crt"), chains.made("Other", by="Other", of="root", signer="root"), "must be signed by the CA"),
    ],
)
def test_texts_that_do_not_fit_are_refused(place: tuple[str, str], text: str | None, says: str) -> None:
    held = {key: value for key, value in (texts() | {place: text}).items() if value is not None}
    with pytest.raises(OpsError, match=says) as raised:
        _made(_self_signed(), held)
    assert "Nothing was changed" in raised.value.fix
    assert "BEGIN" not in str(raised.value)


def test_a_resource_that_this_command_does_not_know_is_refused() -> None:
    with pytest.raises(OpsError, match="must know where other-key"):
        _made([_resource("PrivateKey", "other-key", rsaBits=2048)], texts())
