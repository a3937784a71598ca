"""Notifications from the registry: which are kept or dropped, what they do to repositories, tags and activities, and which end the process.

Some end in a 500 that the registry repeats without end.
"""

from __future__ import annotations

import json
from typing import Any, Final

from . import activities, log
from .core import Core
from .database import Row, now
from .errors import ApplicationError, RegistryAnswerError, RegistryUnreachableError, no_method
from .registry_client import Manifest
from .release import Release
from .users import by_name

_V1_TYPES: Final = frozenset({f"application/vnd.docker.distribution.manifest.v1+{form}" for form in ("json", "prettyjws")})
_V2_TYPES: Final = frozenset({f"application/vnd.docker.distribution.manifest.{form}+json" for form in ("v2", "list.v2")})


def handle(core: Core, event: dict[str, Any]) -> None:
    """Handle one event.

    Raises:
        ApplicationError: a part the genuine application takes for granted is missing (``request``, ``repository``, ``actor``), or
            2.5 meets a manifest without a config. Nothing rescues it there.
    """
    log.say(f"Handling '{event.get('action')}' event")
    {"push": _push, "pull": _pull, "delete": _delete}[event["action"]](core, event)


def _part(event: Any, *path: str) -> Any:
    for name in path:
        if event is None:
            raise no_method("[]")
        event = event.get(name)
    return event


def _registry(core: Core, event: dict[str, Any]) -> Row | None:
    host = _part(event, "request", "host")
    found = core.registry_by_host(host)
    if found is None:
        log.say(f"Ignoring event coming from unknown registry {host}")
    return found


def _place(core: Core, event: dict[str, Any]) -> tuple[Row, Row, str] | None:
    """Return registry, namespace and the name inside it of the repository that ``event`` is about, None where Portus does not know them."""
    registry = _registry(core, event)
    if registry is None:
        return None
    full = _part(event, "target", "repository")
    if full is None:
        raise no_method("include?")
    space, slash, name = str(full).partition("/")
    namespace = core.namespace(registry["id"], space if slash else None)
    if namespace is None:
        log.say(f"Cannot find namespace {space} under registry {registry['hostname']}", level="error")
        return None
    return registry, namespace, name if slash else space


def _actor(core: Core, event: dict[str, Any]) -> Row | None:
    name = _part(event, "actor", "name")
    found = by_name(core.db, name)
    if found is None:
        log.say(f"Cannot find user {name}", level="error")
    return found


def _repository(core: Core, namespace: Row, name: str) -> Row | None:
    return core.db.row("SELECT * FROM repositories WHERE namespace_id = %s AND name = %s", namespace["id"], name)


def _tag(core: Core, repository: Row, name: str) -> Row | None:
    return core.db.row("SELECT * FROM tags WHERE repository_id = %s AND name = %s", repository["id"], name)


def full_name(namespace: Row, repository: str) -> str:
    """Return a repository's name as the registry knows it."""
    return repository if namespace["global"] else f"{namespace['name']}/{repository}"


def _tag_name(core: Core, registry: Row, namespace: Row, repository: str, target: dict[str, Any]) -> str | None:
    """Return the event's tag; without one, what the manifest (schema 1) or the registry's list of tags says."""
    if target.get("tag"):
        return str(target["tag"])
    kind = target.get("mediaType")
    client = core.client(registry)
    if kind not in _V1_TYPES | _V2_TYPES:
        log.say(f'Could not fetch the tag for target {target}\nReason: unsupported media type "{kind}"')
        return None
    try:
        if kind in _V1_TYPES:
            return client.manifest(target["repository"], target["digest"], with_size=core.release.keeps_sizes).content.get("tag")
        listed = client.tags(full_name(namespace, repository))
    except (RegistryUnreachableError, RegistryAnswerError) as error:
        log.say(f"Could not fetch the tag for target {target}\nReason: {error}")
        return None
    row = _repository(core, namespace, repository)
    known = {tag["name"] for tag in core.db.rows("SELECT name FROM tags WHERE repository_id = %s", row["id"])} if row else set()
    return next((tag for tag in listed if tag not in known), None)


def _push(core: Core, event: dict[str, Any]) -> None:
    place = _place(core, event)
    if place is None:
        return
    registry, namespace, name = place
    tag_name = _tag_name(core, registry, namespace, name, event["target"])
    if tag_name is None:
        return
    actor = _actor(core, event)
    if actor is None:
        return
    moment = now()
    repository = _repository(core, namespace, name)
    if repository is None:
        core.db.insert("repositories", name=name, namespace_id=namespace["id"], created_at=moment, updated_at=moment)
        repository = _repository(core, namespace, name)
        assert repository is not None
    columns = _image(core, full_name(namespace, name), event["target"].get("digest"))
    tag = _tag(core, repository, tag_name)
    if tag is None:
        ids = {"repository_id": repository["id"], "user_id": actor["id"]}
        tag_id = core.db.insert("tags", name=tag_name, **ids, **columns, created_at=moment, updated_at=moment)
    else:
        tag_id = tag["id"]
        scanned = {"scanned": 0} if "scanned" in tag else {}
        core.db.update("tags", tag_id, **columns, **scanned, updated_at=moment)
    activities.note(core.db, "repository.push", ("Repository", repository["id"]), actor, recipient=("Tag", tag_id))


