"""Throw-away servers from the lab's images, on the host's loopback: for tests and for replaying recordings."""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import httpx
import pymysql

from lab import cache as lab_cache
from lab.images.build import Image, build_images
from lab.images.rootfs import Bind, Running, started
from ops.errors import OpsError

START_SECONDS: Final = 120.0
"""Bound of every start here; a MariaDB from nothing takes 2 s on two idle cores, and a server that ends is reported at once."""

LOOPBACK: Final = "127.0.0.1"

MARIADB_OPTIONS: Final = (
    "--character-set-server=utf8",
    "--collation-server=utf8_unicode_ci",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-log-file-size=16M",
)
"""The character set that Portus needs; and, for data that is not kept, no wait for the disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """Where a throw-away MariaDB answers, and its one database with the user that owns it."""

    port: int
    socket: Path
    user: str
    password: str
    database: str
    root_password: str
    host: str = LOOPBACK


@contextmanager
def fresh_mariadb(
    *, database: str = "portus", user: str = "portus", options: Sequence[str] = MARIADB_OPTIONS, binds: Sequence[Bind] = ()
) -> Iterator[Database]:
    """Run an empty MariaDB of the lab's image until the block ends; nothing of it is left then.

    It starts in memory, on the data folder of a first start that the cache keeps; database, user and passwords are its own.

    Args:
        binds: files that ``options`` name.

    Raises:
        OpsError: not root, or the server was not ready within `START_SECONDS` (with the end of its log).
    """
    (image,) = build_images(["mariadb-lab"])
    password, root_password = (f"p{secrets.token_hex(16)}" for _ in range(2))
    with tempfile.TemporaryDirectory(prefix="lab-mariadb-") as scratch, (Path(scratch) / "log").open("w+") as log:
        run, accounts = Path(scratch) / "run", Path(scratch) / "accounts.sql"
        run.mkdir()
        run.chmod(0o777)
        accounts.write_text(
            f"ALTER USER root@localhost IDENTIFIED BY '{root_password}';\n"
            f"ALTER USER root@'%' IDENTIFIED BY '{root_password}';\n"
            f"CREATE DATABASE `{database}`;\n"
            f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}';\n"
            f"GRANT ALL ON `{database.replace('_', chr(92) + '_')}`.* TO '{user}'@'%';\n"
        )
        made = Database(
            port=free_port(), socket=run / "mysqld.sock", user=user, password=password, database=database, root_password=root_password
        )
        container = image.container(
            user="mysql:mysql",
            binds=[Bind(source=run, target="/run/mysqld"), Bind(source=accounts, target="/run/accounts.sql", read_only=True), *binds],
        )
        container = replace(container, trees=[*container.trees, _after_first_start(image)])
        own = [f"--bind-address={LOOPBACK}", f"--port={made.port}", "--init-file=/run/accounts.sql"]
        with started(container, ["mariadbd", *own, *options], output=log) as server:  # without the entrypoint, which has done its part
            wait_ready("MariaDB", server, log, lambda: _lets_in(made))
            yield made


def _after_first_start(image: Image) -> Path:
    """Return a root folder that holds nothing but a data folder as the image's first start leaves it, made once a machine."""

    def make(work: Path) -> None:
        data = work / "tree" / "var" / "lib" / "mysql"
        shutil.rmtree(work / "tree", ignore_errors=True)
        data.mkdir(parents=True)
        container = image.container(
            {"MARIADB_ROOT_PASSWORD": secrets.token_hex(16), "MARIADB_INITDB_SKIP_TZINFO": "1"},
            binds=[Bind(source=data, target="/var/lib/mysql")],
        )
        own = [f"--bind-address={LOOPBACK}", f"--port={free_port()}"]
        with (work / "log").open("w+") as log, started(container, [*image.argv, *own, *MARIADB_OPTIONS], output=log) as server:
            check = ["healthcheck.sh", "--connect", "--innodb_initialized"]
            wait_ready("MariaDB's first start", server, log, lambda: server.exec(check).returncode == 0)
            if server.end(seconds=START_SECONDS) != 0:
                raise OpsError("MariaDB's first start did not end cleanly.", f"read its output in {work / 'log'}.")

    key = lab_cache.key(*(layer.folder.name for layer in image.layers), *MARIADB_OPTIONS)
    return lab_cache.build("mariadb-data", key, make) / "tree"


