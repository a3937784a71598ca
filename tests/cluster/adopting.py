"""What the tests that adopt a Portus share: the old one's users, teams and images, its operator's answers, and the gaps of the plan."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.portus_double.replay.stage import certificate
from ops import paths
from ops.sample_image import write_sample
from ops.skopeo import client_of
from tests.cluster.conftest import until
from tests.cluster.own_stack import SHARE, WORKLOADS, Reader, load

FILES: Mapping[str, str] = yaml.safe_load((Path(__file__).parent / "old_portus.yaml").read_text())
PAGE = (paths.ROOT / "docs" / "operate" / "adopt.md").read_text(encoding="utf-8")
VERSION = "20181213101302"
"""Of the schema of Portus 2.4."""

PASSWORDS = {name: f"{name}-password-of-the-tests" for name in ("alice", "bob", "carol")}
TEAM = """
INSERT INTO teams (name, hidden, created_at, updated_at) VALUES ('devs', 0, NOW(), NOW());
SET @team = LAST_INSERT_ID();
INSERT INTO team_users (user_id, team_id, role, created_at, updated_at)
  SELECT id, @team, IF(username = 'alice', 2, 1), NOW(), NOW() FROM users WHERE username IN ('alice', 'bob');
INSERT INTO namespaces (name, team_id, registry_id, global, visibility, created_at, updated_at)
  VALUES ('products', @team, 1, 0, 0, NOW(), NOW());
"""
IMAGES = {"products/app:1.0": "alice", "products/app:1.1": "bob", "alice/own:latest": "alice", "carol/deep/er:7": "carol"}
"""Image -> who pushed it."""

LAB_IMAGES = {
    "pullPolicy": "Never",
    "portus": "localhost/portus-lab:2.4",
    "registry": "localhost/registry-lab:2.8",
    "mariadb": "localhost/mariadb-lab:10.11",
    "edge": "localhost/haproxy-lab:2.6",
    "client": "localhost/client-lab:1",
}


def load_images() -> None:
    """Give the cluster the images of the stack."""
    load([image for image in LAB_IMAGES.values() if image.startswith("localhost/")])


def key_and_certificate() -> tuple[bytes, bytes]:
    """Return the pair that signs the old Portus' tokens."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), certificate(key)


