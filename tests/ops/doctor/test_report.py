"""The report: a line a link, what is broken with its remedy, JSON for machines, and an exit code that says whether all holds."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from lab import __main__ as command
from lab.environment import Lab
from ops import lifecycle
from ops.doctor.chain import CHAIN, examine
from ops.doctor.expected import copies, objects
from ops.doctor.facts import Denied
from ops.doctor.report import NOTE, as_json, holds, show
from ops.environment import Environment
from ops.kube.http import Silent
from tests.ops.doctor.stage import DATABASE, healthy


def shown(**changes: object) -> str:
    sink = io.StringIO()
    show("example", examine(healthy(**changes)), Console(file=sink, width=200, soft_wrap=True), 1.0)
    return sink.getvalue()


def test_a_healthy_stack_is_a_line_a_link_and_a_last_one() -> None:
    lines = shown().strip().splitlines()
    assert len(lines) == len(CHAIN) + 3
    assert lines[-2] == "Stack example: every link holds. (1.0 s)"


@pytest.mark.parametrize("database", [DATABASE, Silent("gone")], ids=["healthy", "broken"])
def test_the_last_line_tells_of_the_pushes_that_no_check_sees(database: object) -> None:
    assert shown(database=database).strip().splitlines()[-1] == NOTE
    assert json.loads(as_json("example", examine(healthy(database=database))))["note"] == NOTE


def test_a_broken_link_tells_what_was_seen_why_it_matters_and_what_to_do() -> None:
    text = shown(database=Denied("Access denied for user 'portus'", 1045, has_account=True))
    told = text[text.index("✗ database: not so") :]
    assert "seen    it refuses Portus' account" in told
    assert "so      every answer of Portus is an error" in told
    assert "fix     raise credentials.rotation.databaseApplication" in told
    assert "page    docs/operate/database.md#the-database-refuses-portus" in told
    assert "1 broken" in told


def test_what_pods_say_is_never_taken_for_markup() -> None:
    assert "[red]no[/red]" in shown(database=Silent("[red]no[/red]"))


def test_json_says_the_same() -> None:
    told = json.loads(as_json("example", examine(healthy(database=Silent("gone")))))
    links = {link["link"]: link for link in told["links"]}
    assert told["holds"] is False
    assert links["database"]["state"] == "broken"
    assert links["database"]["remedy"]
    assert links["database"]["page"] == "docs/operate/database.md#the-database-refuses-portus"
    assert links["schema"] == {
        "link": "schema",
        "says": "its schema is the image's",
        "state": "not judged",
        "seen": "because of database",
        "blocked_by": ["database"],
    }


def test_all_holds_only_when_nothing_is_broken_or_unknown() -> None:
    assert holds(examine(healthy()))
    assert not holds(examine(healthy(database=Silent("gone"))))


@pytest.mark.parametrize(("found", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_all_holds(monkeypatch: pytest.MonkeyPatch, found: bool, code: int) -> None:  # noqa: FBT001
    asked: list[tuple[str, Environment, dict[str, bool]]] = []

    def doctor(name: str, environment: Environment, **options: bool) -> bool:
        asked.append((name, environment, options))
        return found

    monkeypatch.setattr(lifecycle, "known", lambda name, _: name)
    monkeypatch.setattr("ops.doctor.verb.doctor", doctor)
    monkeypatch.setenv("KUBECONFIG", "/some/config")
    assert command.main(["doctor", "--stack", "prod", "--json", "--drift"]) == code
    assert asked == [("prod", Lab(Path("/some/config")), {"push": False, "drift": True, "as_data": True})]


def test_pulumis_state_says_which_objects_there_should_be() -> None:
    resources = [
        {"type": "pulumi:pulumi:Stack"},
        {"type": "kubernetes:core/v1:Namespace", "id": "portus"},
        {"type": "kubernetes:core/v1:Secret", "id": "portus/tls"},
        {"type": "kubernetes:core/v1:Secret", "id": "portus/old", "delete": True},
        {"type": "kubernetes:core/v1:Secret", "id": "elsewhere/tls"},
    ]
    assert list(objects({"deployment": {"resources": resources}}, "portus")) == [("kubernetes:core/v1:Secret", "tls")]


def test_pulumis_state_says_how_many_copies_there_should_be() -> None:
    """Its own number, or its autoscaler's least; that of the cluster itself is what somebody has made of it."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "registry"}
    resources = [
        {"type": "kubernetes:apps/v1:Deployment", "id": "portus/portus", "inputs": {"spec": {"replicas": 3}}},
        {"type": "kubernetes:apps/v1:StatefulSet", "id": "portus/mariadb", "inputs": {"spec": {"replicas": 1}}},
        {"type": "kubernetes:apps/v1:Deployment", "id": "portus/registry", "inputs": {"spec": {}}},
        {
            "type": "kubernetes:autoscaling/v1:HorizontalPodAutoscaler",
            "id": "portus/registry-autoscaler",
            "inputs": {"spec": {"scaleTargetRef": target, "minReplicas": 2}},
        },
        {"type": "kubernetes:core/v1:Secret", "id": "portus/tls", "inputs": {}},
    ]
    assert dict(copies({"deployment": {"resources": resources}}, "portus")) == {"portus": 3, "mariadb": 1, "registry": 2}
