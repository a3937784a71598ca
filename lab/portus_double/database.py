"""The database: one connection a thread, plain SQL, and the states that the start-up scripts ask for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, cast

import pymysql
import pymysql.cursors
from pymysql.constants import CLIENT, CR, ER

from .config import DatabaseAddress

Row = dict[str, Any]

CONNECT_SECONDS: Final = 10


class State(StrEnum):
    """What a look at the database finds; the image's start script prints and reads these words."""

    READY = "DB_READY"
    EMPTY = "DB_EMPTY"
    MISSING = "DB_MISSING"
    DOWN = "DB_DOWN"
    UNKNOWN = "DB_UNKNOWN"


class Database:
    """Access to the application's database.

    Every statement commits by itself unless it runs inside ``transaction``. Text compares by the database's collation, which is
    where the genuine application's case-insensitive names come from.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self.address = address
        self._local = threading.local()

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return all rows of a query."""
        with self._cursor() as cursor:
            cursor.execute(sql, values)
            return list(cast("Sequence[Row]", cursor.fetchall()))

    def row(self, sql: str, *values: Any) -> Row | None:
        """Return the first row of a query, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def one(self, sql: str, *values: Any) -> Any:
        """Return the first column of the first row, or None."""
        found = self.row(sql, *values)
        return None if found is None else next(iter(found.values()))

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement and return the id it inserted (0 if none)."""
        with self._cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.lastrowid or 0)

    def insert(self, table: str, **values: Any) -> int:
        """Insert a row and return its id. ``created_at`` and ``updated_at`` are the caller's to give: not every table has them."""
        names = ", ".join(f"`{name}`" for name in values)
        marks = ", ".join(["%s"] * len(values))
        return self.run(f"INSERT INTO `{table}` ({names}) VALUES ({marks})", *values.values())  # noqa: S608 - names are this code's own

    def update(self, table: str, row_id: int, **values: Any) -> None:
        """Set columns of one row."""
        pairs = ", ".join(f"`{name}` = %s" for name in values)
        self.run(f"UPDATE `{table}` SET {pairs} WHERE id = %s", *values.values(), row_id)  # noqa: S608 - names are this code's own

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what the block writes only if it ends without an error."""
        connection = self._connection()
        connection.begin()
        self._local.in_transaction = True
        try:
            yield
        except BaseException:
            connection.rollback()
            raise
        else:
            connection.commit()
        finally:
            self._local.in_transaction = False

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None and connection.open:
            connection.close()
        self._local.connection = None

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[pymysql.cursors.DictCursor]:
        with self._connection().cursor() as cursor:
            yield cast("pymysql.cursors.DictCursor", cursor)

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self.address)
            self._local.connection = connection
        elif not getattr(self._local, "in_transaction", False):
            connection.ping(reconnect=True)
        return connection


class _Absent:
    """A login that Portus' images have no plugin for."""

    def __init__(self, _connection: object) -> None:
        raise pymysql.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, "Authentication plugin cannot be loaded: no such file")


def connect(address: DatabaseAddress, *, with_database: bool = True) -> Any:
    """Open a connection the way the application does: utf8 (three bytes), strict, UTC.

    Raises:
        pymysql.MySQLError: the server is away, or refuses.
        TypeError: YAML made something else than text of the password.
    """
    if address.password is not None and not isinstance(address.password, str):
        raise TypeError("the database password is not a String")
    # No TLS, as without the adapter's keys for it; and no login that needs a plugin beside the client (Leap's libmariadb).
    return pymysql.connect(
        auth_plugin_map=dict.fromkeys(("caching_sha2_password", "sha256_password", "client_ed25519"), _Absent),
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password or "",
        database=address.name if with_database else None,
        unix_socket=address.socket,
        charset="utf8",
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        client_flag=CLIENT.FOUND_ROWS,
        init_command="SET sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00'",
        cursorclass=pymysql.cursors.DictCursor,
    )


def now() -> datetime:
    """Return this second in UTC, as the columns keep it."""
    return datetime.now(UTC).replace(microsecond=0, tzinfo=None)


def error_code(error: BaseException) -> int:
    """Return the server's or client's error number, 0 if there is none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


NO_DATABASE: Final = ER.BAD_DB_ERROR
