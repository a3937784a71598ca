"""The private CA's certificate holds every host that the stack serves, and may do what servers do and no more."""

from __future__ import annotations

import pytest

from tests.components.rendered import FACTS
from tests.recorder import Programs

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
