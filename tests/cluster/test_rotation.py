"""Every secret of a stack changes while clients work: none of them fails, and what was valid before is not any more."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest
from kubernetes import client

from components.settings.sections.credentials import ExistingCredentials
from components.settings.types.base import names_and_keys
from lab.cluster import Publication
from ops.deployment import DATABASE_POD, Deployment
from ops.recovery import recover_interrupted_update
from ops.sample_image import MANIFEST_TYPE, write_sample
from ops.skopeo import administrator_of
from tests.cluster.conftest import PAUSE_SECONDS, until
from tests.cluster.own_stack import OwnStack, deployment, own_stack, published, registry_api
from tests.cluster.own_stack import namespace as namespace_of_somebody

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.101"
NAMESPACE = "portus-rotation"
HOSTS = ("portus.rotation.test", "registry.rotation.test")
IMAGE = "admin/kept:1"
ACCEPT = {"Accept": MANIFEST_TYPE}
APPLICATION_TOKEN = "of-a-program"
"""By which a program asks Portus' API."""


@pytest.fixture(scope="module")
def namespace() -> Iterator[client.CoreV1Api]:
    """Make the namespace and the claim of the images."""
    with namespace_of_somebody(NAMESPACE) as api:
        claim: Any = {
            "metadata": {"name": "images"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        api.create_namespaced_persistent_volume_claim(NAMESPACE, claim)
        yield api


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, namespace: client.CoreV1Api) -> Iterator[OwnStack]:  # noqa: ARG001 - first
    with own_stack("rotation", tmp_path_factory.mktemp("rotation")) as deployed:
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30823, names=HOSTS)):
            reached = deployment(deployed)
            _push(reached)
            _make_token(reached)
            yield deployed


@pytest.fixture
def reached(stack: OwnStack) -> Deployment:
    return deployment(stack)


def _push(reached: Deployment) -> None:
    with administrator_of(reached) as administrator:
        write_sample(administrator.folder / "kept", text="an image that outlives every key")
        pushed = administrator.push("kept", IMAGE)
        assert pushed.code == 0, pushed.output


def _make_token(reached: Deployment) -> None:
    salt = bcrypt.gensalt(4)
    hashed = bcrypt.hashpw(APPLICATION_TOKEN.encode(), salt).decode()
    columns = "application, token_hash, token_salt, user_id"
    values = f"'program', '{hashed}', '{salt.decode()}', id"
    reached.sql(f"INSERT INTO application_tokens ({columns}) SELECT {values} FROM users WHERE username = 'admin'")  # noqa: S608 - not from outside


@dataclass
class Clients:
    """Clients that log in, pull and ask the API all the time, each on connections of its own."""

    reached: Deployment
    answers: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        outputs = self.reached.outputs
        self.login = (str(outputs["administrator"]), self.reached.administrator_password)
        self.context = ssl.create_default_context(cadata=str(outputs["ca_certificate"]))

    def get(self, url: str, **how: Any) -> httpx.Response:
        answer = httpx.get(url, verify=self.context, timeout=60, **how)
        answer.raise_for_status()
        return answer

    def pull(self) -> None:
        asked = {"service": self.reached.registry, "account": self.login[0], "scope": "repository:admin/kept:pull"}
        token = self.get(f"{self.reached.portus_url}/v2/token", params=asked, auth=self.login).json()["token"]
        headers = {"Authorization": f"Bearer {token}", **ACCEPT}
        self.get(f"https://{self.reached.registry}/v2/admin/kept/manifests/1", headers=headers)

    def ask(self) -> None:
        self.get(f"{self.reached.portus_url}/api/v1/namespaces", headers={"Portus-Auth": f"admin:{APPLICATION_TOKEN}"})

    def repeat(self, name: str, what: Callable[[], None]) -> None:
        while not self.over.wait(PAUSE_SECONDS):
            try:
                what()
            except httpx.HTTPStatusError as error:
                self.lost.append(f"{name}: {error.response.status_code} {error.request.url}: {error.response.text[:200]}")
            except (httpx.HTTPError, KeyError) as error:
                self.lost.append(f"{name}: {error!r}")
            else:
                self.answers[name] = self.answers.get(name, 0) + 1


