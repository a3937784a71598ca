"""Who may do what, by generation, role, visibility and setting."""

from __future__ import annotations

from typing import Any

import pytest

from lab.portus_double.activities import symbols
from lab.portus_double.errors import ApplicationError
from lab.portus_double.events import rails_json, relevant
from lab.portus_double.generation import GENERATIONS
from lab.portus_double.policy import Actor, Limits, Place, Policy, Role, Visibility
from lab.portus_double.users import BAD_NAMESPACE, namespace_name, namespace_problems, password_problems

USER = Actor("alice", namespace_id=4)
ADMIN = Actor("admin", admin=True, namespace_id=3)
TEAM = 8


def allows(
    action: str, *, actor: Actor | None = USER, place: Place | None = None, limits: Limits | None = None, version: str = "2.5"
) -> bool:
    return Policy(GENERATIONS[version], limits or Limits(), actor, place or Place(TEAM)).allows(action)


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
def test_the_push_policy_limits_owners_and_an_unknown_one_everybody(policy: str, own: bool, team: bool, admin: bool) -> None:  # noqa: FBT001
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


def test_before_2_3_a_star_is_a_push_and_nobody_deletes() -> None:
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
    return relevant(GENERATIONS[version], content)


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
