"""Who may do what, by generation, role, visibility and setting."""

from __future__ import annotations

import pytest

from lab.portus_double.generation import GENERATIONS
from lab.portus_double.policy import Actor, Limits, Place, Policy, Role, Visibility

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
