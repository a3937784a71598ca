"""What reading a dump first adds to its load: the speed of both by that of MariaDB's client alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pymysql
from pymysql.constants import CLIENT

from lab import portus_double
from lab.images.build import Image, build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import Database, fresh_mariadb
from ops.console import Step
from ops.errors import OpsError
from ops.imports.dump import read

DOUBLINGS: Final = 15
"""Of a row of events and of one of tags: 65,536 rows, 20 MiB."""
SECONDS: Final = 600
SCHEMA: Final = Path(portus_double.__file__).parent / "schema" / "2.5.sql"
EVENT: Final = '{"action":"push","actor":{"name":"alice"},"target":{"digest":"sha256:' + "a" * 64 + '"}}'
FIRST: Final = f"""
SET foreign_key_checks = 0, unique_checks = 0, @now = NOW();
INSERT INTO schema_migrations VALUES ('20190314173309');
INSERT INTO tags (name, repository_id, created_at, updated_at) VALUES ('latest', 1, @now, @now);
INSERT INTO registry_events (event_id, status, data, created_at, updated_at) VALUES ('x', 0, '{EVENT}', @now, @now);
"""  # noqa: S608 - of the constant above
DOUBLE: Final = """
INSERT INTO tags (name, repository_id, created_at, updated_at) SELECT UUID(), 1, created_at, updated_at FROM tags;
INSERT INTO registry_events (event_id, status, data, created_at, updated_at)
  SELECT event_id, status, data, created_at, updated_at FROM registry_events;
"""


def ratio(folder: Path, step: Step, *, doublings: int = DOUBLINGS) -> float:
    """Return the speed of reading and then loading a dump of Portus 2.5, by that of loading it.

    Args:
        folder: an empty one, or none yet; holds the dump.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with fresh_mariadb() as server:
        (image,) = build_images(["mariadb-lab"])
        step.say("making a dump")
        _fill(server, doublings)
        _client(image, server, folder, f"mariadb-dump {server.database} > /out/portus.sql")
        step.say("loading it by MariaDB's client")
        began = time.monotonic()
        _client(image, server, folder, f"mariadb {server.database} < /out/portus.sql")
        loaded = time.monotonic() - began
        step.say("reading it")
        began = time.monotonic()
        found = read(folder / "portus.sql")
        took = time.monotonic() - began
    if found.counts["tags"] != 2**doublings:
        raise OpsError(f"the reader counts {found.counts['tags']} tags of {2**doublings}.", "report it.")
    return loaded / (loaded + took)


def _fill(server: Database, doublings: int) -> None:
    link = pymysql.connect(
        unix_socket=str(server.socket),
        user="root",
        password=server.root_password,
        database=server.database,
        charset="utf8",
        client_flag=CLIENT.MULTI_STATEMENTS,
    )
    with link, link.cursor() as cursor:
        for statements in (SCHEMA.read_text(encoding="utf-8"), FIRST, *[DOUBLE] * doublings):
            cursor.execute(statements)
            while cursor.nextset():
                pass
        link.commit()


def _client(image: Image, server: Database, folder: Path, command: str) -> None:
    """Run one of MariaDB's clients, whose name is the first word of ``command``, as root."""
    program, _, rest = command.partition(" ")
    container = image.container({"MYSQL_PWD": server.root_password}, binds=[Bind(source=folder, target="/out")])
    line = f"{program} --host={server.host} --port={server.port} --user=root {rest}"
    done = run(container, ["/bin/bash", "-c", line], seconds=SECONDS)
    if done.returncode != 0:
        raise OpsError(f"{program} ended with code {done.returncode}.", "read its output:", done.stdout)
