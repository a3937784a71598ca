"""A stack whose secrets change while clients work: what the tests of its passwords and those of its keys have in common."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import httpx

from lab.cluster import Publication
from ops.deployment import DATABASE_POD, Deployment
from ops.sample_image import MANIFEST_TYPE, write_sample
from tests.cluster.conftest import PAUSE_SECONDS, administrator_of, until
from tests.cluster.own_stack import OwnStack, deployment, namespace, own_stack, published

IMAGE = "admin/kept:1"
ACCEPT = {"Accept": MANIFEST_TYPE}
APPLICATION_TOKEN = "of-a-program"
"""By which a program asks Portus' API."""


@contextmanager
def rotating(name: str, folder: Path, *, address: str, node_port: int) -> Iterator[OwnStack]:
    """Deploy stack ``name`` of stacks.yaml, with an image and an application token."""
    claim: Any = {
        "metadata": {"name": "images"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    with namespace(f"portus-{name}") as api:
        api.create_namespaced_persistent_volume_claim(f"portus-{name}", claim)
        with own_stack(name, folder) as stack:
            stack.up()
            hosts = (f"portus.{name}.test", f"registry.{name}.test")
            with published(Publication(address=address, port=443, node_port=node_port, names=hosts)):
                reached = deployment(stack)
                push(reached)
                _make_token(reached)
                yield stack


def push(reached: Deployment) -> None:
    """Push `IMAGE`."""
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


def rotate(stack: OwnStack, **counters: int) -> None:
    """Raise counters in the stack file."""
    said = stack.said()
    said["portus:credentials"]["rotation"] |= counters
    stack.say(said)


def secret(reached: Deployment, owner: str, key: str) -> str:
    """Return a value of the newest Secret that ``owner`` made."""
    secrets: list[Any] = reached.api().list_namespaced_secret(reached.namespace).items
    newest = max((each for each in secrets if each.metadata.name.startswith(owner)), key=lambda each: each.metadata.creation_timestamp)
    return base64.b64decode(newest.data[key]).decode()


def enters(reached: Deployment, user: str, password: str) -> bool:
    """Whether an account of the database may log in: root on the socket, as it alone can, the others over TCP."""
    way = "--protocol=socket" if user == "root" else "--host=127.0.0.1"
    script = f'MYSQL_PWD="$1" mariadb {way} --user={user} --batch --skip-column-names --execute "SELECT 1" 2>&1 || true'
    said = reached.exec(DATABASE_POD, ["sh", "-c", script, "sh", password]).strip()
    assert said == "1" or "Access denied" in said, said
    return said == "1"
