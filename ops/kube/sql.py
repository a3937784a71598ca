"""SQL on a stack's database: as root on the server's own socket, or as an account over a connection that is open already."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import pymysql

from ops.kube.pods import Done, Pods

Rows = Callable[[str], list[tuple[Any, ...]]]
"""Runs a statement and returns its rows."""

ANSWER_SECONDS: Final = 10.0
"""How long one query of an account may take."""
ROOT_SECONDS: Final = 60.0
AS_ROOT: Final = (
    'MYSQL_PWD="$(cat "$MARIADB_ROOT_PASSWORD_FILE")" exec mariadb --user=root --batch --skip-column-names ${1:+"$1"} --execute "$2"'
)
"""In the server's own Pod, which its password never leaves; $1 is the database, '' for none."""


def as_root(pods: Pods, pod: str, statement: str, database: str = "", seconds: float = ROOT_SECONDS) -> Done:
    """Run a statement as root in the server's ``pod``: one line a row, its values parted by tabs. Raises as `Pods.execute`."""
    return pods.execute(pod, ["sh", "-c", AS_ROOT, "sh", database, statement], seconds)


@contextlib.contextmanager
def session(end: socket.socket, *, user: str, password: str, database: str) -> Iterator[Rows]:
    """Give what runs a statement over ``end`` and returns its rows.

    Raises:
        pymysql.MySQLError, OSError: the server refuses, or does not answer.
    """
    connection = pymysql.connect(
        user=user,
        password=password,
        database=database,
        charset="utf8",
        read_timeout=ANSWER_SECONDS,
        write_timeout=ANSWER_SECONDS,
        defer_connect=True,
    )
    connection.connect(end)
    with connection, connection.cursor() as cursor:

        def rows(statement: str) -> list[tuple[Any, ...]]:
            cursor.execute(statement)
            return list(cursor.fetchall())

        yield rows
