"""A MariaDB of the lab's image for each test that wants one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.images.build import Image, build_images
from lab.images.rootfs import Bind, Running, started
from lab.images.servers import START_SECONDS, free_port, wait_ready
from ops.errors import OpsError

ROOT_PASSWORD = "rootpass"
READY = ("healthcheck.sh", "--connect", "--innodb_initialized")


@dataclass
class MariaDb:
    """One running server: what it wrote, and SQL as a client outside its container would send it."""

    running: Running
    log: Path
    port: int

    def sql(self, statement: str, *, user: str = "root", password: str = ROOT_PASSWORD, database: str = "") -> str:
        """Return the rows, or the error, of a statement sent over TCP."""
        command = [
            "mariadb",
            "--protocol=tcp",
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--user={user}",
            "--batch",
            "--skip-column-names",
        ]
        result = self.running.exec(
            [*command, "--skip-column-names", "-e", statement, *([database] if database else [])], environment={"MYSQL_PWD": password}
        )
        return result.stdout.strip()

    def healthcheck(self, *tests: str) -> int:
        """Return the exit code of healthcheck.sh."""
        return self.running.exec(["healthcheck.sh", *tests]).returncode


@dataclass
class Place:
    """Where servers of one test keep their data and find their files."""

    image: Image
    folder: Path
    user: str = "0:0"
    binds: list[Bind] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.data.mkdir(parents=True)
        self.data.chmod(0o777)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def fill(self, used: Place) -> None:
        """Take over the data, and the port that stands in it, of a server that has ended."""
        subprocess.run(["cp", "--archive", f"{used.data}/.", self.data], check=True)
        self.port = used.port

    def file(self, target: str, content: str | bytes, mode: int = 0o644) -> str:
        """Show a file with ``content`` at ``target``; return ``target``."""
        source = self.folder / target.strip("/").replace("/", "_")
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        source.chmod(mode)
        self.binds.append(Bind(source=source, target=target, read_only=True))
        return target

    @contextmanager
    def begin(self, environment: dict[str, str], *, argv: Sequence[str] = ("mariadbd",)) -> Iterator[MariaDb]:
        """Start the entrypoint as a pod would (read-only root) and do not wait."""
        container = self.image.container(
            {"MARIADB_INITDB_SKIP_TZINFO": "1", **environment},
            user=self.user,
            binds=[Bind(source=self.data, target="/var/lib/mysql"), *self.binds],
            tmpfs=["/tmp", "/run/mysqld"],
            read_only=True,
        )
        command = [*self.image.recipe.config.entrypoint, *argv, "--bind-address=127.0.0.1", f"--port={self.port}"]
        with self.log.open("a+") as log, started(container, command, output=log) as running:
            yield MariaDb(running, self.log, self.port)

    @contextmanager
    def ready(self, environment: dict[str, str] | None = None, *, argv: Sequence[str] = ("mariadbd",)) -> Iterator[MariaDb]:
        """Start the entrypoint and wait until the official readiness test holds."""
        with self.begin(environment or {"MARIADB_ROOT_PASSWORD": ROOT_PASSWORD}, argv=argv) as server, self.log.open() as log:
            try:
                wait_ready("MariaDB", server.running, log, lambda: server.running.exec(READY).returncode == 0)
            except OpsError as error:
                pytest.fail(f"{error}\n{error.excerpt}")
            yield server

    def refused(self, environment: dict[str, str]) -> str:
        """Start what must not start; return what it wrote."""
        with self.begin(environment) as server:
            code = server.running.process.wait(START_SECONDS)
        text = self.log.read_text()
        assert code == 1, text
        return text


MEMORY = Path("/dev/shm")
FIRST_STARTS_GIB = 2
"""A data folder of the server's defaults takes 0.15 GiB."""


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Give a folder in memory where there is enough: a first start waits for the disk half of its time."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > FIRST_STARTS_GIB * 2**30
    with tempfile.TemporaryDirectory(prefix="lab-mariadb-", dir=MEMORY if roomy else None) as name:
        folder = Path(name)
        folder.chmod(0o755)  # other users' servers run in it
        yield folder


@pytest.fixture
def place() -> Iterator[Place]:
    with quick_folder() as folder:
        yield Place(build_images(["mariadb-lab"])[0], folder)


@pytest.fixture(scope="module")
def first() -> Iterator[Place]:
    """A place whose server has made its first start and ended."""
    with quick_folder() as folder:
        made = Place(build_images(["mariadb-lab"])[0], folder)
        with made.ready():
            pass
        yield made


@pytest.fixture
def started_before(place: Place, first: Place) -> Place:
    """A place with the data of a first start."""
    place.fill(first)
    return place
