"""Both recordings of the genuine Portus, whole, against a fresh double; the double's own tables against the recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.portus_double.replay.player import play
from lab.portus_double.replay.recording import SCENARIO, load
from lab.portus_double.replay.stage import Stage, end, stage

pytestmark = pytest.mark.images

RECORDINGS = Path(__file__).resolve().parent / "recordings"


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


def test_tables_and_first_rows_are_the_recorded_ones(empty: Stage) -> None:
    recorded = json.loads((RECORDINGS / f"schema-{empty.version}.json").read_text(encoding="utf-8"))
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


def test_the_registry_of_the_environment_is_made_at_the_start_if_it_answers(empty: Stage) -> None:
    wanted = {"PORTUS_INIT_REGISTRY_NAME": "registry", "PORTUS_INIT_REGISTRY_USE_SSL": "false"}
    empty.start({**SCENARIO, **wanted, "PORTUS_INIT_REGISTRY_HOSTNAME": empty.unreachable})
    assert not empty.rows("SELECT * FROM registries")
    assert "Registry not reachable:" in empty.log_tail()
    empty.start({**SCENARIO, **wanted, "PORTUS_INIT_REGISTRY_HOSTNAME": empty.registry})
    assert [row["name"] for row in empty.rows("SELECT name FROM namespaces ORDER BY id")] == ["portus_global_namespace_1", "portus"]


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
