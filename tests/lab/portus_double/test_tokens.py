"""How scopes are read, judged and merged."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

from lab.portus_double.activities import symbols
from lab.portus_double.errors import ApplicationError
from lab.portus_double.events import rails_json, relevant
from lab.portus_double.policy import Actor, Limits, Place, Policy, Role, Visibility
from lab.portus_double.release import RELEASES
from lab.portus_double.tokens import Scope, ScopeNotHandledError, claims, granted, key_id, load_key, merge, parse, requested
from lab.portus_double.users import BAD_NAMESPACE, namespace_name, namespace_problems, password_problems


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
def test_the_namespace_is_the_part_before_the_first_slash(name: str, namespace: str | None) -> None:
    assert Scope("repository", name, ()).namespace == namespace


def test_denied_actions_go_and_the_order_asked_for_stays() -> None:
    assert granted(parse("repository:a/b:push,fly,pull"), allowing("pull", "push")) == ["push", "pull"]


def test_a_star_is_judged_as_all() -> None:
    assert granted(parse("repository:a/b:*"), allowing("all")) == ["*"]
    assert granted(parse("repository:a/b:*"), allowing("pull", "push")) == []


def test_actions_after_a_leading_star_are_not_checked_as_in_the_genuine_application() -> None:
    assert granted(parse("repository:a/b:*,push"), allowing()) == ["push"]


def test_of_the_registrys_scopes_only_the_whole_catalog_is_checked() -> None:
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


# Who may do what, by release, role, visibility and setting.


USER = Actor("alice", namespace_id=4)
ADMIN = Actor("admin", admin=True, namespace_id=3)
TEAM = 8


def allows(
    action: str, *, actor: Actor | None = USER, place: Place | None = None, limits: Limits | None = None, version: str = "2.5"
) -> bool:
    return Policy(RELEASES[version], limits or Limits(), actor, place or Place(TEAM)).allows(action)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [(None, set()), (Role.VIEWER, {"pull"}), (Role.CONTRIBUTOR, {"pull", "push"}), (Role.OWNER, {"pull", "push", "delete", "all"})],
)
def test_a_role_in_a_private_namespace_allows_so_much(role: Role | None, allowed: set[str]) -> None:
    place = Place(TEAM, role=role)
    assert {action for action in ("pull", "push", "delete", "all", "fly") if allows(action, place=place)} == allowed


@pytest.mark.parametrize(
    ("visibility", "anonymous", "stranger"),
    [(Visibility.PRIVATE, False, False), (Visibility.PROTECTED, False, True), (Visibility.PUBLIC, True, True)],
)
def test_visibility_decides_who_pulls(visibility: Visibility, anonymous: bool, stranger: bool) -> None:  # noqa: FBT001
    place = Place(TEAM, visibility)
    assert allows("pull", actor=None, place=place) is anonymous
    assert allows("pull", place=place) is stranger
    assert not allows("push", place=place)


@pytest.mark.parametrize(
    ("policy", "own", "team", "admin"),
    [
        ("allow-teams", True, True, True),
        ("allow-personal", True, False, True),
        ("admin-only", False, False, True),
        ("allow-everybody", False, False, False),
    ],
)
def test_the_push_policy_limits_owners_and_an_unknown_policy_limits_all_users(policy: str, own: bool, team: bool, admin: bool) -> None:  # noqa: FBT001
    limits = Limits(push_policy=policy)
    assert allows("push", place=Place(4, role=Role.OWNER), limits=limits) is own
    assert allows("push", place=Place(TEAM, role=Role.OWNER), limits=limits) is team
    assert allows("push", actor=ADMIN, limits=limits) is admin


def test_deletion_switched_off_binds_admins_too() -> None:
    off = Limits(delete_enabled=False)
    assert not allows("delete", actor=ADMIN, limits=off)
    assert not allows("all", actor=ADMIN, limits=off)


def test_contributors_delete_only_where_they_may() -> None:
    place = Place(TEAM, role=Role.CONTRIBUTOR)
    assert not allows("delete", place=place)
    assert allows("delete", place=place, limits=Limits(contributors_delete=True))


def test_before_2_3_a_star_means_push_and_no_user_may_delete() -> None:
    place = Place(TEAM, role=Role.CONTRIBUTOR)
    assert allows("all", place=place, version="2.2")
    assert not allows("delete", actor=ADMIN, version="2.2")


def test_the_hidden_user_pulls_everything_since_2_5() -> None:
    portus = Actor("portus")
    assert allows("pull", actor=portus)
    assert not allows("pull", actor=portus, version="2.4")


# User names, namespace names, passwords, and activities' parameters.


@pytest.mark.parametrize(
    ("username", "name"),
    [
        ("alice", "alice"),
        ("Dave.Smith", "dave.smith"),
        ("_x_", "x"),
        ("a b", "a_b"),
        ("a--b", "a_b"),
        ("a__.b", "a_b"),
        ("a@b.c", "a_b.c"),
        ("a", "a"),
        ("___", None),
        ("", None),
        ("é", None),
    ],
)
def test_a_user_name_becomes_a_namespace_name(username: str, name: str | None) -> None:
    assert namespace_name(username) == name


def test_a_taken_name_gets_the_first_free_number() -> None:
    assert namespace_name("alice", {"alice", "alice0"}.__contains__) == "alice1"


@pytest.mark.parametrize(
    ("name", "problem"), [("Bad Name", BAD_NAMESPACE), ("a_", BAD_NAMESPACE), ("-a", BAD_NAMESPACE), ("a..b", BAD_NAMESPACE)]
)
def test_a_namespace_is_lower_case_with_single_separators_inside(name: str, problem: str) -> None:
    assert namespace_problems(name) == [problem]
    assert namespace_problems("a-b_c.d") == []


def test_a_password_has_8_to_128_characters() -> None:
    assert password_problems("1234567") == ["is too short (minimum is 8 characters)"]
    assert password_problems("x" * 129) == ["is too long (maximum is 128 characters)"]
    assert password_problems("") == ["can't be blank"]
    assert password_problems("12345678") == []


def test_parameters_are_yaml_with_symbols() -> None:
    parameters = {"repository_name": "hello", "namespace_id": 4, "tag_name": "1.0"}
    assert symbols(parameters) == "---\n:repository_name: hello\n:namespace_id: 4\n:tag_name: '1.0'\n"
    assert symbols(None) is None


# Which notifications are kept, and which are an error for ever.


DOCKER = "application/vnd.docker.distribution.manifest"


def event(action: Any = "push", media_type: Any = f"{DOCKER}.v2+json") -> dict[str, Any]:
    return {"id": "e", "action": action, "target": {"mediaType": media_type}}


def kept(content: Any, version: str = "2.5") -> bool:
    return relevant(RELEASES[version], content)


@pytest.mark.parametrize("kind", [f"{DOCKER}.v2+json", f"{DOCKER}.list.v2+json", f"{DOCKER}.v1+prettyjws"])
def test_docker_manifests_are_kept(kind: str) -> None:
    assert kept(event(media_type=kind))


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"]
)
def test_blobs_and_oci_manifests_are_dropped(kind: str) -> None:
    assert not kept(event(media_type=kind))


def test_deletes_are_kept_whatever_their_type() -> None:
    assert kept({"action": "delete", "target": {}})


@pytest.mark.parametrize("action", ["mount", None, 5])
def test_other_actions_are_dropped(action: Any) -> None:
    assert not kept(event(action))


def test_pulls_are_kept_since_2_5() -> None:
    assert kept(event("pull"))
    assert not kept(event("pull"), "2.4")


@pytest.mark.parametrize("target", [None, "text", []])
def test_a_target_that_is_no_object_is_dropped(target: Any) -> None:
    assert not kept({"action": "push", "target": target})


@pytest.mark.parametrize("content", [event(media_type=None), event(media_type=7), None, 5, [], True])
def test_what_the_genuine_code_takes_for_granted_is_an_error(content: Any) -> None:
    with pytest.raises(ApplicationError):
        kept(content)


def test_rows_are_measured_with_rails_escapes() -> None:
    assert rails_json({"a": "<&>ä"}) == '{"a":"\\u003c\\u0026\\u003eä"}'
