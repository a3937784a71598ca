"""The comparison that ``make replay`` stands on: it must fail for what differs and only for that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.portus_double.replay.compare import Answer, Values, differences
from lab.portus_double.replay.recording import Case, load
from ops.errors import LabError


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


def test_the_version_is_told_by_name_or_by_what_only_one_version_does(tmp_path: Path) -> None:
    listed = {"case": "users-list", "request": {"method": "GET", "path": "/api/v1/users"}, "response": {"status": 200, "headers": {}}}
    plain = {"case": "ping-x", "request": {"method": "GET", "path": "/api/v1/_ping"}, "response": {"status": 200}}
    path = tmp_path / "recorded.json"
    path.write_text(json.dumps([listed]))
    assert load(path).version == "2.4"
    path.write_text(json.dumps([{**listed, "response": {"status": 200, "headers": {"X-Total": "1"}}}]))
    assert load(path).version == "2.5"
    path.write_text(json.dumps([plain]))
    with pytest.raises(LabError, match="VERSION"):
        load(path)
    assert load(path, "2.5").version == "2.5"
    named = tmp_path / "more-2.4.json"
    named.write_text(json.dumps([plain]))
    assert load(named).version == "2.4"


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '[{"case": "x"}]'])
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "2.5.json"
    path.write_text(content)
    with pytest.raises(LabError, match="recordings file"):
        load(path)
