"""The background process of 2.3 and later: stored events every 2 s, the registry's catalogue every 20 s.

The look at the whole catalogue makes up for what the events missed, as the strategy says.
"""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any, Final, Protocol

import pymysql

from . import BANNER, activities, events, log, schema
from .core import Core
from .database import Row, State, now
from .errors import ApplicationError, CatalogError, RegistryAnswerError, RegistryUnreachableError
from .events import DONE, FRESH, PROGRESS, full_name, remove_repository, remove_tag
from .users import HIDDEN_USER, by_name

STRATEGIES: Final = frozenset({"initial", "on-start", "update", "update-delete"})
ONCE: Final = frozenset({"initial", "on-start"})


class EventsWaitError(Exception):
    """A notification came in meanwhile: what the sync wrote is taken back."""


class Sync:
    """The task; runs every 20 s, for ``initial`` and ``on-start`` until it succeeded once."""

    seconds = 20
    name = "Registry synchronization"

    def __init__(self, core: Core) -> None:
        self._core = core
        self._done = False

    def enabled(self) -> bool:
        """Return whether the task starts at all: ``initial`` does not on a database with repositories."""
        if not self._core.settings.enabled("background.sync"):
            return False
        return not (self._strategy == "initial" and self._has_repositories())

    def finished(self) -> bool:
        """Return whether the task is over for this process."""
        return self._strategy in ONCE and self._done

    def work(self) -> None:
        """Compare registry and database once.

        Raises:
            CatalogError: the registry refused its catalogue, which ends the worker.
        """
        if self._strategy not in STRATEGIES:
            log.say(f"Unrecognized value '{self._strategy}' for strategy", level="error")
            return
        if self._strategy == "initial" and self._has_repositories():
            return
        registry = self._core.registry()
        if registry is None:
            return
        try:
            catalogue = self._core.client(registry).catalog()
            with self._core.db.transaction():
                self._write(registry, catalogue)
        except EventsWaitError:
            pass
        except (RegistryUnreachableError, RegistryAnswerError) as error:
            log.say(f"Exception: {error}", level="warn")
            return
        self._done = True

    @property
    def _strategy(self) -> Any:
        return self._core.settings.value("background.sync.strategy")

    def _has_repositories(self) -> bool:
        return self._core.db.row("SELECT id FROM repositories LIMIT 1") is not None

    def _write(self, registry: Row, catalogue: list[tuple[str, list[str] | None]]) -> None:
        db = self._core.db
        portus = by_name(db, HIDDEN_USER)
        dangling = {row["id"]: row for row in db.rows("SELECT * FROM repositories")}
        for name, tags in catalogue:
            repository = self._repository(registry, name, create=bool(tags))
            if repository is None:
                continue
            dangling.pop(repository["id"], None)
            if tags:
                self._tags(registry, repository, tags, portus)
        if self._strategy != "update":
            for repository in dangling.values():
                for tag in db.rows("SELECT * FROM tags WHERE repository_id = %s", repository["id"]):
                    remove_tag(self._core, tag, portus)
                remove_repository(self._core, repository, portus)
        if db.row("SELECT id FROM registry_events WHERE status = %s LIMIT 1", FRESH):
            raise EventsWaitError

    def _repository(self, registry: Row, name: str, *, create: bool) -> Row | None:
        db = self._core.db
        space, slash, rest = name.partition("/")
        namespace = self._core.namespace(registry["id"], space if slash else None)
        if namespace is None:
            namespace = self._make_namespace(registry, space) if create and self._core.release.keeps_sizes else None
        if namespace is None:
            return None
        short = rest if slash else space
        query = "SELECT * FROM repositories WHERE namespace_id = %s AND name = %s"
        found = db.row(query, namespace["id"], short)
        if found is None and create:
            moment = now()
            db.insert("repositories", name=short, namespace_id=namespace["id"], created_at=moment, updated_at=moment)
            found = db.row(query, namespace["id"], short)
        return found

    def _make_namespace(self, registry: Row, name: str) -> Row | None:
        """Make an orphan namespace of the global team, as 2.5 does for what it finds in the registry."""
        db = self._core.db
        team = db.one("SELECT id FROM teams WHERE name = 'portus_global_team_1'")
        moment = now()
        try:
            db.insert("namespaces", name=name, team_id=team, registry_id=registry["id"], visibility=0, created_at=moment, updated_at=moment)
        except pymysql.IntegrityError:
            return None
        return self._core.namespace(registry["id"], name)

    def _tags(self, registry: Row, repository: Row, tags: list[str], portus: Row | None) -> None:
        db = self._core.db
        there = {row["name"]: row for row in db.rows("SELECT * FROM tags WHERE repository_id = %s", repository["id"])}
        for tag in tags:
            image = self._image(registry, repository, tag)
            old = there.pop(tag, None)
            moment = now()
            if old is None:
                ids = {"repository_id": repository["id"], "user_id": None if portus is None else portus["id"]}
                tag_id = db.insert(
                    "tags", name=tag, **ids, **(image or {"digest": "", "image_id": ""}), created_at=moment, updated_at=moment
                )
            elif image is None or old["digest"] == image["digest"]:
                continue
            else:
                tag_id = old["id"]
                db.update("tags", tag_id, **{name: value for name, value in image.items() if name != "image_id"})
            activities.note(db, "repository.push", ("Repository", repository["id"]), portus, recipient=("Tag", tag_id))
        for row in there.values():
            remove_tag(self._core, row, portus)

    def _image(self, registry: Row, repository: Row, tag: str) -> dict[str, Any] | None:
        namespace = self._core.db.row("SELECT * FROM namespaces WHERE id = %s", repository["namespace_id"])
        assert namespace is not None
        name = full_name(namespace, repository["name"])
        try:
            manifest = self._core.client(registry).manifest(name, tag, with_size=self._core.release.keeps_sizes)
        except (RegistryUnreachableError, RegistryAnswerError) as error:
            log.say(f"Could not fetch manifest for '{name}' with tag '{tag}': {error}", tag="catalog", level="warn")
            return None
        columns: dict[str, Any] = {"digest": manifest.digest, "image_id": manifest.image_id}
        return {**columns, "size": manifest.size} if self._core.release.keeps_sizes else columns


