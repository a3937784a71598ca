"""The commands of the image's scripts: ``check-db``, ``web``, ``worker``, ``rake TASK``."""

from __future__ import annotations

import os
import sys

from . import log, rake, release, ruby, schema, worker
from .core import Core
from .database import State
from .errors import ApplicationError


def main(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    command, *rest = arguments or [""]
    try:
        played = release.current()
        if played.server == "puma":
            ruby.take(ruby.BOOT)
            ruby.start(os.environ)
            if command == "worker" and played.gathers_its_log and not ruby.writes_at_once(os.environ):
                log.gather()
        core = Core(played, os.environ)
        if command == "check-db":
            state = schema.state(core.db, core.release.version)
            # READY follows from the table alone on the Apache images: a pending migration goes unnoticed there.
            if core.release.server == "apache" and state is State.EMPTY and core.db.row("SHOW TABLES LIKE 'schema_migrations'"):
                state = State.READY
            sys.stdout.write(f"{state}\n")
            return 0
        if command == "web":
            from . import serve  # noqa: PLC0415 - half of the start of a command that serves nothing

            return serve.run(core)
        if command == "worker":
            return worker.run(core)
        if command == "rake":
            return max((rake.run(core, task) for task in rest), default=0)
    except ApplicationError as error:
        log.say(f"{error.message} ({error.kind})", level="fatal")
        return 1
    finally:
        log.flush()
    sys.stderr.write("usage: contract_double check-db | web | worker | rake TASK...\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
