"""The worker's look at the whole registry: what the events missed is made up for, as the strategy says."""

from __future__ import annotations

from typing import Any, Final

import pymysql

from . import activities, log
from .core import Core
from .database import Row, now
from .errors import RegistryAnswerError, RegistryUnreachableError
from .events import FRESH
from .handlers import full_name, remove_repository, remove_tag
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
            namespace = self._make_namespace(registry, space) if create and self._core.generation.keeps_sizes else None
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
            manifest = self._core.client(registry).manifest(name, tag, with_size=self._core.generation.keeps_sizes)
        except (RegistryUnreachableError, RegistryAnswerError) as error:
            log.say(f"Could not fetch manifest for '{name}' with tag '{tag}': {error}", tag="catalog", level="warn")
            return None
        columns: dict[str, Any] = {"digest": manifest.digest, "image_id": manifest.image_id}
        return {**columns, "size": manifest.size} if self._core.generation.keeps_sizes else columns
