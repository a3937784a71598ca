"""What Portus' own account sees in the database, and what waits in the registry for Portus; reads only.

The connection leads to the database's Pod or, for an external one, starts in Portus' Pod.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pymysql
from kubernetes.client import ApiException
from pymysql.constants import ER

from components.common.names import DATABASE_PORT, DATABASE_SERVER, REGISTRY, WEB
from ops.doctor.facts import Backlog, Database, Denied, Pod, Queue, Record
from ops.doctor.relay import relay
from ops.doctor.snapshot import Snapshot
from ops.kube import sql
from ops.kube.errors import no_way_to_pod
from ops.kube.http import SECONDS, Answer, NoAnswer, NotChecked, Request, late, saying
from ops.kube.pods import NeverEndedError, Pods
from ops.kube.sql import ANSWER_SECONDS, Rows

COUNT_SECONDS: Final = 3.0
"""Between two looks at a queue that is not empty: a push under way empties it within a second."""


def count_queues(pods: Pods, snapshot: Snapshot) -> tuple[Queue, ...] | NoAnswer | NotChecked:
    """Return the queues of every registry Pod, by ``/debug/vars``: the only place where 2.8 counts them."""
    workload = snapshot.workload(REGISTRY)
    found: list[Queue] = []
    for pod in workload.ready if workload else ():
        first = _counted(pods, pod)
        if isinstance(first, NoAnswer | NotChecked):
            return first
        second = first
        if any(each["Metrics"].get("Pending") for each in first):
            time.sleep(COUNT_SECONDS)
            again = _counted(pods, pod)
            second = first if isinstance(again, NoAnswer | NotChecked) else again
        found += [_queue(pod.name, before, after) for before, after in zip(first, second, strict=False)]
    return tuple(found)


def _counted(pods: Pods, pod: Pod) -> list[dict[str, Any]] | NoAnswer | NotChecked:
    answer = pods.ask(pod.name, pod.ports["debug"], Request(path="/debug/vars", host="", plain=True))
    if not isinstance(answer, Answer):
        return answer
    try:
        return list(json.loads(answer.body)["registry"]["notifications"]["endpoints"])
    except (ValueError, KeyError, TypeError):
        return NotChecked("the registry's /debug/vars counts no notifications")


def _queue(pod: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Queue:
    metrics = after["Metrics"]
    return Queue(
        pod=pod,
        name=str(after.get("name")),
        pending=min(int(before["Metrics"].get("Pending") or 0), int(metrics.get("Pending") or 0)),
        delivered=int(metrics.get("Successes") or 0) - int(before["Metrics"].get("Successes") or 0),
        statuses=metrics.get("Statuses") or {},
    )


DENIED: Final = (
    ER.ACCESS_DENIED_ERROR,
    ER.HOST_NOT_PRIVILEGED,
    ER.DBACCESS_DENIED_ERROR,
    ER.TABLEACCESS_DENIED_ERROR,
    ER.COLUMNACCESS_DENIED_ERROR,
    ER.BAD_DB_ERROR,
)
ACCOUNT: Final = "SELECT COUNT(*) > 0 FROM mysql.user WHERE user = '{}'"
"""As root. The account's characters are limited by the settings."""
MIGRATIONS: Final = "/srv/Portus/db/migrate"
FRESH: Final = 2
STUCK: Final = 1
"""``registry_events.status``: 2 waits, 1 is being handled, 0 is done."""

SCHEMA: Final = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()"
TABLES: Final = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
EVENTS: Final = (
    "SELECT status, COUNT(*), TIMESTAMPDIFF(SECOND, MIN(created_at), UTC_TIMESTAMP()),"
    " TIMESTAMPDIFF(SECOND, MIN(updated_at), UTC_TIMESTAMP()) FROM registry_events WHERE status > 0 GROUP BY status"
)


def examine_database(pods: Pods, snapshot: Snapshot) -> Database | NoAnswer | NotChecked:
    """Return what the database passed, or why it could not be asked; reads only."""
    web = snapshot.pod(WEB)
    if web is None:
        return NotChecked("no Pod of Portus says where the database is")
    try:
        with session(pods, snapshot, web) as rows:
            found = _read(rows, is_puma=snapshot.expected.is_puma)
    except ApiException as error:
        return NotChecked(no_way_to_pod(error))
    except pymysql.MySQLError as error:
        return _denied(pods, snapshot, web, error) or NoAnswer(late(ANSWER_SECONDS) if "timed out" in _words(error) else _words(error))
    except OSError as error:
        return NoAnswer(saying(error, ANSWER_SECONDS))
    return _with_image(found, pods.run(web.name, ["ls", MIGRATIONS]))


