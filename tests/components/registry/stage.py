"""The genuine registries, S3 server and Redis, run with what the stack would give them, without a cluster."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from components.common.versions import RegistryVersion
from components.registry import configuration
from components.registry.configuration import Wiring, merged
from components.registry.inputs import jwks, secret_variables, variable_text
from components.settings.sections import registry
from components.settings.sections.registry import RegistrySettings
from components.settings.sections.storage.driver import DATA, KEY_FILES
from components.settings.types import urls
from lab.images.build import build_images
from lab.images.rootfs import Bind, Running, run, started
from lab.images.servers import START_SECONDS, free_port, listens, wait_ready
from lab.portus_double import tokens
from ops.sample_image import CONFIG_TYPE, MANIFEST_TYPE
from tests.settings import authority

IMAGES = {RegistryVersion.V2_8: "registry-lab:2.8", RegistryVersion.V3_1: "registry-lab:3"}
WIRING = Wiring(
    authority="registry.example.com",
    realm="https://portus.example.com/v2/token",
    issuer="portus.example.com",
    events_url="https://portus.example.com/v2/webhooks/events",
    notification_timeout="2000ms",
)


OWN_CA = "CA of the stage"
CA = authority.certificate("authority", common_name=OWN_CA, issuer=OWN_CA)
LEAF = authority.certificate("server", common_name="localhost", issuer=OWN_CA, hosts=("localhost", *authority.HOSTS), is_server=True)
CHAIN = LEAF + CA
USER = "10500:10500"


def settings(**said: Any) -> RegistrySettings:
    """Return the section ``registry``. The servers of these tests are on this machine, beside the registry, which no Pod's are."""
    with mock.patch.object(urls, "refuse_own_pod"), mock.patch.object(registry, "refuse_own_pod"):
        return RegistrySettings.model_validate_json(json.dumps(said))


def token(repository: str, *actions: str, signed_by: str = "server", audience: str = WIRING.authority) -> str:
    """Return a token as Portus gives it."""
    access = [{"type": "repository", "name": repository, "actions": list(actions)}]
    content = tokens.claims(issuer=WIRING.issuer, account="alice", service=audience, minutes=5, access=access)
    key = authority.key(signed_by)
    assert isinstance(key, rsa.RSAPrivateKey)
    return tokens.sign(content, key)