@contextmanager
def working(reached: Deployment) -> Iterator[Clients]:
    """Let clients work until the block ends, and a little longer."""
    clients = Clients(reached)
    tasks = {"pull": clients.pull, "pull too": clients.pull, "ask": clients.ask}
    threads = [threading.Thread(target=clients.repeat, args=each) for each in tasks.items()]
    for thread in threads:
        thread.start()
    try:
        until(lambda: set(clients.answers) == set(tasks) or clients.lost, "every client's first answer")
        yield clients
        before = dict(clients.answers)
        until(lambda: clients.lost or all(clients.answers[name] > before[name] + 5 for name in tasks), "answers after the change")
    finally:
        clients.over.set()
        for thread in threads:
            thread.join()


def _rotate(stack: OwnStack, **counters: int) -> None:
    """Raise counters in the stack file."""
    said = stack.said()
    said["portus:credentials"]["rotation"] |= counters
    stack.say(said)


def _secret(namespace: client.CoreV1Api, owner: str, key: str) -> str:
    """Return a value of the newest Secret that ``owner`` made."""
    secrets: list[Any] = namespace.list_namespaced_secret(NAMESPACE).items
    newest = max((each for each in secrets if each.metadata.name.startswith(owner)), key=lambda each: each.metadata.creation_timestamp)
    return base64.b64decode(newest.data[key]).decode()


def _enters(reached: Deployment, user: str, password: str) -> bool:
    """Whether an account of the database may log in: root on the socket, as it alone can, the others over TCP."""
    way = "--protocol=socket" if user == "root" else "--host=127.0.0.1"
    script = f'MYSQL_PWD="$1" mariadb {way} --user={user} --batch --skip-column-names --execute "SELECT 1" 2>&1 || true'
    said = reached.exec(DATABASE_POD, ["sh", "-c", script, "sh", password]).strip()
    assert said == "1" or "Access denied" in said, said
    return said == "1"


def _server(namespace: client.CoreV1Api) -> tuple[str, int]:
    """Return what changes when the database's Pod is replaced or its server restarted."""
    pod: Any = namespace.read_namespaced_pod(DATABASE_POD, NAMESPACE)
    return str(pod.metadata.uid), int(pod.status.container_statuses[0].restart_count)


def test_the_applications_password_changes_under_load(stack: OwnStack, reached: Deployment, namespace: client.CoreV1Api) -> None:
    former, server = _secret(namespace, "portus-credentials", "database-password"), _server(namespace)
    assert _enters(reached, "portus", former)
    _rotate(stack, databaseApplication=2)
    with working(reached) as seen:
        stack.up()
    assert seen.lost == []
    current = _secret(namespace, "portus-credentials", "database-password")
    assert (_enters(reached, "portus", former), _enters(reached, "portus", current)) == (False, True)
    assert _server(namespace) == server
    stack.up("--expect-no-changes")


def test_the_backups_and_roots_passwords_change_together_under_load(
    stack: OwnStack, reached: Deployment, namespace: client.CoreV1Api
) -> None:
    names = {"root": "root-password", "portus_backup": "backup-password", "portus_rotation": "root-password"}
    former, server = {user: _secret(namespace, "mariadb-credentials", key) for user, key in names.items()}, _server(namespace)
    assert all(_enters(reached, user, password) for user, password in former.items())
    _rotate(stack, databaseRoot=2, databaseBackup=2)
    with working(reached) as seen:
        stack.up()
    assert seen.lost == []
    current = {user: _secret(namespace, "mariadb-credentials", key) for user, key in names.items()}
    assert [user for user, password in former.items() if _enters(reached, user, password)] == []
    assert [user for user, password in current.items() if not _enters(reached, user, password)] == []
    assert _server(namespace) == server
    file = ["cat", "/run/secrets/mariadb/root-password"]
    # A Pod that changes is looked at by the kubelet at once; else this takes it up to two of its periods of about a minute.
    namespace.patch_namespaced_pod(DATABASE_POD, NAMESPACE, {"metadata": {"annotations": {"example.com/looked-at": "now"}}})
    until(lambda: reached.exec(DATABASE_POD, file) == current["root"], "the new password in the server's files")


