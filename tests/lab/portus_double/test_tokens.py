"""How scopes are read, judged and merged."""

from __future__ import annotations

import re
from collections.abc import Callable
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
from lab.portus_double.tokens import Scope, ScopeNotHandledError, claims, granted, key_id, load_key, merge, parse, requested


def allowing(*actions: str) -> Callable[[str], bool]:
    return lambda action: action in actions


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("service=r", []),
        ("scope", []),
        ("scope=", [""]),
        ("scope=a:b:c&scope=d:e:f", ["a:b:c", "d:e:f"]),
        ("scope=a:b:c;%20scope=d:e:f", ["a:b:c"]),
        ("scope=a:b:c; scope=d:e:f", ["a:b:c", "d:e:f"]),
        ("scope=repository%3Aa%2Fb%3Apull%2Cpush", ["repository:a/b:pull,push"]),
    ],
)
def test_scopes_come_from_the_raw_query_as_rack_reads_it(query: str, scopes: list[str]) -> None:
    assert requested(query) == scopes


@pytest.mark.parametrize("text", ["", "pull", "repository:alice", "plugin:alice/app:pull", "repository(plugin):alice/app:pull"])
def test_a_scope_of_another_form_or_type_is_not_handled(text: str) -> None:
    with pytest.raises(ScopeNotHandledError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:alice/app:push,pull", Scope("repository", "alice/app", ("push", "pull"))),
        ("repository:alice/app:", Scope("repository", "alice/app", ())),
        ("repository:alice/app:pull,", Scope("repository", "alice/app", ("pull",))),
        ("repository:reg:5000/alice/app:pull", Scope("repository", "reg", ("5000/alice/app:pull",))),
        ("registry:catalog:*", Scope("registry", "catalog", ("*",))),
    ],
)
def test_the_name_ends_at_the_second_colon(text: str, scope: Scope) -> None:
    assert parse(text) == scope


@pytest.mark.parametrize(
    ("name", "namespace"), [("busybox", None), ("alice/app", "alice"), ("alice/a/b", "alice"), ("/app", None), ("app/", "app"), ("/", None)]
)
def test_the_namespace_is_what_stands_before_the_first_slash(name: str, namespace: str | None) -> None:
    assert Scope("repository", name, ()).namespace == namespace


def test_denied_actions_go_and_the_order_asked_for_stays() -> None:
    assert granted(parse("repository:a/b:push,fly,pull"), allowing("pull", "push")) == ["push", "pull"]


def test_a_star_is_judged_as_all() -> None:
    assert granted(parse("repository:a/b:*"), allowing("all")) == ["*"]
    assert granted(parse("repository:a/b:*"), allowing("pull", "push")) == []


def test_what_stands_behind_a_leading_star_is_not_judged_as_in_the_genuine_application() -> None:
    assert granted(parse("repository:a/b:*,push"), allowing()) == ["push"]


def test_of_the_registry_only_the_whole_catalogue_is_judged() -> None:
    assert granted(parse("registry:catalog:*"), allowing()) == []
    assert granted(parse("registry:catalog:pull"), allowing()) == ["pull"]
    assert granted(parse("registry:other:*"), allowing()) == ["*"]


def test_scopes_of_one_resource_are_merged_and_empty_ones_left_out() -> None:
    app, other = parse("repository:a/b:pull"), parse("repository:c/d:pull")
    assert merge([(app, ["pull"]), (other, []), (app, ["push", "pull"])]) == [
        {"type": "repository", "name": "a/b", "actions": ["pull", "push"]}
    ]


# The token's key, its id, and what a wrong key file leads to.


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
