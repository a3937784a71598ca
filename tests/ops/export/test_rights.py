"""Who may do what in another registry is what Portus decides, for every user, namespace and action."""

from __future__ import annotations

import itertools
import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lab.environment import Lab
from lab.portus_double import policy as genuine
from lab.portus_double.release import RELEASES
from ops.commands import export
from ops.doctor.facts import Expected
from ops.errors import OpsError
from ops.export import harbor, zot
from ops.export.command import PRIVATE, _whole, documents, require_empty
from ops.export.model import Member, Namespace, Portus, Role, Team, User, Visibility
from tests.ops.export.sample import PULL, PUSH, harbor_allows, inventory, matches, portus, zot_allows

REPOSITORIES = {True: ("busybox", "alice"), False: ("{}/app", "{}/a/b/c")}
"""Of the global namespace, and of any other."""

ROLES = {Role.VIEWER: genuine.Role.VIEWER, Role.CONTRIBUTOR: genuine.Role.CONTRIBUTOR, Role.OWNER: genuine.Role.OWNER}
VISIBILITIES = dict(zip(Visibility, genuine.Visibility, strict=True))


def everything() -> Portus:
    """Every visibility, global or not, and in each team every role and a stranger."""
    users = [User(name=role, email=f"{role}@example.com", display_name=None) for role in Role]
    users += [User(name=name, email=f"{name}@example.com", display_name=None, admin=name == "boss") for name in ("stranger", "boss")]
    team = Team(name="team", members=tuple(Member(user=role, role=role) for role in Role))
    spaces = [Namespace(name=f"space-{each}", is_global=False, visibility=each, team="team") for each in Visibility]
    return Portus(migration="1", registry=None, users=tuple(users), teams=(team,), namespaces=tuple(spaces))


def with_global(visibility: Visibility) -> Portus:
    whole = everything()
    top = Namespace(name="top", is_global=True, visibility=visibility, team="team")
    return Portus(migration="1", registry=None, users=whole.users, teams=whole.teams, namespaces=(*whole.namespaces, top))


def portus_allows(of: Portus, user: User | None, namespace: Namespace, action: str) -> bool:
    roles = {member.user: member.role for team in of.teams if team.name == namespace.team for member in team.members}
    place = genuine.Place(
        1,
        VISIBILITIES[namespace.visibility],
        is_global=namespace.is_global,
        role=ROLES[roles[user.name]] if user and user.name in roles else None,
    )
    actor = genuine.Actor(user.name, admin=user.admin) if user else None
    return genuine.Policy(RELEASES["2.5"], genuine.Limits(), actor, place).allows(action)


CASES = [
    pytest.param(of, user, namespace, action, id=f"{user.name if user else 'anybody'} {action} {label} {namespace.name}")
    for label, of in ((each.value, with_global(each)) for each in Visibility)
    for user, namespace, action in itertools.product((*of.users, None), of.namespaces, (PULL, PUSH))
]


@pytest.mark.parametrize(("of", "user", "namespace", "action"), CASES)
def test_zot_decides_as_portus(of: Portus, user: User | None, namespace: Namespace, action: str) -> None:
    decided = {
        zot_allows(zot.configuration(of), user.name if user else None, pattern.format(namespace.name), action)
        for pattern in REPOSITORIES[namespace.is_global]
    }
    assert decided == {portus_allows(of, user, namespace, action)}


@pytest.mark.parametrize(("of", "user", "namespace", "action"), CASES)
def test_harbor_decides_as_portus_but_for_what_it_says_it_cannot(of: Portus, user: User | None, namespace: Namespace, action: str) -> None:
    document = harbor.plan(of)
    wanted = portus_allows(of, user, namespace, action)
    got = harbor_allows(document, user.name if user else None, harbor.projects(of)[namespace.name], action)
    if namespace.readers is Visibility.PROTECTED and action == PULL and user and user.name == "stranger":
        assert (wanted, got) == (True, False)  # never the other way round
        assert any(namespace.name in each and "open to all users" in each for each in document["look_at"])
    else:
        assert got == wanted