@dataclass
class Old(ABC):
    """The Portus that runs already; ``folder`` has a place for its clients."""

    folder: Path
    registry: str
    """Host and port."""
    digests: dict[str, str] = field(default_factory=dict)
    layers: dict[str, list[str]] = field(default_factory=dict)

    @abstractmethod
    def rake(self, task: str) -> subprocess.CompletedProcess[str]:
        """Run a task of Portus."""

    @abstractmethod
    def sql(self, text: str) -> str:
        """Return what the database answers."""

    @abstractmethod
    def run_skopeo(self, words: Sequence[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run skopeo in `work`, where the old registry can be reached."""

    @property
    def work(self) -> Path:
        folder = self.folder / "work"
        folder.mkdir(exist_ok=True)
        return folder

    def fill(self, record: str) -> None:
        """Make registry (the arguments of its task), users and a team, and push the images."""
        until(lambda: self.rake(f"portus:create_registry[{record}]").returncode == 0, "the old Portus knows its registry")
        for user, password in PASSWORDS.items():
            done = self.rake(f"portus:create_user[{user},{user}@adopted.test,{password},{str(user == 'alice').lower()}]")
            assert done.returncode == 0, done.stdout + done.stderr
        self.sql(TEAM)
        for image, user in IMAGES.items():
            pushed = self.push(user, image)
            assert pushed.returncode == 0, pushed.stdout
        until(lambda: self.has_recorded(set(self.digests.values())), "the old Portus has recorded the pushes")

    def _skopeo(self, user: str, *words: str) -> subprocess.CompletedProcess[str]:
        login = ["login", "--tls-verify=false", "--authfile", "auth.json", "--username", user, "--password-stdin", self.registry]
        done = self.run_skopeo(login, PASSWORDS[user])
        assert done.returncode == 0, done.stdout
        return self.run_skopeo(["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--authfile", "auth.json", *words])

    def push(self, user: str, image: str) -> subprocess.CompletedProcess[str]:
        pushed = self.work / "pushed"
        shutil.rmtree(pushed, ignore_errors=True)
        self.digests[image] = write_sample(pushed, text=f"{image} of {user}")
        self.layers[image] = [each["digest"] for each in json.loads((pushed / "manifest.json").read_text())["layers"]]
        return self._skopeo(user, "dir:pushed", f"docker://{self.registry}/{image}")

    def pulls(self, user: str, image: str) -> bool:
        shutil.rmtree(self.work / "pulled", ignore_errors=True)
        return self._skopeo(user, f"docker://{self.registry}/{image}", "dir:pulled").returncode == 0

    def has_recorded(self, digests: set[str]) -> bool:
        return digests <= set(self.sql("SELECT digest FROM tags").split())

    def check_return(self) -> None:
        """Push, record and pull as before the freeze."""
        until(lambda: self.push("bob", "products/app:9").returncode == 0, "the old registry takes a push")
        assert self.pulls("bob", "products/app:9")
        until(lambda: self.has_recorded({self.digests["products/app:9"]}), "the old Portus has recorded it")
        assert self.pulls("alice", "alice/own:latest")


def answer(file: Path, decisions: Mapping[str, Any]) -> None:
    """Write the operator's ``decisions`` into the stack file; other settings stay as they were adopted, but for their sizes."""
    said = yaml.safe_load(file.read_text())
    config = said["config"] | {"portus:profile": "development", "portus:images": LAB_IMAGES} | decisions
    for workload in WORKLOADS:
        section = config
        for part in workload.split("."):
            section = section.setdefault(part, {})
        section["resources"] = SHARE
    for claim in (config["portus:database"], config["portus:registry"]["storage"]):
        claim["claim"] = {"size": "1Gi"}
    config["portus:backup"] = {"claim": {"size": "1Gi"}, "resources": SHARE}
    file.write_text(yaml.safe_dump(said | {"config": config}))


def run_report(operator: Reader) -> None:
    """Run the commands of the report: those that encrypt what is secret."""
    report = (operator.folder / f"adopt-{operator.stack}" / "report.md").read_text()
    for block in re.findall(r"```sh\n(.*?)```", report, re.DOTALL):
        operator.run(block)


def plan(operator: Reader, step: str) -> list[str]:
    """Return the blocks of commands of a step of the plan."""
    text = (operator.folder / f"adopt-{operator.stack}" / "plan.md").read_text()
    (found,) = [each for each in re.split(r"^## \d\. ", text, flags=re.MULTILINE) if each.startswith(step)]
    return [operator.own(block) for block in re.findall(r"```sh\n(.*?)```", found, re.DOTALL)]


def ask_old_portus(operator: Reader, registry: str, blobs: str) -> tuple[str, str]:
    """Run the questions of step 1; return its blocks that deploy, and that lead the names here.

    Args:
        registry: host and port that the old database has.
        blobs: the old registry's folder.
    """
    export, question, measure, deploy, names = plan(operator, "Prepare")
    assert export.startswith("export KUBECONFIG=")
    said = operator.run(question)
    assert VERSION in said
    assert registry in said
    assert re.search(rf"^[\d.]+[KM]?\s+{blobs}$", operator.run(measure), re.MULTILINE)
    return deploy, names


def run_checks(operator: Reader) -> str:
    """Run the step that checks images and stack; return its last command, a pull for the reader to fill in."""
    (block,) = plan(operator, "Check")
    images, check, doctor, pull = block.splitlines()
    assert "has every image of Portus' database with all layers" in operator.run(images)
    operator.run(filled(operator, check, "carol"))
    operator.run(doctor)
    return pull


def pull_old_images(operator: Reader, old: Old) -> None:
    """Pull every old image by its digest, each as its owner."""
    for image, user in IMAGES.items():
        with client_of(operator.deployment, user, PASSWORDS[user]) as client:
            answer = client.pull(f"{image.partition(':')[0]}@{old.digests[image]}", "pulled")
            assert answer.code == 0, answer.output


def push_new_image(operator: Reader) -> None:
    """Push an image, and wait until Portus has recorded it."""
    with client_of(operator.deployment, "bob", PASSWORDS["bob"]) as client:
        write_sample(client.folder / "pushed", text="of the new registry")
        answer = client.push("pushed", "products/app:2.0")
        assert answer.code == 0, answer.output
    until(lambda: ["2.0"] in operator.deployment.sql("SELECT name FROM tags"), "Portus has recorded the push")


def filled(operator: Reader, command: str, user: str) -> str:
    """Return ``command`` with a user of the old Portus in its gaps."""
    file = operator.folder / f"{user}.password"
    file.write_text(PASSWORDS[user])
    gaps = {"CHECK_USER=...": f"CHECK_USER={user}", "CHECK_PASSWORD_FILE=...": f"CHECK_PASSWORD_FILE={file}"}
    for gap, text in gaps.items():
        assert gap in command
        command = command.replace(gap, text)
    return command


def move_database(operator: Reader, names: str) -> None:
    """Run the step of the database; ``names`` are the old registry and the stack's, as the import tells of them."""
    dump, load_it = plan(operator, "Database")
    operator.run(dump)
    take, restore = load_it.splitlines()
    said = operator.run(take)
    assert names in said
    (backup,) = re.findall(r"^backup (\w+):", said, re.MULTILINE)
    operator.run(filled(operator, restore, "alice").replace("DUMP=...", f"DUMP={backup}"))