@dataclass
class Stage:
    """One registry of the stack's making."""

    folder: Path
    settings: RegistrySettings
    port: int = field(default_factory=free_port)
    debug_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("tls", "trust", "keys", "data"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "data").chmod(0o777)
        self._write("tls", {"tls.crt": CHAIN, "tls.key": authority.private("server")})
        signers = {"token-signers.crt": LEAF} if self._is_old else {"token-signers.json": jwks(LEAF)}
        self._write("trust", {"authority-1.crt": CA, "redis-ca.crt": CA, **signers})
        files = self.settings.storage.secret_files()
        self._write("keys", {name: value.get_secret_value() for name, value in files.items() if isinstance(value, SecretStr)})
        (self.folder / "config.yml").write_text(self._config())

    @property
    def _is_old(self) -> bool:
        return self.settings.version is RegistryVersion.V2_8

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def client(self) -> httpx.Client:
        """Return a client that trusts the stack's CA."""
        return httpx.Client(base_url=self.url, verify=ssl.create_default_context(cadata=CA), timeout=60)

    @contextmanager
    def begun(self, *, exits: bool = False) -> Iterator[Running]:
        """Run it; wait until it answers, or with ``exits`` until it has ended."""
        (image,) = build_images([IMAGES[self.settings.version]])
        container = image.container(self.environment(), user=USER, binds=self.binds(), read_only=True)
        argv = ["/entrypoint.sh", "serve", configuration.PATHS[self.settings.version]]
        with (self.folder / "log").open("a+") as log, started(container, argv, output=log) as running:
            if exits:
                running.process.wait(START_SECONDS)
            else:
                wait_ready("the registry", running, log, self._answers)
            yield running

    def collect(self) -> str:
        """Run the garbage collection, as a Job of the stack would; return what it printed."""
        (image,) = build_images([IMAGES[self.settings.version]])
        container = image.container(self.environment(), user=USER, binds=self.binds(), read_only=True)
        done = run(container, ["registry", "garbage-collect", "--delete-untagged", configuration.PATHS[self.settings.version]])
        assert done.returncode == 0, done.stdout
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Return the variables of the container, as the kubelet would read them out of the Secrets."""
        held = secret_variables(self.settings)
        texts = {name: variable_text(name, value.get_secret_value()) for name, value in held.items() if isinstance(value, SecretStr)}
        return {
            "REGISTRY_HTTP_SECRET": "a-secret-that-all-replicas-share",
            "SSL_CERT_DIR": f"/etc/ssl/certs:{configuration.TRUST}",
            "OTEL_TRACES_EXPORTER": "none",
            **self.settings.storage.variables(),
            **texts,
        }

    def _config(self) -> str:
        ports = {"http": {"addr": f"127.0.0.1:{self.port}", "debug": {"addr": f"127.0.0.1:{self.debug_port}"}}}
        document = configuration.configuration(self.settings, WIRING)
        return configuration.as_yaml(document, merged(self.settings.extra_config, ports))

    def binds(self) -> list[Bind]:
        """Return what the container mounts."""
        targets = {"tls": configuration.TLS, "trust": configuration.TRUST, "keys": KEY_FILES}
        folders = [Bind(source=self.folder / name, target=target, read_only=True) for name, target in targets.items()]
        config = Bind(source=self.folder / "config.yml", target=configuration.PATHS[self.settings.version], read_only=True)
        return [config, *folders, Bind(source=self.folder / "data", target=DATA)]

    def _write(self, folder: str, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            (self.folder / folder / name).write_text(text)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return client.get("/").is_success and listens(self.debug_port)
            except httpx.TransportError:
                return False


@contextmanager
def s3_server(folder: Path, bucket: str, access: str, secret: str) -> Iterator[str]:
    """Run the S3 server with one bucket behind TLS; give its endpoint."""
    (image,) = build_images(["s3-lab"])
    port, data, tls = free_port(), folder / "s3-data", folder / "s3-tls"
    for path in (data / "objects" / bucket, data / "meta", tls):
        path.mkdir(parents=True)
    (tls / "tls.crt").write_text(CHAIN)
    (tls / "tls.key").write_text(authority.private("server"))
    environment = {
        "ROOT_ACCESS_KEY_ID": access,
        "ROOT_SECRET_ACCESS_KEY": secret,
        "VGW_PORT": f"127.0.0.1:{port}",
        "VGW_CERT": "/tls/tls.crt",
        "VGW_KEY": "/tls/tls.key",
    }
    binds = [Bind(source=data, target="/data"), Bind(source=tls, target="/tls", read_only=True)]
    container = image.container(environment, binds=binds, read_only=True, tmpfs=["/tmp"])
    with (folder / "s3-log").open("a+") as log, started(container, image.argv, output=log) as running:
        wait_ready("the S3 server", running, log, lambda: listens(port))
        yield f"https://localhost:{port}"


@contextmanager
def redis_server(folder: Path, text: str, port: int) -> Iterator[Running]:
    """Run Redis on ``port`` with the configuration ``text``."""
    (image,) = build_images(["redis-lab"])
    (folder / "redis.conf").write_text(f"{text}\nport {port}\n")
    container = image.container(
        binds=[Bind(source=folder / "redis.conf", target="/run/redis.conf", read_only=True)], user=USER, read_only=True
    )
    with (folder / "redis-log").open("a+") as log, started(container, ["redis-server", "/run/redis.conf"], output=log) as running:
        wait_ready("Redis", running, log, lambda: listens(port))
        yield running


def push(client: httpx.Client, repository: str, image: Path, tag: str) -> httpx.Response:
    """Push the image that ``write_sample`` wrote; return the answer to its manifest."""
    headers = {"Authorization": f"Bearer {token(repository, 'push', 'pull')}"}
    manifest = json.loads((image / "manifest.json").read_bytes())
    for entry in (manifest["config"], *manifest["layers"]):
        begun = client.post(f"/v2/{repository}/blobs/uploads/", headers=headers)
        assert begun.status_code == 202, begun.text
        blob = (image / entry["digest"].removeprefix("sha256:")).read_bytes()
        location = begun.headers["Location"].replace("https://" + WIRING.authority, str(client.base_url).rstrip("/"))
        done = client.put(f"{location}&digest={entry['digest']}", content=blob, headers=headers)
        assert done.status_code == 201, done.text
    assert manifest["config"]["mediaType"] == CONFIG_TYPE
    content = (image / "manifest.json").read_bytes()
    return client.put(f"/v2/{repository}/manifests/{tag}", content=content, headers={**headers, "Content-Type": MANIFEST_TYPE})


def pull_blob(client: httpx.Client, repository: str, digest: str) -> httpx.Response:
    """Ask for a blob; redirects are the caller's to follow."""
    return client.get(f"/v2/{repository}/blobs/{digest}", headers={"Authorization": f"Bearer {token(repository, 'pull')}"})


def settled(holds: Any, seconds: float = START_SECONDS) -> bool:
    """Wait until ``holds()``; say whether it did in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False
