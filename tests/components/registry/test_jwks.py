"""The key set by which registry 3.x finds Portus' key; ``cryptography`` reads the same certificates."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from components.registry.inputs import jwks
from lab.portus_double.tokens import key_id
from tests.settings import authority


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
