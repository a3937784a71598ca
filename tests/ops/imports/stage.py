"""Dumps of Portus' database, written by the genuine mariadb-dump from a server that a test fills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import Database

Rows = Callable[[str], list[tuple[Any, ...]]]
DATABASE = "exported"
"""As tests.ops.export.test_records fills it."""


def migrated(rows: Rows, version: str) -> None:
    """Have schema_migrations end as ``version`` leaves it, and make a table of 2.0 that no dump may lack."""
    newest = NEWEST_MIGRATIONS[PortusVersion(version)]
    rows(f"DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES ('20150414104850'), ('{newest}'); COMMIT")  # noqa: S608 - of this program


def dumped(server: Database, target: Path, *options: str, database: str = DATABASE) -> Path:
    """Dump ``database`` of ``server`` to ``target``, which must be in a folder of its own."""
    (image,) = build_images(["mariadb-lab"])
    container = image.container({"MYSQL_PWD": server.root_password}, binds=[Bind(source=target.parent, target="/out")])
    link = [f"--host={server.host}", f"--port={server.port}", "--user=root", f"--result-file=/out/{target.name}"]
    done = run(container, ["mariadb-dump", *link, *options, *([database] if "--all-databases" not in options else [])], seconds=120)
    assert done.returncode == 0, done.stdout
    return target