def test_a_global_repository_with_the_name_of_a_namespace_keeps_its_own_rights() -> None:
    document = zot.configuration(portus())
    assert zot_allows(document, None, "alice", PULL)
    assert not zot_allows(document, None, "alice/app", PULL)


@pytest.mark.parametrize("name", ["gone", "portus"])
def test_a_disabled_user_and_portus_own_account_have_no_right_and_no_account_elsewhere(name: str) -> None:
    assert name not in json.dumps(zot.configuration(portus()))
    said = harbor.plan(portus())
    assert name not in {each["username"] for each in said["users"]} | set(said["system_administrators"]) | set(said["by_directory"])
    assert name not in {member["member_user"]["username"] for each in said["projects"] for member in each["members"]}


def test_the_patterns_are_matched_as_zot_matches_them() -> None:
    """As doublestar 4.8.1 answered: ``alice/**`` matches ``alice`` itself, so it is not used."""
    assert [matches("alice/**/*", each) for each in ("alice", "alice/app", "alice/a/b/c", "alicex/app")] == [False, True, True, False]
    assert [matches("*", each) for each in ("busybox", "alice/app")] == [True, False]
    with pytest.raises(AssertionError):
        matches("alice/**", "alice")


ZOT_ACTIONS = {"type": "array", "items": {"enum": ["read", "create", "update", "delete", "detectManifestCollision"]}}
ZOT_NAMES = {"type": "array", "items": {"type": "string"}}


def _closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


ZOT = _closed(
    http=_closed(
        compat={"type": "array", "items": {"enum": ["docker2s2"]}},
        accessControl=_closed(
            repositories={
                "type": "object",
                "additionalProperties": _closed(
                    policies={"type": "array", "items": _closed(users=ZOT_NAMES, actions=ZOT_ACTIONS, groups=ZOT_NAMES)},
                    defaultPolicy=ZOT_ACTIONS,
                    anonymousPolicy=ZOT_ACTIONS,
                ),
            },
            adminPolicy=_closed(users=ZOT_NAMES, actions=ZOT_ACTIONS, groups=ZOT_NAMES),
        ),
    )
)
"""The keys of zot 2's pkg/api/config/config.go that occur; zot refuses unknown ones."""

HARBOR = {
    "users": _closed(
        username={"type": "string", "maxLength": 255},
        email={"type": "string", "maxLength": 255},
        realname={"type": "string"},
        comment={"type": "string"},
        password={"type": "string"},
    ),
    "project": _closed(
        project_name={"type": "string", "maxLength": 255},
        metadata=_closed(public={"enum": ["true", "false"]}),
        storage_limit={"type": "integer"},
    ),
    "member": _closed(role_id={"enum": [1, 2, 3, 4]}, member_user=_closed(user_id={"type": "integer"}, username={"type": "string"})),
}
"""UserCreationReq, ProjectReq and ProjectMember of Harbor's api/v2.0/swagger.yaml."""


@pytest.mark.parametrize("of", [portus(), everything(), with_global(Visibility.PRIVATE)])
def test_the_documents_have_the_published_form(of: Portus) -> None:
    jsonschema.validate(zot.configuration(of), ZOT)
    said = harbor.plan(of)
    for user in said["users"]:
        jsonschema.validate(user, HARBOR["users"])
    for each in said["projects"]:
        jsonschema.validate(each["project"], HARBOR["project"])
        for member in each["members"]:
            jsonschema.validate(member, HARBOR["member"])


def test_the_plan_for_harbor_reports_everything_that_harbor_refuses_or_changes() -> None:
    told = "\n".join(harbor.plan(portus())["look_at"])
    for words in (
        "user gone is disabled",
        "user admin: Harbor has its own",
        "user bob: Harbor wants an e-mail address, not ''",
        "user ci is a bot",
        "the global namespace becomes project library",
        "namespace tools is open to all users",
        "namespace products has 1 webhooks",
    ):
        assert words in told
    assert harbor.plan(portus())["by_directory"] == ["carol"]
    assert harbor.plan(portus())["system_administrators"] == ["root.boss"]


