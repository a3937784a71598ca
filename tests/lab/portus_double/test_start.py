"""How the images start, wait, refuse and end, against what ``startup.json`` recorded; run in the images' own root file systems."""

from __future__ import annotations

import fcntl
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from components.portus.pod import TOOLS, UNBUFFERED, tools
from lab.images.build import build_images
from lab.images.rootfs import Bind, Running, started
from lab.images.servers import MARIADB_OPTIONS, START_SECONDS, Database, free_port, fresh_mariadb, fresh_registry
from lab.portus_double.replay.stage import certificate as self_signed
from ops.paths import cache

pytestmark = pytest.mark.images

BOUND = START_SECONDS
PUMA = ["2.4", "2.5"]


@dataclass
class Pod:
    """What a deployment gives a container of the image, and what the container wrote."""

    version: str
    folder: Path
    database: Database | None = None
    environment: dict[str, str] = field(default_factory=dict)
    binds: list[Bind] = field(default_factory=list)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def settings(self) -> dict[str, str]:
        database = self.database
        host, port = (database.host, str(database.port)) if database else ("127.0.0.1", "1")
        common = {"PORTUS_SECRET_KEY_BASE": "b0123456789", "PORTUS_MACHINE_FQDN_VALUE": "portus.example.test"}
        if self.version == "2.2":
            return {**common, "MARIADB_SERVICE_HOST": host, "PORTUS_PORTUS_PASSWORD": "portuspass1234", **self.environment}
        access = {} if database is None else {"PORTUS_DB_USERNAME": database.user, "PORTUS_DB_PASSWORD": database.password}
        return {
            **common,
            **access,
            "PORTUS_DB_HOST": host,
            "PORTUS_DB_PORT": port,
            "PORTUS_DB_DATABASE": "portus",
            "PORTUS_PASSWORD": "portuspass1234",
            "PORTUS_KEY_PATH": "/secrets/portus.key",
            "PORTUS_PUMA_TLS_KEY": "/secrets/portus.key",
            "PORTUS_PUMA_TLS_CERT": "/certificates/portus-ca.crt",
            **self.environment,
        }

    @contextmanager
    def begin(self, **environment: str) -> Iterator[Running]:
        key, certificate = self.folder / "portus.key", self.folder / "portus-ca.crt"
        if not key.exists():
            key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        certificate.write_bytes(self_signed(self.key))
        binds = [
            Bind(source=key, target="/secrets/portus.key", read_only=True),
            Bind(source=certificate, target="/certificates/portus-ca.crt", read_only=True),
            Bind(source=self._tools(), target=TOOLS, read_only=True),
            *self.binds,
        ]
        (image,) = build_images([f"portus-lab:{self.version}"])
        settings = {name: value for name, value in {**self.settings(), **environment}.items() if value != "<unset>"}
        with self.log.open("w") as output, started(image.container(settings, binds=binds), image.argv, output=output) as running:
            try:
                yield running
            finally:
                running.kill()  # bash as process 1 would let a polite end wait for its whole grace period

    def _tools(self) -> Path:
        """Return the folder that the product mounts beside the image's own files."""
        folder = self.folder / "stack"
        folder.mkdir(exist_ok=True)
        for name, text in tools(("portusctl", "rake") if self.version == "2.2" else ("portusctl", "exec", "rake")).items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o555)
        return folder

    def wait(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + BOUND
        while not met():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def wait_for_line(self, words: str, times: int = 1) -> None:
        self.wait(lambda: self.log.read_text().count(words) >= times)

    def get(self, path: str, seconds: float = 10) -> httpx.Response | None:
        context = ssl.create_default_context(cadata=_certificate_text(self.folder))
        context.check_hostname = False
        try:
            return httpx.get(f"https://127.0.0.1:3000{path}", verify=context, timeout=seconds)
        except httpx.TransportError:
            return None

    def wait_for_ping(self) -> None:
        self.wait(lambda: (answer := self.get("/api/v1/_ping")) is not None and answer.status_code == 200)


def _certificate_text(folder: Path) -> str:
    return (folder / "portus-ca.crt").read_text()


@pytest.fixture(scope="module", autouse=True)
def _ports_of_the_images() -> Iterator[None]:
    """The web listens at 3000, Apache's image asks a database at 3306, whatever it is told: one test run of the machine at a time."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ports-of-the-images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def with_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pod]:
    with fresh_mariadb() as database:
        yield Pod(request.param, tmp_path, database)


@pytest.fixture
def without_database(request: pytest.FixtureRequest, tmp_path: Path) -> Pod:
    return Pod(request.param, tmp_path)


@pytest.mark.parametrize("with_database", PUMA, indirect=True)
def test_the_web_sets_an_empty_database_up_serves_over_tls_and_outlives_a_term_signal_to_process_1(with_database: Pod) -> None:
    pod = with_database
    with pod.begin() as running:
        pod.wait_for_ping()
        assert "Portus contract double" in pod.log.read_text()
        token = pod.get("/v2/token?service=x")
        assert token is not None
        assert token.status_code == 200
        tasks = running.exec(["portusctl", "exec", "rake", "db:migrate:status"], environment={**pod.settings(), **_image_environment(pod)})
        assert "down" not in tasks.stdout
        # bash is process 1 and has no handler: the kernel drops the signal, nothing is passed on.
        running.exec(["sh", "-c", "kill -TERM 1"])
        answer = pod.get("/api/v1/_ping")
        assert answer is not None
        password = pod.settings()["PORTUS_DB_PASSWORD"]
    assert password not in pod.log.read_text()


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_clients_that_say_nothing_keep_no_other_waiting(with_database: Pod) -> None:
    with with_database.begin(**ONE_PROCESS), ExitStack() as silent:
        with_database.wait_for_ping()
        for _ in range(5):
            silent.enter_context(socket.create_connection(("127.0.0.1", 3000)))
        assert with_database.get("/api/v1/_ping") is not None


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_clients_without_tls_get_no_answer_and_keep_a_thread_each_while_they_stay(with_database: Pod) -> None:
    with with_database.begin(**ONE_PROCESS), ExitStack() as plain:
        with_database.wait_for_ping()
        for _ in range(4):
            client = plain.enter_context(socket.create_connection(("127.0.0.1", 3000)))
            client.sendall(b"GET /api/v1/_ping HTTP/1.1\r\nHost: portus\r\n\r\n")
        client.settimeout(1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert with_database.get("/api/v1/_ping", seconds=3) is None, "a web of four threads is full"
        plain.close()
        with_database.wait_for_ping()


def _image_environment(pod: Pod) -> dict[str, str]:
    return dict(build_images([f"portus-lab:{pod.version}"])[0].recipe.config.environment)


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_the_worker_waits_for_the_web_to_set_the_database_up_and_any_value_makes_a_worker(with_database: Pod) -> None:
    web, worker = with_database, Pod("2.5", with_database.folder / "worker", with_database.database)
    worker.folder.mkdir()
    with worker.begin(PORTUS_BACKGROUND="false", RUBYOPT=f"-r{UNBUFFERED}") as running:
        worker.wait_for_line("plays 2.5")
        with web.begin():
            web.wait_for_ping()
            worker.wait_for_line("[Initialization] Running: 'Registry events', 'Registry synchronization'")
            assert running.process.poll() is None


@pytest.mark.parametrize("with_database", ["2.5"], indirect=True)
def test_secrets_come_from_files_for_the_five_names(with_database: Pod) -> None:
    assert with_database.database is not None
    secret = with_database.folder / "portus.key"
    with with_database.begin(PORTUS_DB_PASSWORD_FILE="/secrets/portus.key", PORTUS_DB_PASSWORD="both") as running:
        assert running.process.wait(BOUND) == 1
    assert "both PORTUS_DB_PASSWORD and PORTUS_DB_PASSWORD_FILE are set" in with_database.log.read_text()
    assert secret.exists()


@pytest.mark.parametrize("with_database", PUMA, indirect=True)
def test_a_key_that_cannot_sign_still_answers_the_ping_while_every_token_fails(with_database: Pod) -> None:
    pod = with_database
    wrong = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (pod.folder / "portus.key").write_bytes(wrong)
    with pod.begin(PORTUS_PUMA_TLS_KEY="<unset>"):
        pod.wait(lambda: _plain("/api/v1/_ping") == 200)
        assert _plain("/v2/token?service=x") == 500
        assert _plain("/api/v1/health") == 503
    assert "OpenSSL::PKey::RSAError (incorrect pkey type: id-ecPublicKey):" in pod.log.read_text()


ONE_PROCESS = {"PORTUS_PUMA_WORKERS": "1", "PORTUS_PUMA_MAX_THREADS": "4"}


def _plain(path: str) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:3000{path}", timeout=10).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.parametrize("without_database", PUMA, indirect=True)
def test_without_a_database_the_web_waits_5_seconds_a_time(without_database: Pod) -> None:
    with without_database.begin() as running:
        without_database.wait_for_line("Waiting for mariadb to be ready in 5 seconds", 2)
        assert running.process.poll() is None


@pytest.mark.parametrize("without_database", ["2.4"], indirect=True)
def test_without_a_database_the_2_4_worker_waits_by_itself(without_database: Pod) -> None:
    with without_database.begin(PORTUS_BACKGROUND="true"):
        without_database.wait_for_line("[Database] Not ready yet. Waiting...")


@pytest.mark.parametrize("without_database", PUMA, indirect=True)
@pytest.mark.parametrize("name", ["PORTUS_SECRET_KEY_BASE", "PORTUS_PASSWORD", "PORTUS_KEY_PATH"])
def test_without_a_secret_the_web_says_so_and_loops(without_database: Pod, name: str) -> None:
    with without_database.begin(**{name: "<unset>"}) as running:
        without_database.wait_for_line(f"Environment variable `{name}` has not been set!", 2)
        assert running.process.poll() is None


@pytest.mark.parametrize("without_database", ["2.4"], indirect=True)
def test_without_a_secret_the_2_4_worker_ends(without_database: Pod) -> None:
    with without_database.begin(PORTUS_BACKGROUND="true", PORTUS_PASSWORD="<unset>") as running:
        assert running.process.wait(BOUND) == 1
    assert "Environment variable `PORTUS_PASSWORD` has not been set!" in without_database.log.read_text()


@pytest.fixture
def apache(tmp_path: Path) -> Iterator[Pod]:
    """Give an Apache pod; its image knows no database port but 3306."""
    with fresh_mariadb(options=[*MARIADB_OPTIONS, "--port=3306"]) as database:
        access = {"MARIADB_USER": database.user, "MARIADB_PASSWORD": database.password, "MARIADB_DATABASE": database.database}
        ports = {"PORTUS_DOUBLE_PLAIN_PORT": str(free_port()), "PORTUS_DOUBLE_TLS_PORT": str(free_port())}
        yield Pod("2.2", tmp_path, database, {**access, **ports})


def test_apache_serves_tls_redirects_plain_http_and_handles_events_in_the_request(apache: Pod) -> None:
    plain = f"http://127.0.0.1:{apache.environment['PORTUS_DOUBLE_PLAIN_PORT']}"
    tls = f"https://127.0.0.1:{apache.environment['PORTUS_DOUBLE_TLS_PORT']}"
    with apache.begin() as running, fresh_registry() as registry, httpx.Client(verify=False, timeout=10) as client:  # noqa: S501 - its own
        apache.wait(lambda: answers(client, f"{tls}/v2/"))
        redirect = client.get(f"{plain}/some/path")
        assert (redirect.status_code, redirect.headers["Location"]) == (302, "https://127.0.0.1/")
        assert client.get(f"{tls}/v2/").status_code == 401
        assert client.get(f"{tls}/api/v1/_ping").status_code == 404

        environment = {**apache.settings(), **_image_environment(apache)}
        create = f"portus:create_registry[registry,{registry},false,registry.example.test]"
        assert running.exec(["portusctl", "exec", "rake", create], environment=environment).returncode == 0
        user = "portus:create_user[alice,alice@example.test,alice-password,false]"
        assert running.exec(["portusctl", "rake", user], environment=environment).returncode == 0
        refused = running.exec(["portusctl", "rake", create], environment=environment)
        words, repeated = refused.stdout.splitlines()
        assert (refused.returncode, words) == (1, "There is already a registry configured!")
        assert "Something went wrong while invoking: bundler exec rake portus:create_registry" in repeated
        listed = running.exec(["portusctl", "rake", "portus:make_admin"], environment=environment)
        assert '["portus", "alice"]' in listed.stdout.splitlines()

        kind = "application/vnd.docker.distribution.manifest.v2+json"
        target = {"mediaType": kind, "repository": "alice/app", "tag": "1", "digest": "sha256:" + "ab" * 32}
        event = {"id": "e", "action": "push", "target": target, "request": {"host": registry}, "actor": {"name": "alice"}}
        assert client.post(f"{plain}/v2/webhooks/events", json={"events": [event]}).status_code == 202
        query = {"service": registry, "account": "alice", "scope": "repository:alice/app:*"}
        token = client.get(f"{tls}/v2/token", params=query, auth=("alice", "alice-password")).json()
        assert token["expires_in"] == 300
    assert "Handling 'push' event" in apache.log.read_text()


def answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code > 0
    except httpx.TransportError:
        return False
