"""Notifications from the registry: which are kept, which are dropped, and which end in a 500 that the registry repeats without end."""

from __future__ import annotations

import json
from typing import Any, Final

from . import handlers, log
from .core import Core
from .database import now
from .errors import ApplicationError, no_method
from .generation import Generation

MANIFEST_PREFIX: Final = "application/vnd.docker.distribution.manifest"
FRESH, PROGRESS, DONE = 2, 1, 0


def receive(core: Core, body: bytes) -> None:
    """Keep (2.3+) or handle (2.0 to 2.2) every relevant event of a body; each is kept at once, so an error spares the earlier ones.

    Raises:
        ApplicationError: the body is no JSON of the expected form, or an event lacks what is looked at.
        pymysql.MySQLError: a row does not fit (64 KB).
    """
    try:
        envelope = json.loads(body, parse_constant=_refuse)
    except ValueError as error:
        raise ApplicationError("JSON::ParserError", "unexpected token") from error
    events = _member(envelope, "events")
    if isinstance(events, dict):
        events = [[name, value] for name, value in events.items()]
    if not isinstance(events, list):
        raise no_method("each")
    for event in events:
        if relevant(core.generation, event) and not _known(core, event):
            _keep(core, event)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def relevant(generation: Generation, event: Any) -> bool:
    """Return whether an event is kept: a push (2.5: or pull) of a docker manifest, or any delete.

    Raises:
        ApplicationError: the event is no object, or its media type no text.
    """
    target = _member(event, "target")
    if not isinstance(target, dict):
        log.say("Wrong format for event", level="debug")
        return False
    action = event.get("action")
    if action != "delete":
        media_type = target.get("mediaType")
        if not isinstance(media_type, str):
            raise no_method("starts_with?")
        if not media_type.startswith(MANIFEST_PREFIX):
            log.say(f"Unsupported mediaType '{media_type}'", level="debug")
            return False
    if action not in generation.stored_actions:
        log.say(f"Unsupported '{action}' event", level="debug")
        return False
    return True


def _member(value: Any, key: str) -> Any:
    """Index as Ruby does: text has no such part, everything else but an object fails."""
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, str):
        return key if key in value else None
    if isinstance(value, list | int | float) and not isinstance(value, bool):
        raise ApplicationError("TypeError", "no implicit conversion of String into Integer")
    raise no_method("[]")


def _known(core: Core, event: dict[str, Any]) -> bool:
    event_id = event.get("id")
    if event_id is None:
        return core.db.row("SELECT id FROM registry_events WHERE event_id IS NULL LIMIT 1") is not None
    return core.db.row("SELECT id FROM registry_events WHERE event_id = %s LIMIT 1", _column(event_id)) is not None


def _keep(core: Core, event: dict[str, Any]) -> None:
    moment = now()
    event_id = _column(event.get("id"))
    if not core.generation.events_in_request:
        core.db.insert("registry_events", event_id=event_id, status=FRESH, data=rails_json(event), created_at=moment, updated_at=moment)
        return
    if event["action"] == "push":
        target = event["target"]
        repository, tag = _column(target.get("repository")), _column(target.get("tag"))
        core.db.insert("registry_events", event_id=event_id, repository=repository, tag=tag, created_at=moment, updated_at=moment)
    handlers.handle(core, event)


def _column(value: Any) -> str | None:
    return None if value is None else str(value)


def rails_json(value: Any) -> str:
    """Return JSON with the characters escaped that Rails escapes, so that the 64 KB are counted alike."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, escape)
    return text