@pytest.mark.parametrize("moment", ["mariadb-rotation-accept creating", "Deployment portus-web updating", "mariadb-rotation-keep creating"])
def test_a_rotation_that_is_killed_goes_on_where_it_was(
    stack: OwnStack, reached: Deployment, namespace: client.CoreV1Api, tmp_path: Path, moment: str
) -> None:
    former = _secret(namespace, "portus-credentials", "database-password")
    _rotate(stack, databaseApplication=stack.said()["portus:credentials"]["rotation"]["databaseApplication"] + 1)
    with working(reached) as seen:
        _up_killed_at(stack, moment, tmp_path / "killed.log")
        stack.up()
    assert seen.lost == []
    current = _secret(namespace, "portus-credentials", "database-password")
    assert current != former
    assert (_enters(reached, "portus", former), _enters(reached, "portus", current)) == (False, True)
    stack.up("--expect-no-changes")


def _up_killed_at(stack: OwnStack, moment: str, log: Path) -> None:
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            stack.command("up", "--yes", "--skip-preview", "--stack", stack.name),
            env=stack.environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: _line_with(log, moment) or process.poll() is not None, moment, seconds=600)
            assert process.poll() is None, log.read_text(encoding="utf-8")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            recover_interrupted_update(stack)  # in any case: the lock that it left would fail every test to come


def _line_with(log: Path, moment: str) -> bool:
    """Whether a line of Pulumi's display has every word of ``moment``."""
    return any(all(word in line for word in moment.split()) for line in log.read_text(encoding="utf-8").splitlines())


def test_the_secrets_of_portus_the_registry_and_the_cache_change_under_load(stack: OwnStack, reached: Deployment) -> None:
    _rotate(stack, secretKeyBase=2, portusPassword=2, httpSecret=2, registryCache=2)
    with working(reached) as seen:
        stack.up()
    assert seen.lost == []
    _push(reached)


def test_the_signing_key_changes_under_load_and_the_former_one_is_forgotten_later(stack: OwnStack, reached: Deployment) -> None:
    """Tokens of before go on opening the registry until the deployment that forgets their key."""
    with registry_api(reached, "admin/kept", "pull") as http:
        _sign(stack, signingKeyVersion=2)
        with working(reached) as seen:
            stack.up()
        assert seen.lost == []
        assert deployment(stack).outputs["token_key_id"] != reached.outputs["token_key_id"]
        assert http.get("/manifests/1", headers=ACCEPT).status_code == httpx.codes.OK
        with registry_api(reached, "admin/kept", "pull") as signed_anew:
            _sign(stack, minSigningKeyVersion=2)
            with working(reached) as seen:
                stack.up()
            assert seen.lost == []
            assert signed_anew.get("/manifests/1", headers=ACCEPT).status_code == httpx.codes.OK
        assert http.get("/manifests/1", headers=ACCEPT).status_code == httpx.codes.UNAUTHORIZED
    stack.up("--expect-no-changes")


def _sign(stack: OwnStack, **counters: int) -> None:
    said = stack.said()
    said["portus:tls"] |= counters
    stack.say(said)


def test_a_server_that_starts_with_an_empty_claim_takes_the_passwords_of_the_day(stack: OwnStack, namespace: client.CoreV1Api) -> None:
    stack.destroy()
    stack.up()
    reached = deployment(stack)
    for user, key in {"portus": "password", "portus_backup": "backup-password", "root": "root-password"}.items():
        assert _enters(reached, user, _secret(namespace, "mariadb-credentials", key)), user
    _push(reached)
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.up("--expect-no-changes")


def test_every_secret_may_be_one_of_somebody_else(stack: OwnStack, namespace: client.CoreV1Api) -> None:
    """The database's hold what SQL, the shell and YAML would not take apart; nothing of them is in the state."""
    stack.destroy()
    texts = {name: f"somebodys{number}" + "x" * 32 for number, name in enumerate(key for _, key in names_and_keys(ExistingCredentials))}
    namespace.create_namespaced_secret(NAMESPACE, client.V1Secret(metadata=client.V1ObjectMeta(name="somebodys"), string_data=texts))
    said = stack.said()
    said["portus:credentials"] = {"existing": {name: {"secret": "somebodys", "key": name} for name in texts}}
    stack.say(said)
    stack.up()
    reached = deployment(stack)
    assert reached.administrator_password == texts["administrator"]
    _push(reached)
    users = {"root": "databaseRoot", "portus": "databaseApplication", "portus_backup": "databaseBackup"}
    assert [user for user, name in users.items() if not _enters(reached, user, texts[name])] == []
    assert not [text for text in texts.values() if text in json.dumps(stack.export())]
    stack.up("--expect-no-changes")