def _lets_in(server: Database) -> bool:
    try:
        pymysql.connect(unix_socket=str(server.socket), user="root", password=server.root_password).close()
    except pymysql.err.OperationalError:
        return False
    return True


@contextmanager
def fresh_registry(
    settings: dict[str, Any] | None = None, *, binds: Sequence[Bind] = (), user: str | None = None, port: int | None = None
) -> Iterator[str]:
    """Run an empty registry of the lab's image until the block ends; give its ``host:port``.

    Args:
        settings: more of the registry's configuration (``auth``, ``notifications`` ...); ``http`` and ``storage`` are set here.
        binds: files that ``settings`` names; or a folder of the caller's at ``/var/lib/registry``, to keep the data.
        port: where it listens; by default a free one. A token service must know the address beforehand.

    Raises:
        OpsError: not root, or the registry was not ready within `START_SECONDS` (with the end of its log).
    """
    (image,) = build_images(["registry-lab:2.8"])
    address = f"{LOOPBACK}:{port or free_port()}"
    with tempfile.TemporaryDirectory(prefix="lab-registry-") as scratch, (Path(scratch) / "log").open("w+") as log:
        data, config = Path(scratch) / "data", Path(scratch) / "config.yml"
        data.mkdir()
        data.chmod(0o777)
        document = {
            **(settings or {}),
            "version": 0.1,
            "http": {"addr": address, "secret": secrets.token_hex(32)},
            "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}, "delete": {"enabled": True}},
        }
        config.write_text(json.dumps(document))  # JSON is YAML, too
        container = image.container(
            binds=[
                Bind(source=data, target="/var/lib/registry"),
                Bind(source=config, target="/etc/docker/registry/config.yml", read_only=True),
                *binds,
            ],
            user=user,
            read_only=True,
        )
        with started(container, image.argv, output=log) as server:
            wait_ready("the registry", server, log, lambda: _answers(f"http://{address}/"))
            yield address


PORTS: Final = range(20000, 30000)
"""Below Kubernetes' node ports (30000) and those that Linux chooses by itself (32768): each is taken by its number alone."""

PORTS_EACH: Final = 200
"""How many of `PORTS` one process has for itself: two processes that start servers at once never mean the same one."""


@cache
def _ports() -> Iterator[int]:
    """Return this process's own ports, in turn. The name that reserves them is free again when the process ends."""
    starts = list(range(PORTS.start, PORTS.stop, PORTS_EACH))
    for start in secrets.SystemRandom().sample(starts, len(starts)):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0portus-lab-ports-{start}")
        except OSError:
            name.close()
            continue
        _RESERVED.append(name)
        return itertools.cycle(range(start, start + PORTS_EACH))
    raise OpsError(f"{len(starts)} processes already run servers of the lab.", "wait until one of them ends.")


_RESERVED: Final[list[socket.socket]] = []


def free_port() -> int:
    """Return a port of the loopback interface where no process listens, and that Linux gives to none until a server of ours begins.

    Raises:
        OpsError: too many processes ask at once.
    """
    while True:
        port = next(_ports())
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def wait_ready(name: str, server: Running, log: IO[str], ready: Callable[[], bool]) -> None:
    """Return as soon as ``ready()`` holds.

    Raises:
        OpsError: the server ended, or `START_SECONDS` went by (with the end of its log).
    """
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None:
        with suppress(OpsError, subprocess.TimeoutExpired):  # not begun yet, ended between the two looks, or a look that hangs
            if ready():
                return
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    log.seek(0)
    tail = "".join(log.readlines()[-15:])
    raise OpsError(f"{name} was not ready within {START_SECONDS:.0f} s, or ended.", "correct what its output names:", tail)


def listens(port: int) -> bool:
    """Return whether a process listens at a port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False