def _image(core: Core, repository: str, digest: str | None) -> dict[str, Any]:
    """Return a tag's columns about its image; what cannot be fetched stays empty."""
    manifest = Manifest("", digest)
    registry = core.registry()
    if digest and registry is not None:
        try:
            manifest = core.client(registry).manifest(repository, digest, with_size=core.release.keeps_sizes)
        except (RegistryUnreachableError, RegistryAnswerError) as error:
            log.say(f"Could not fetch manifest for '{repository}' with digest '{digest}': {error}", level="warn")
    columns: dict[str, Any] = {"digest": digest, "image_id": manifest.image_id}
    return {**columns, "size": manifest.size} if core.release.keeps_sizes else columns


def _pull(core: Core, event: dict[str, Any]) -> None:
    place = _place(core, event)
    if place is None:
        return
    registry, namespace, name = place
    tag_name = _tag_name(core, registry, namespace, name, event["target"])
    repository = _repository(core, namespace, name)
    tag = _tag(core, repository, tag_name) if tag_name is not None and repository is not None else None
    if tag is not None:
        core.db.update("tags", tag["id"], pulled_at=now())


def _delete(core: Core, event: dict[str, Any]) -> None:
    place = _place(core, event)
    repository = _repository(core, *place[1:]) if place is not None else None
    if repository is None or repository["marked"]:
        return
    actor = _actor(core, event)
    digest = event["target"].get("digest")
    condition = "digest IS NULL" if digest is None else "digest = %s"
    values = (repository["id"],) if digest is None else (repository["id"], digest)
    for tag in core.db.rows(f"SELECT * FROM tags WHERE repository_id = %s AND marked = 0 AND {condition}", *values):  # noqa: S608
        remove_tag(core, tag, actor)
    if core.db.row("SELECT id FROM tags WHERE repository_id = %s LIMIT 1", repository["id"]) is None:
        remove_repository(core, repository, actor)


def remove_tag(core: Core, tag: Row, actor: Row | None) -> None:
    """Remove a tag and note it."""
    repository = core.db.row("SELECT * FROM repositories WHERE id = %s", tag["repository_id"])
    assert repository is not None
    facts = _facts(core, repository)
    log.say(f"Removed the tag '{tag['name']}'.", tag="catalog")
    core.db.run("DELETE FROM tags WHERE id = %s", tag["id"])
    old = {"namespace_id": facts["namespace_id"], "namespace_name": facts["namespace_name"]}
    old |= {"repo_name": repository["name"], "tag_name": tag["name"]}
    core.db.run(
        "UPDATE activities SET parameters = %s WHERE recipient_type = 'Tag' AND recipient_id = %s", activities.symbols(old), tag["id"]
    )
    parameters = {**facts, "tag_name": tag["name"]}
    activities.note(
        core.db, "repository.delete", ("Repository", repository["id"]), actor, recipient=("Tag", tag["id"]), parameters=parameters
    )


def remove_repository(core: Core, repository: Row, actor: Row | None) -> None:
    """Remove an empty repository and note it; its activities move to its namespace."""
    log.say(f"Removed the image '{repository['name']}'.", tag="catalog")
    facts = _facts(core, repository)
    core.db.run("DELETE FROM tags WHERE repository_id = %s", repository["id"])
    core.db.run("DELETE FROM repositories WHERE id = %s", repository["id"])
    core.db.run(
        "UPDATE activities SET trackable_type = 'Namespace', trackable_id = %s, recipient_type = NULL"
        " WHERE trackable_type = 'Repository' AND trackable_id = %s",
        repository["namespace_id"],
        repository["id"],
    )
    place = ("Namespace", repository["namespace_id"])
    activities.note(core.db, "namespace.delete", place, actor, recipient=("Repository", repository["id"]), parameters=facts)


def _facts(core: Core, repository: Row) -> dict[str, Any]:
    namespace = core.db.row("SELECT * FROM namespaces WHERE id = %s", repository["namespace_id"])
    assert namespace is not None
    return {"repository_name": repository["name"], "namespace_id": namespace["id"], "namespace_name": core.clean_name(namespace)}


MANIFEST_PREFIX: Final = "application/vnd.docker.distribution.manifest"
FRESH, PROGRESS, DONE = 2, 1, 0


def receive(core: Core, body: bytes) -> None:
    """Keep (2.3+) or handle (2.0 to 2.2) every relevant event of a body; each is kept at once, so an error spares the earlier ones.

    Raises:
        ApplicationError: the body is not JSON of the expected form, or an event lacks what is looked at.
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
        if relevant(core.release, event) and not _known(core, event):
            _keep(core, event)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def relevant(release: Release, event: Any) -> bool:
    """Return whether an event is kept: a push (2.5: or pull) of a docker manifest, or any delete.

    Raises:
        ApplicationError: the event is not an object, or its media type no text.
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
    if action not in release.stored_actions:
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
    if not core.release.events_in_request:
        core.db.insert("registry_events", event_id=event_id, status=FRESH, data=rails_json(event), created_at=moment, updated_at=moment)
        return
    if event["action"] == "push":
        target = event["target"]
        repository, tag = _column(target.get("repository")), _column(target.get("tag"))
        core.db.insert("registry_events", event_id=event_id, repository=repository, tag=tag, created_at=moment, updated_at=moment)
    handle(core, event)


def _column(value: Any) -> str | None:
    return None if value is None else str(value)


def rails_json(value: Any) -> str:
    """Return JSON with the characters escaped that Rails escapes, so that the 64 KB are counted alike."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, escape)
    return text
