"""Both recordings of the genuine Portus, whole, against a fresh double; the double's own tables against the recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.portus_double.replay.compare import Answer, Values, differences
from lab.portus_double.replay.player import play
from lab.portus_double.replay.recording import SCENARIO, Case, load
from lab.portus_double.replay.stage import Stage, end, stage
from ops.errors import OpsError

RECORDINGS = Path(__file__).resolve().parent / "recordings"


@pytest.mark.images
@pytest.mark.parametrize("version", ["2.4", "2.5"])
def test_every_recorded_exchange_is_answered_as_recorded(version: str) -> None:
    recording = load(RECORDINGS / f"{version}.json")
    with stage(version) as place:
        outcomes = list(play(recording, place))
    assert len(outcomes) == len(recording.cases)
    problems = [f"{outcome.case.name}: {line}" for outcome in outcomes for line in outcome.differences]
    assert not problems, "\n".join(problems)


@pytest.fixture(params=["2.4", "2.5"])
def empty(request: pytest.FixtureRequest) -> Any:
    with stage(request.param) as place:
        yield place


@pytest.mark.images
def test_tables_and_first_rows_are_the_recorded_ones(empty: Stage) -> None:
    recorded = json.loads((RECORDINGS / "database.json").read_text(encoding="utf-8"))[empty.version]["schema"]
    for table, form in recorded["tables"].items():
        assert [column(entry) for entry in columns(empty, table)] == [column(entry) for entry in form["columns"]], table
        assert indexes(empty, table) == {(index["name"], tuple(index["columns"]), index["unique"]) for index in form["indexes"]}, table
        assert references(empty, table) == {(key["col"], key["ref"]) for key in form["foreign_keys"]}, table
    versions = {row["version"] for row in recorded["rows_after_setup"]["schema_migrations"]}
    assert {row["version"] for row in empty.rows("SELECT version FROM schema_migrations")} == versions
    (portus,) = empty.rows("SELECT * FROM users")
    (first,) = recorded["rows_after_setup"]["users"]
    assert {name: value for name, value in portus.items() if isinstance(value, int | None)} == {
        name: value for name, value in first.items() if isinstance(value, int | None)
    }


@pytest.mark.images
def test_the_2_5_worker_ends_when_the_registry_refuses_its_catalogue(empty: Stage) -> None:
    wrong = {**SCENARIO, "PORTUS_MACHINE_FQDN_VALUE": "another-issuer.example.test"}
    empty.start(wrong)
    empty.rows(
        "INSERT INTO registries (name, hostname, use_ssl, created_at, updated_at) VALUES ('registry', %s, 0, NOW(), NOW())",
        empty.registry,
    )
    worker = empty.worker()
    try:
        assert worker.wait(60) == 1
    finally:
        end(worker)
    assert "Something went wrong while fetching the catalog Response: [401]" in empty.log_tail(3)


@pytest.mark.images
def test_the_registry_of_the_environment_is_made_at_the_start_if_it_answers(empty: Stage) -> None:
    wanted = {"PORTUS_INIT_REGISTRY_NAME": "registry", "PORTUS_INIT_REGISTRY_USE_SSL": "false"}
    empty.start({**SCENARIO, **wanted, "PORTUS_INIT_REGISTRY_HOSTNAME": empty.unreachable})
    assert not empty.rows("SELECT * FROM registries")
    assert "Registry not reachable:" in empty.log_tail()
    empty.start({**SCENARIO, **wanted, "PORTUS_INIT_REGISTRY_HOSTNAME": empty.registry})
    assert [row["name"] for row in empty.rows("SELECT name FROM namespaces ORDER BY id")] == ["portus_global_namespace_1", "portus"]


@pytest.mark.images
def test_an_older_database_is_refused_by_setup_and_migrated_with_its_rows_kept() -> None:
    with stage("2.4") as place:
        place.rows("INSERT INTO teams (name, created_at, updated_at) VALUES ('kept', NOW(), NOW())")
        place.version = "2.5"
        assert place.rake("db:setup") == 1
        assert "ProtectedEnvironmentError" in place.log_tail()
        assert place.rake("db:migrate") == 0
        assert [row["name"] for row in place.rows("SELECT name, checked_at FROM teams")] == ["kept"]
        place.start({**SCENARIO})
        health = httpx.get(f"http://{place.portus}/api/v1/health", timeout=30).json()
        assert health["database"] == {"msg": "database is up-to-date", "success": True}


def columns(place: Stage, table: str) -> list[dict[str, Any]]:
    return place.rows(
        "SELECT column_name AS name, column_type AS type, is_nullable AS `null`, column_default AS `default`, extra "
        "FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s ORDER BY ordinal_position",
        table,
    )


def column(entry: dict[str, Any]) -> tuple[str, ...]:
    default = entry["default"] if entry["default"] != "NULL" else None
    return (entry["name"], entry["type"], entry["null"], str(default), entry["extra"])


def indexes(place: Stage, table: str) -> set[tuple[str, tuple[str, ...], bool]]:
    found: dict[str, tuple[list[str], bool]] = {}
    for row in place.rows(f"SHOW INDEX FROM {table}"):
        found.setdefault(row["Key_name"], ([], not row["Non_unique"]))[0].append(row["Column_name"])
    return {(name, tuple(names), unique) for name, (names, unique) in found.items()}


def references(place: Stage, table: str) -> set[tuple[str, str]]:
    rows = place.rows(
        "SELECT column_name AS col, referenced_table_name AS ref FROM information_schema.key_column_usage "
        "WHERE table_schema = DATABASE() AND table_name = %s AND referenced_table_name IS NOT NULL",
        table,
    )
    return {(row["col"], row["ref"]) for row in rows}


# The comparison that ``make replay`` stands on: it must fail for what differs and only for that.


def case(response: dict[str, Any], **more: Any) -> Case:
    return Case("token-x", "", {"method": "GET", "path": "/"}, response, **more)


def answer(status: int = 200, body: Any = "", headers: list[tuple[str, str]] | None = None, **more: Any) -> Answer:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(status, headers or [], content, more.get("events", []), more.get("jwt"), "KEYID")


def found(one: Case, other: Answer, **known: str) -> list[str]:
    return list(differences(one, other, Values(known)))


def test_an_equal_answer_has_no_difference() -> None:
    recorded = case({"status": 200, "headers": {"Location": "http://<portus>/x"}, "body": {"id": 2, "at": "<timestamp>"}})
    got = answer(200, {"id": 7, "at": "2026-01-01T00:00:00.000Z"}, [("Location", "http://h:1/x")])
    assert found(recorded, got, portus="h:1") == []


@pytest.mark.parametrize(
    "got",
    [
        answer(201, {"a": 1}),
        answer(200, {"a": 2}),
        answer(200, {"a": True}),
        answer(200, {"a": 1, "b": 2}),
        answer(200, {}),
        answer(200, [1]),
        answer(200, {"a": 1}, [("Set-Cookie", "s=1")]),
    ],
)
def test_another_status_value_member_or_header_is_a_difference(got: Answer) -> None:
    assert len(found(case({"status": 200, "headers": {}, "body": {"a": 1}}), got)) == 1


def test_a_numbered_placeholder_keeps_its_value() -> None:
    values = Values({})
    digest = "ab" * 32
    assert values.matches("sha256:<digest-1>", f"sha256:{digest}")
    assert values.matches("sha256:<digest-1>", f"sha256:{digest}")
    assert not values.matches("sha256:<digest-1>", f"sha256:{'cd' * 32}")


def test_a_token_is_compared_claim_by_claim_relative_to_its_issue() -> None:
    recorded = {"header": {"kid": "<libtrust-key-id>", "alg": "RS256"}, "claims": {"iat": "<iat>", "exp": "<iat+900>", "jti": "<jti:3>"}}
    good: dict[str, Any] = {"header": {"kid": "KEYID", "alg": "RS256"}, "claims": {"iat": 100, "exp": 1000, "jti": "abc"}}
    response = {"status": 200}
    assert found(case(response, jwt=recorded), answer(jwt=good)) == []
    for claim, value in (("exp", 1001), ("jti", "ab"), ("access", [])):
        bad = {**good, "claims": {**good["claims"], claim: value}}
        assert len(found(case(response, jwt=recorded), answer(jwt=bad))) == 1
    assert len(found(case(response, jwt=recorded), answer(jwt=None))) == 1


def test_a_caution_leaves_the_status_and_the_names() -> None:
    caution = "the form of the keys in message comes from a newer Grape than the shipped one; take the status and the names"
    recorded = case({"status": 400, "body": {"message": {'["user[email]"]': ["is missing"]}}}, caution=caution)
    assert found(recorded, answer(400, {"message": {"user[email]": ["is missing"]}})) == []
    assert len(found(recorded, answer(400, {"message": {"user[name]": ["is missing"]}}))) == 1
    assert len(found(recorded, answer(422, {"message": {"user[email]": ["is missing"]}}))) == 1


def test_added_rows_are_compared() -> None:
    recorded = case({"status": 202}, events_added=[{"event_id": "e", "status": 2, "action": "push"}])
    assert found(recorded, answer(202, events=[{"event_id": "e", "status": 2, "action": "push"}])) == []
    assert len(found(recorded, answer(202))) == 1


def test_the_version_is_read_from_the_name_or_from_what_only_one_version_does(tmp_path: Path) -> None:
    listed = {"case": "users-list", "request": {"method": "GET", "path": "/api/v1/users"}, "response": {"status": 200, "headers": {}}}
    plain = {"case": "ping-x", "request": {"method": "GET", "path": "/api/v1/_ping"}, "response": {"status": 200}}
    path = tmp_path / "recorded.json"
    path.write_text(json.dumps([listed]))
    assert load(path).version == "2.4"
    path.write_text(json.dumps([{**listed, "response": {"status": 200, "headers": {"X-Total": "1"}}}]))
    assert load(path).version == "2.5"
    path.write_text(json.dumps([plain]))
    with pytest.raises(OpsError, match="VERSION"):
        load(path)
    assert load(path, "2.5").version == "2.5"
    named = tmp_path / "more-2.4.json"
    named.write_text(json.dumps([plain]))
    assert load(named).version == "2.4"


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '[{"case": "x"}]'])
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "2.5.json"
    path.write_text(content)
    with pytest.raises(OpsError, match="recordings file"):
        load(path)
