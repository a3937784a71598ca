"""Plays the cases of a recording in order, and reports what differs in each."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from rich.markup import escape

from lab.portus_double.replay.compare import Answer, Values, differences
from lab.portus_double.replay.recording import Case, Recording, load
from lab.portus_double.replay.stage import Stage, stage
from lab.portus_double.tokens import key_id
from ops.console import console, step

_TOO_BIG: Final = "<one push event whose JSON is longer than 65535 bytes>"
_SECONDS: Final = 30


@dataclass(frozen=True)
class Outcome:
    """How one case went: no difference means it passed."""

    case: Case
    differences: list[str]


def report(file: Path, version: str = "", *, core: bool = False) -> int:
    """Play a file of recordings against a fresh double, and print what differs; return 0 if every counted case passed, else 1.

    Args:
        version: which Portus answered; '' takes what the file shows.
        core: count the core cases only. The others are still played, because the core needs them.

    Raises:
        OpsError: the file cannot be read, or a server did not start.
    """
    recording = load(file, version)
    passed = failed = lenient = 0
    console.print(f"{file.name}: {len(recording.cases)} cases of Portus {recording.version}{', the core counted' if core else ''}")
    with step("start MariaDB, registry and double"):
        context = stage(recording.version)
        place = context.__enter__()
    try:
        for outcome in play(recording, place):
            if core and not outcome.case.is_core:
                continue
            lenient += bool(outcome.case.caution)
            if outcome.differences:
                failed += 1
                _show(outcome)
            else:
                passed += 1
    finally:
        context.__exit__(None, None, None)
    if lenient:
        console.print(f"{lenient} of these have a caution of the recorder and were compared only as far as it says.")
    console.print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _show(outcome: Outcome) -> None:
    request = outcome.case.request
    console.print(f"[red]✗[/red] [bold]{escape(outcome.case.name)}[/bold]: {escape(outcome.case.why)}")
    console.print(f"    {escape(request['method'])} {escape(request['path'])} {escape(str(request.get('auth') or ''))}")
    for line in outcome.differences:
        console.print(f"    {escape(line)}")


def play(recording: Recording, place: Stage) -> Iterator[Outcome]:
    """Play every case; the state builds up from case to case.

    Raises:
        OpsError: the double did not start.
    """
    known = {"registry": place.registry, "portus": place.portus, "unreachable": place.unreachable, "not-a-registry": place.not_a_registry}
    values = Values(known)
    for case in recording.cases:
        place.start(case.environment)
        if case.without_registry:
            place.stop_registry()
        answer = _exchange(case, place, values)
        yield Outcome(case, list(differences(case, answer, values)))
        _remember(case, answer, values)


def _exchange(case: Case, place: Stage, values: Values) -> Answer:
    newest = "SELECT COALESCE(MAX(id), 0) AS newest FROM registry_events"
    before = place.rows(newest)[0]["newest"]
    status, headers, body = _send(case, place, values)
    added = place.rows("SELECT event_id, status, data FROM registry_events WHERE id > %s ORDER BY id", before)
    events = [{"event_id": row["event_id"], "status": row["status"], "action": json.loads(row["data"])["action"]} for row in added]
    return Answer(status, headers, body, events, _decoded(body, place), key_id(place.key.public_key()))


def _send(case: Case, place: Stage, values: Values) -> tuple[int, list[tuple[str, str]], bytes]:
    request = case.request
    headers = {**values.fill(request.get("headers") or {}), **_authorization(values.fill(request.get("auth")))}
    body = _payload(request.get("body"), values)
    connection = http.client.HTTPConnection(place.portus, timeout=_SECONDS)
    try:
        connection.putrequest(request["method"], values.fill(request["path"]), skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body or request["method"] in {"POST", "PUT"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


def _payload(body: Any, values: Values) -> bytes:
    if body is None:
        return b""
    if body == _TOO_BIG:
        target = {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "repository": "admin/app", "tag": "x" * 65536}
        body = {"events": [{"id": "too-big", "action": "push", "target": target, "request": {"host": "<registry>"}}]}
    filled = values.fill(body)
    return filled.encode() if isinstance(filled, str) else json.dumps(filled).encode()


def _authorization(auth: str | None) -> dict[str, str]:
    kind, _, secret = (auth or "").partition(" ")
    if kind == "basic":
        return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    if kind == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    return {"Portus-Auth": secret} if kind == "portus-auth" else {}


def _decoded(body: bytes, place: Stage) -> dict[str, Any] | None:
    """Return header and claims of the answer's token, None without one or when the double's key did not sign it."""
    try:
        token = json.loads(body)["token"]
        signed = jwt.PyJWS().decode_complete(token, place.key.public_key(), algorithms=["RS256"])
        return {"header": signed["header"], "claims": json.loads(signed["payload"])}
    except (ValueError, KeyError, TypeError, jwt.InvalidTokenError):
        return None


def _remember(case: Case, answer: Answer, values: Values) -> None:
    """Keep what later cases refer to: plain tokens, and the session of the newest login of each kind."""
    if case.saves_token_as:
        try:
            values.learn(case.saves_token_as, json.loads(answer.body)["plain_token"])
        except (ValueError, KeyError, TypeError):
            return
    cookies = answer.header("Set-Cookie")
    kind, _, secret = (case.request.get("auth") or "").partition(" ")
    if cookies and kind == "basic":
        by_token = secret.partition(":")[2].startswith("<")
        values.learn("session-after-application-token" if by_token else "session-after-password", cookies[-1].split(";")[0])