def test_a_namespace_called_library_leaves_the_global_one_another_project() -> None:
    top = Namespace(name="top", is_global=True, visibility=Visibility.PUBLIC)
    library = Namespace(name="library", is_global=False, visibility=Visibility.PRIVATE)
    assert harbor.projects(Portus(migration="1", registry=None, namespaces=(top, library))) == {"top": "global", "library": "library"}


@pytest.mark.parametrize("name", ["two--dashes", "Upper", "-first"])
def test_a_namespace_that_no_project_can_be_called_is_reported(name: str) -> None:
    space = Namespace(name=name, is_global=False, visibility=Visibility.PRIVATE)
    (told,) = harbor.plan(Portus(migration="1", registry=None, namespaces=(space,)))["look_at"]
    assert name in told


# An export is written whole into a folder of its own, or not at all.


EXPECTED = Expected(
    stack="prod",
    namespace="portus",
    portus_url="https://portus.example.com",
    registry="registry.example.com:5000",
    portus_version="2.5",
    trust="-----BEGIN CERTIFICATE-----",
)


def _documents() -> dict[str, str]:
    return documents(EXPECTED, portus(), inventory(), "2026-01-01T00:00:00Z")


def test_the_export_is_these_files() -> None:
    assert sorted(_documents()) == [
        "certs/ca.crt",
        "drift.json",
        "harbor.json",
        "plan.md",
        "portus.json",
        "portus.schema.json",
        "registry.json",
        "skopeo-sync.yaml",
        "sync/_top.yaml",
        "sync/alice.yaml",
        "sync/alice/a.yaml",
        "sync/products.yaml",
        "zot.json",
    ]


def test_the_document_carries_its_own_schema_and_holds_to_it() -> None:
    written = _documents()
    jsonschema.Draft202012Validator(json.loads(written["portus.schema.json"])).validate(json.loads(written["portus.json"]))


def test_the_plan_copies_every_file_to_the_folder_whose_names_it_keeps() -> None:
    lines = [line.partition("    # ")[0].split() for line in _documents()["plan.md"].splitlines() if line.startswith("    skopeo sync")]
    assert {tuple(words[-2:]) for words in lines} == {
        ("sync/_top.yaml", "NEW"),
        ("sync/alice.yaml", "NEW/alice"),
        ("sync/alice/a.yaml", "NEW/alice/a"),
        ("sync/products.yaml", "NEW/products"),
    }
    assert all({"--all", "--preserve-digests", "--keep-going"} <= set(words) for words in lines)


def test_the_plan_says_what_does_not_move() -> None:
    plan = _documents()["plan.md"]
    assert "- nowhere/app: Portus gives its own account no right" in plan
    assert "`NEW/library`" in plan
    assert "Application tokens (2," in plan


def test_a_folder_that_holds_something_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(OpsError, match="must be empty: an export overwrites nothing"):
        require_empty(tmp_path)
    with pytest.raises(OpsError, match="must be a folder"):
        require_empty(tmp_path / "kept")
    with pytest.raises(OpsError, match=r"the folder .* must exist"):
        require_empty(tmp_path / "no" / "such")


def test_an_export_takes_an_empty_or_a_new_folder_and_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        require_empty(tmp_path / name)
        with _whole(tmp_path / name) as work:
            (work / "portus.json").write_text("{}")
        assert (tmp_path / name / "portus.json").read_text() == "{}"
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == PRIVATE


def test_an_interrupted_export_leaves_nothing_so_that_it_can_be_repeated(tmp_path: Path) -> None:
    def interrupted() -> None:
        with _whole(tmp_path / "new") as work:
            (work / "portus.json").write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_stack_on_your_own_cluster_needs_its_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="the kubeconfig must be set"):
        export("prod", Lab(), folder=tmp_path / "new")
    with pytest.raises(OpsError, match="there is no stack 'nowhere'"):
        export("nowhere", Lab(), folder=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
