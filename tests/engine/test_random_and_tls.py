"""Generated secrets, keys and certificates through the real engine; it refuses to leave out a step of a signing key's rotation."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ops.paths import ROOT
from tests.engine.genuine_state import by_type, genuine, reduced, type_of
from tests.engine.harness import Stack

pytestmark = pytest.mark.engine

CREDENTIALS = """
password = random.RandomPassword("password", length=40, special=False, min_numeric=5)
key = random.RandomBytes("key", length=64)
name = random.RandomId("name", byte_length=4, prefix="p-")
number = random.RandomInteger("number", min=3, max=5)
uuid = random.RandomUuid("uuid")
text = random.RandomString("text", length=12, upper=False, override_special="_")
for label, value in dict(password=password.result, hash=password.bcrypt_hash, hex=key.hex, base64=key.base64, id=name.hex,
                         number=number.result, uuid=uuid.result, text=text.result).items():
    pulumi.export(label, value)
"""


def test_values_follow_their_inputs_and_stay(stack: Stack) -> None:
    stack.program(CREDENTIALS)
    assert stack.up().count("created") == 7
    first = stack.outputs()
    assert len(first["password"]) == 40
    assert first["password"].isalnum()
    assert sum(character.isdigit() for character in first["password"]) >= 5
    assert bcrypt.checkpw(first["password"].encode(), first["hash"].encode())
    assert base64.b64decode(first["base64"]).hex() == first["hex"]
    assert len(first["hex"]) == 128
    assert first["id"].startswith("p-")
    assert 3 <= first["number"] <= 5
    assert stack.resource("text")["id"] == first["text"]
    assert stack.resource("password")["id"] == "none"
    stack.preview("--expect-no-changes")
    stack.refresh("--expect-no-changes")
    stack.up("--expect-no-changes")
    assert stack.outputs() == first


def test_any_changed_input_replaces(stack: Stack) -> None:
    stack.program(CREDENTIALS)
    stack.up()
    first = stack.outputs()
    stack.program(CREDENTIALS.replace("length=64", 'length=64, keepers={"generation": "2"}'))
    assert stack.up().count("replaced") == 1
    second = stack.outputs()
    assert second["hex"] != first["hex"]
    assert second["password"] == first["password"]


def test_generated_secrets_are_never_stored_in_clear_but_for_the_id_of_random_bytes(stack: Stack) -> None:
    stack.program(CREDENTIALS + 'tls.PrivateKey("tls", algorithm="RSA")\n')
    result = stack.up()
    values = stack.outputs()
    written = stack.everything_written() + result.text
    for secret in (values["password"], values["hash"], values["hex"]):
        assert secret not in written
    assert stack.resource("key")["id"] == values["base64"], "as the genuine plugin, the stand-in shows the bytes in their id"
    assert "PRIVATE KEY" not in written
    assert values["uuid"] in written, "the scan must be able to find a value that is not secret"


def test_a_preview_makes_nothing_and_knows_no_value(stack: Stack) -> None:
    stack.program(CREDENTIALS)
    result = stack.preview()
    assert result.count("create") == 7
    assert "[unknown]" in result.text
    assert stack.names() == set()


def test_a_password_and_bytes_are_imported_by_value(stack: Stack) -> None:
    data = base64.b64encode(bytes(range(16))).decode()
    stack.program(f"""
    password = random.RandomPassword("password", length=8, opts=pulumi.ResourceOptions(import_="Adopted1"))
    key = random.RandomBytes("key", length=16, opts=pulumi.ResourceOptions(import_="{data}"))
    pulumi.export("password", password.result)
    pulumi.export("base64", key.base64)
    """)
    stack.up()
    assert stack.outputs() == {"password": "Adopted1", "base64": data}
    stack.program("""
    random.RandomPassword("password", length=8)
    random.RandomBytes("key", length=16)
    """)
    assert stack.up().count("unchanged") == 3, "the adopted values stay when the import is taken out of the program"


def test_impossible_inputs_stop_with_the_property_named(stack: Stack) -> None:
    stack.program('random.RandomPassword("password", length=3, min_lower=4)\n')
    result = stack.preview(fails=True)
    assert "length" in result.text
    assert "sum of the minima (4)" in result.text


def test_certificates_carry_what_was_asked(stack: Stack) -> None:
    stack.program("""
    ca_key = tls.PrivateKey("ca-key", algorithm="ECDSA", ecdsa_curve="P256")
    ca = tls.SelfSignedCert(
        "ca",
        private_key_pem=ca_key.private_key_pem,
        is_ca_certificate=True,
        allowed_uses=["cert_signing", "crl_signing"],
        validity_period_hours=48,
        subject={"common_name": "Lab CA"},
    )
    key = tls.PrivateKey("key", algorithm="RSA", rsa_bits=2048)
    request = tls.CertRequest(
        "request",
        private_key_pem=key.private_key_pem,
        dns_names=["portus.lab"],
        ip_addresses=["10.0.0.7"],
        subject={"common_name": "portus.lab", "organization": "Lab"},
    )
    leaf = tls.LocallySignedCert(
        "leaf",
        cert_request_pem=request.cert_request_pem,
        ca_cert_pem=ca.cert_pem,
        ca_private_key_pem=ca_key.private_key_pem,
        allowed_uses=["digital_signature", "key_encipherment", "server_auth"],
        validity_period_hours=24,
    )
    for label, value in dict(ca=ca.cert_pem, leaf=leaf.cert_pem, public=key.public_key_pem).items():
        pulumi.export(label, value)
    for label, value in dict(key=key.private_key_pem, pkcs8=key.private_key_pem_pkcs8).items():
        pulumi.export(label, value)
    """)
    stack.up()
    values = stack.outputs()
    ca, leaf = (x509.load_pem_x509_certificate(values[name].encode()) for name in ("ca", "leaf"))
    leaf.verify_directly_issued_by(ca)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["portus.lab"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() == 24 * 3600
    key = serialization.load_pem_private_key(values["key"].encode(), None)
    assert key.public_key() == leaf.public_key() == serialization.load_pem_public_key(values["public"].encode())
    assert values["key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert values["pkcs8"].startswith("-----BEGIN PRIVATE KEY-----")
    stack.up("--expect-no-changes")


def test_a_certificate_inside_its_renewal_time_is_replaced(stack: Stack) -> None:
    program = """
    key = tls.PrivateKey("key", algorithm="ED25519")
    cert = tls.SelfSignedCert("cert", private_key_pem=key.private_key_pem, allowed_uses=["server_auth"], validity_period_hours=10,
                              early_renewal_hours={early}, subject={{"common_name": "a"}})
    pulumi.export("cert", cert.cert_pem)
    """
    stack.program(program.format(early=1))
    stack.up()
    first = stack.outputs()["cert"]
    stack.program(program.format(early=11))
    assert stack.up().count("updated") == 1
    assert stack.outputs()["cert"] == first, "the renewal time itself changes nothing"
    assert stack.up().count("replaced") == 1
    assert stack.outputs()["cert"] != first


# The engine refuses to leave out a step of a signing key's rotation, for it knows what is deployed.


pytestmark = pytest.mark.engine

PROGRAM = """
import sys, types
sys.path.insert(0, {root!r})
from components.settings.sections.tls import SelfSignedTls
from components.tls import SelfSignedCertificate
settings = SelfSignedTls(signingKeyVersion={signs}, minSigningKeyVersion={oldest})
made = SelfSignedCertificate("tls", stack=types.SimpleNamespace(protect=True), settings=settings, hosts=["portus.example.com"])
pulumi.export("key_ids", [signer.key_id for signer in made.signers])
pulumi.export("trust", made.trust)
"""


def _say(stack: Stack, *, signs: int, oldest: int) -> None:
    stack.program(PROGRAM.format(root=str(ROOT), signs=signs, oldest=oldest))


def test_a_key_that_signs_goes_in_a_later_deployment_than_its_successor_comes(stack: Stack) -> None:
    _say(stack, signs=1, oldest=1)
    stack.up()
    first = stack.outputs()
    _say(stack, signs=2, oldest=2)
    assert "protected" in stack.preview(fails=True).text
    _say(stack, signs=2, oldest=1)
    stack.up()
    second = stack.outputs()
    assert second["key_ids"][1:] == first["key_ids"]
    assert second["trust"] == first["trust"], "clients keep their trust"
    _say(stack, signs=2, oldest=2)
    stack.up()
    assert stack.outputs()["key_ids"] == second["key_ids"][:1]
    assert {"tls-key-2", "tls-certificate-2"} <= stack.names()
    assert not {"tls-key", "tls-certificate", "tls-request"} & stack.names()
    stack.run("state", "unprotect", "--all", "--yes")


# What the stand-ins write is what Pulumi's own plugins write, so that a stack goes from one to the other and back without a change.


EVERY_KIND = """
import sys, types
sys.path.insert(0, {root!r})
from components.settings.sections.tls import SelfSignedTls
from components.tls import SelfSignedCertificate
stack = types.SimpleNamespace(protect=False)
SelfSignedCertificate("tls", stack=stack, settings=SelfSignedTls(), hosts=["portus.example.com", "registry.example.com"])
random.RandomPassword("letters", length=40, special=False, numeric=False)
random.RandomBytes("bytes", length=64)
"""


def test_random_and_tls_resources_are_noted_as_pulumis_own_plugins_note_them(stack: Stack) -> None:
    stack.program(EVERY_KIND.format(root=str(ROOT)))
    stack.up()
    record = by_type(genuine())
    found = [reduced(each) for each in stack.export()["deployment"]["resources"] if each["type"].partition(":")[0] in {"random", "tls"}]
    assert {type_of(each) for each in found} == {kind for kind in record if kind.partition(":")[0] in {"random", "tls"}}
    assert {type_of(each) for each in found} >= {"tls:index/locallySignedCert:LocallySignedCert", "random:index/randomBytes:RandomBytes"}
    wanted = {type_of(each): each for each in genuine() if not each["urn"].endswith(("::tls-ca-key", "::tls-key"))} | record
    for each in found:
        assert {**each, "urn": ""} == {**wanted[type_of(each)], "urn": ""}


def test_a_refresh_and_an_update_leave_the_notes_as_they_are(stack: Stack) -> None:
    stack.program(EVERY_KIND.format(root=str(ROOT)))
    stack.up()
    before = [reduced(each) for each in stack.export()["deployment"]["resources"]]
    stack.refresh("--expect-no-changes")
    assert [reduced(each) for each in stack.export()["deployment"]["resources"]] == before
    stack.program(EVERY_KIND.format(root=str(ROOT)).replace("SelfSignedTls()", "SelfSignedTls(renewalDays=30)"))
    assert stack.up().count("updated") == 1
    assert _outputs(reduced(each) for each in stack.export()["deployment"]["resources"]) == _outputs(before)


def _outputs(resources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(each["urn"]): each.get("outputs") for each in resources}
