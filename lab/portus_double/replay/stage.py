"""Where a recording is played: a fresh MariaDB, a registry, and the double, restarted on the same database as the cases demand."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

import httpx
import pymysql
import pymysql.cursors
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from lab.images.rootfs import Bind
from lab.images.servers import LOOPBACK, START_SECONDS, Database, free_port, fresh_mariadb, fresh_registry
from lab.portus_double.replay.recording import SCENARIO
from ops.errors import OpsError
from ops.paths import ROOT

_DOUBLE: Final = "lab.portus_double"
_BUNDLE: Final = "/etc/docker/registry/bundle.crt"


class Stage:
    """The double and what it talks to. Use ``stage`` to make one.

    Attributes:
        portus: ``host:port`` of the double.
        registry: ``host:port`` of the registry, which may be gone.
        unreachable: ``host:port`` where no server listens.
        not_a_registry: ``host:port`` of a web server that is no registry.
        key: what the double signs with.
    """

    def __init__(self, version: str, database: Database, folder: Path) -> None:
        self.version = version
        self.portus = f"{LOOPBACK}:{free_port()}"
        self.registry = f"{LOOPBACK}:{free_port()}"
        self.unreachable = f"{LOOPBACK}:1"
        self.not_a_registry = ""
        self.key = rsa.generate_private_key(65537, 2048)
        self._database = database
        self._folder = folder
        self._log: IO[str] = (folder / "double.log").open("w")
        self._web: subprocess.Popen[str] | None = None
        self._environment: dict[str, str] = dict(SCENARIO)
        self._registry = contextlib.ExitStack()
        self._connection: Any = None

    def start(self, environment: dict[str, str]) -> None:
        """Run the double's web with these settings; a running one with others is replaced.

        Raises:
            OpsError: it did not answer within ``START_SECONDS``.
        """
        if self._web is not None and environment == self._environment:
            return
        self.stop()
        self._environment = environment
        self._web = self._process("web")
        deadline = time.monotonic() + START_SECONDS
        while self._web.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://{self.portus}/api/v1/_ping").is_success:
                    return
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        raise OpsError("the double did not start.", "correct what its output names:", self.log_tail())

    def stop(self) -> None:
        """End the double's web."""
        if self._web is not None:
            end(self._web)
            self._web = None

    def set_up(self) -> None:
        """Make the tables as the image's first start does.

        Raises:
            OpsError: the task failed.
        """
        task = {"2.4": "portus:db:configure"}.get(self.version, "db:setup")
        if self.rake(task) != 0:
            raise OpsError("the database could not be set up.", "correct what the double's output names:", self.log_tail())

    def rake(self, task: str) -> int:
        """Run a rake task as ``portusctl rake`` does; return its exit code."""
        return self._process("rake", task).wait()

    def worker(self) -> subprocess.Popen[str]:
        """Start a worker with the web's settings; the caller ends it."""
        return self._process("worker")

    def start_registry(self) -> None:
        """Run the registry, with the double as its token service and receiver of notifications."""
        bundle = self._folder / "bundle.crt"
        bundle.write_bytes(certificate(self.key))
        settings = {
            "auth": {
                "token": {
                    "realm": f"http://{self.portus}/v2/token",
                    "service": self.registry,
                    "issuer": SCENARIO["PORTUS_MACHINE_FQDN_VALUE"],
                    "rootcertbundle": _BUNDLE,
                }
            },
            "notifications": {
                "endpoints": [
                    {"name": "portus", "url": f"http://{self.portus}/v2/webhooks/events", "timeout": "60s", "threshold": 5, "backoff": "1s"}
                ]
            },
        }
        port = int(self.registry.rpartition(":")[2])
        binds = [Bind(source=bundle, target=_BUNDLE, read_only=True)]
        self._registry.enter_context(fresh_registry(settings, binds=binds, port=port))

    def stop_registry(self) -> None:
        """End the registry; no server listens at its address any more."""
        self._registry.close()

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return a query's rows, seen from outside the double."""
        if self._connection is None:
            self._connection = pymysql.connect(
                host=self._database.host,
                port=self._database.port,
                user=self._database.user,
                password=self._database.password,
                database=self._database.database,
                autocommit=True,
                cursorclass=pymysql.cursors.DictCursor,
            )
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of what the double wrote."""
        return "\n".join((self._folder / "double.log").read_text().splitlines()[-lines:])

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.stop_registry()
        if self._connection is not None:
            self._connection.close()
        self._log.close()

    def _process(self, *arguments: str) -> subprocess.Popen[str]:
        database = self._database
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PORTUS_DOUBLE_VERSION": self.version,
            "PORTUS_PUMA_HOST": self.portus,
            "PORTUS_DB_HOST": database.host,
            "PORTUS_DB_PORT": str(database.port),
            "PORTUS_DB_USERNAME": database.user,
            "PORTUS_DB_PASSWORD": database.password,
            "PORTUS_DB_DATABASE": database.database,
            "PORTUS_SECRET_KEY_BASE": "b" + "0" * 31,
            "PORTUS_KEY_PATH": str(self._key_file()),
            **self._environment,
        }
        command = [sys.executable, "-m", _DOUBLE, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self._log, stderr=subprocess.STDOUT, text=True)

    def _key_file(self) -> Path:
        path = self._folder / "portus.key"
        if not path.exists():
            pem = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            path.write_bytes(self.key.private_bytes(*pem))
        return path


def end(process: subprocess.Popen[str]) -> int:
    """Ask a process to end, insist after 5 s; return its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


@contextlib.contextmanager
def stage(version: str) -> Iterator[Stage]:
    """Give a stage with an empty database, set up and with its registry running, until the block ends.

    Raises:
        OpsError: not root, or a part did not start.
    """
    with tempfile.TemporaryDirectory(prefix="lab-replay-") as folder, fresh_mariadb() as database:
        made = Stage(version, database, Path(folder))
        try:
            with _web_server() as address:
                made.not_a_registry = address
                made.set_up()
                made.start_registry()
                yield made
        finally:
            made.close()


@contextlib.contextmanager
def _web_server() -> Iterator[str]:
    class Plain(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{LOOPBACK}:{server.server_address[1]}"
        server.shutdown()


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    """Return a self-signed certificate for a key, valid for a day."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portus.example.test")])
    moment = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(moment - timedelta(hours=1)).not_valid_after(moment + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