WAIT_SECONDS: Final = 5
WAITS: Final = 18
TICK: Final = 2
"""Seconds between two rounds; ``PORTUS_DOUBLE_TICK`` shortens the wait, so that tests of many events end sooner."""


class Task(Protocol):
    """Something the worker does every ``seconds``, a multiple of ``TICK``."""

    seconds: int
    name: str

    def enabled(self) -> bool:
        """Return whether the settings want it."""

    def finished(self) -> bool:
        """Return whether this process needs it no more."""

    def work(self) -> None:
        """Do it once."""


class StoredEvents:
    """Handles what the web stored: marks each event as in progress, then as done; one that kills the worker stays in progress."""

    seconds = TICK
    name = "Registry events"

    def __init__(self, core: Core) -> None:
        self._core = core

    def enabled(self) -> bool:
        """Return whether ``background.registry`` is on."""
        return self._core.settings.enabled("background.registry")

    def finished(self) -> bool:
        """Return False: events never end."""
        return False

    def work(self) -> None:
        """Handle every fresh event.

        Raises:
            ApplicationError: an event that the genuine worker dies of.
        """
        for row in self._core.db.rows("SELECT event_id, data FROM registry_events WHERE status = %s ORDER BY id", FRESH):
            event = json.loads(row["data"])
            self._mark(event.get("id"), PROGRESS)
            events.handle(self._core, event)
            self._mark(event.get("id"), DONE)

    def _mark(self, event_id: object, status: int) -> None:
        if event_id is None:
            self._core.db.run("UPDATE registry_events SET status = %s WHERE event_id IS NULL", status)
        else:
            self._core.db.run("UPDATE registry_events SET status = %s WHERE event_id = %s", status, str(event_id))


def run(core: Core) -> int:
    """Work until something nothing rescues happens; return the exit code for it."""
    log.say(BANNER)
    signal.signal(signal.SIGTERM, _end)
    try:
        _wait_for_database(core)
        _loop(core)
    except ApplicationError as error:
        log.say(f"{error.message} ({error.kind})", level="fatal")
    except CatalogError as error:
        log.say(f"{error} (Portus::RegistryClient::RegistryError)", level="fatal")
    return 1


def _end(number: int, _frame: object) -> None:
    log.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _wait_for_database(core: Core) -> None:
    for _ in range(WAITS):
        if schema.state(core.db, core.release.version) is State.READY:
            return
        log.say("Not ready yet. Waiting...", tag="Database", level="error")
        time.sleep(WAIT_SECONDS)
    if schema.state(core.db, core.release.version) is not State.READY:
        raise ApplicationError("Portus::DB::TimeoutReachedError", "Timeout reached for 'ready' status")


def _loop(core: Core) -> None:
    tasks: list[Task] = [task for task in (StoredEvents(core), Sync(core)) if task.enabled()]
    log.say("Running: " + ", ".join(f"'{task.name}'" for task in tasks), tag="Initialization")
    elapsed = 0
    pause = float(core.environ.get("PORTUS_DOUBLE_TICK", TICK))
    while True:
        for task in list(tasks):
            if elapsed % task.seconds:
                continue
            task.work()
            if task.finished():
                log.say(f"Disabling '{task.name}'. Reason: task was ordered to execute once, and this has already been performed.")
                tasks.remove(task)
        time.sleep(pause)
        elapsed += TICK