def account_of(web: Pod) -> str:
    """Return the name of Portus' account at the database."""
    return web.setting("PORTUS_DB_USERNAME") or web.setting("MARIADB_USER")


def server_of(web: Pod) -> tuple[str, int]:
    """Return host and port of the database as Portus' Pod has them; ('', 3306) where it has none."""
    return web.setting("PORTUS_DB_HOST") or web.setting("MARIADB_SERVICE_HOST"), int(web.setting("PORTUS_DB_PORT") or DATABASE_PORT)


@contextlib.contextmanager
def session(pods: Pods, snapshot: Snapshot, web: Pod) -> Iterator[Rows]:
    """Give what runs a statement as Portus' own account and returns its rows.

    Raises:
        ApiException: the cluster opens no way to the database.
        pymysql.MySQLError, OSError: the database refuses, or does not answer.
    """
    password = web.setting("PORTUS_DB_PASSWORD") or web.setting("MARIADB_PASSWORD")
    database = web.setting("PORTUS_DB_DATABASE") or web.setting("MARIADB_DATABASE")
    with _connection(pods, snapshot, web) as end, sql.session(end, user=account_of(web), password=password, database=database) as rows:
        yield rows


@contextlib.contextmanager
def _connection(pods: Pods, snapshot: Snapshot, web: Pod) -> Iterator[socket.socket]:
    server = snapshot.pod(DATABASE_SERVER)
    if server is not None:
        with pods.connection(server.name, next(iter(server.ports.values()), DATABASE_PORT), greets=True) as end:
            yield end
        return
    with relay(pods, web.name, *server_of(web)) as end:
        yield end


def _read(rows: Rows, *, is_puma: bool) -> Database:
    tables = {name for (name,) in rows(TABLES)}
    (charset, collation) = rows(SCHEMA)[0]
    events = (
        {status: (int(count), *map(float, ages)) for status, count, *ages in rows(EVENTS)}
        if is_puma and "registry_events" in tables
        else {}
    )
    fresh, stuck = events.get(FRESH, (0, 0.0, 0.0)), events.get(STUCK, (0, 0.0, 0.0))
    return Database(
        version=str(rows("SELECT VERSION()")[0][0]),
        charset=charset,
        collation=collation,
        migrations=tuple(str(each) for (each,) in (rows("SELECT version FROM schema_migrations") if "schema_migrations" in tables else ())),
        records=tuple(_records(rows) if "registries" in tables else ()),
        fresh=Backlog(count=int(fresh[0]), oldest=fresh[1]),
        stuck=Backlog(count=int(stuck[0]), oldest=stuck[2]),
    )


def _records(rows: Rows) -> Iterator[Record]:
    # 2.0 knows no external name.
    columns = {name for (name, *_) in rows("SHOW COLUMNS FROM registries")}
    external = "external_hostname" if "external_hostname" in columns else "NULL"
    for hostname, external_hostname, use_ssl in rows(f"SELECT hostname, {external}, use_ssl FROM registries"):  # noqa: S608 - a constant
        yield Record(hostname=hostname, external_hostname=external_hostname or "", use_ssl=bool(use_ssl))


def _with_image(found: Database, listed: tuple[int, str] | NotChecked) -> Database:
    if isinstance(listed, NotChecked) or listed[0] != 0:
        return found
    versions = (name.partition("_")[0] for name in listed[1].split())
    return dataclasses.replace(found, expected=tuple(sorted(version for version in versions if version.isdigit())))


def _denied(pods: Pods, snapshot: Snapshot, web: Pod, error: pymysql.MySQLError) -> Denied | None:
    """Return a refusal of Portus' account with what root sees of it in the stack's own server; None for any other error."""
    code = error.args[0] if error.args else None
    if code not in DENIED:
        return None
    server = snapshot.pod(DATABASE_SERVER)
    if server is None:
        return Denied(_words(error), code)
    try:
        found = sql.as_root(pods, server.name, ACCOUNT.format(account_of(web)), seconds=SECONDS)
    except (ApiException, NeverEndedError, OSError):
        return Denied(_words(error), code)
    return Denied(_words(error), code, found.text == "1" if found.code == 0 else None)


def _words(error: pymysql.MySQLError) -> str:
    """Return the server's error without its number."""
    return str(error.args[-1]) if error.args else str(error)
