"""The token's key, its id, and what a wrong key file leads to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from lab.portus_double.errors import ApplicationError
from lab.portus_double.tokens import claims, key_id, load_key

# openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | head -c 30 | base32, in groups of four
PUBLIC = """-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf
9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==
-----END PUBLIC KEY-----
"""
PUBLIC_ID = "3ZQA:XOOM:QRXT:OOLN:VFOX:ORLM:PVCZ:UXZB:CG2N:LVO4:OR3K:HZP6"

KEY = rsa.generate_private_key(65537, 2048)


def test_the_key_id_is_libtrusts() -> None:
    key = load_pem_public_key(PUBLIC.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    assert key_id(key) == PUBLIC_ID
    assert re.fullmatch(r"([A-Z2-7]{4}:){11}[A-Z2-7]{4}", PUBLIC_ID)


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_rsa_keys_of_both_forms_sign(tmp_path: Path, form: PrivateFormat) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY.private_bytes(Encoding.PEM, form, NoEncryption()))
    assert load_key(str(path)).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "incorrect pkey type"),
        (KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")), "unable to get passphrase"),
        (KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "private key is needed"),
        (b"not a key", "unsupported"),
        (b"", "unsupported"),
    ],
)
def test_every_other_key_is_refused_with_the_recorded_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ApplicationError, match=words):
        load_key(str(path))


def test_a_missing_key_and_a_folder_are_refused_too(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ApplicationError, match=words):
            load_key(str(path))


def test_a_login_has_no_access_claim_and_an_unknown_service_an_empty_one() -> None:
    login = claims(issuer="i", account=None, service=None, minutes=15, access=None)
    assert "access" not in login
    assert (login["sub"], login["aud"]) == (None, None)
    assert claims(issuer="i", account="a", service="s", minutes=5, access=[])["access"] == []
    assert login["exp"] - login["iat"] == 900
    assert login["iat"] - login["nbf"] == 5
