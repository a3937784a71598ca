"""The background process of 2.3 and later: stored events every 2 s, the registry's catalogue every 20 s."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Final, Protocol

from . import BANNER, handlers, log, schema
from .core import Core
from .database import State
from .errors import ApplicationError, CatalogError
from .events import DONE, FRESH, PROGRESS
from .sync import Sync

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
            handlers.handle(self._core, event)
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
        if schema.state(core.db, core.generation.version) is State.READY:
            return
        log.say("Not ready yet. Waiting...", tag="Database", level="error")
        time.sleep(WAIT_SECONDS)
    if schema.state(core.db, core.generation.version) is not State.READY:
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
