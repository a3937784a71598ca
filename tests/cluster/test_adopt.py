"""A Portus that Docker Compose runs is adopted by docs/operate/adopt.md and the plan that the program writes, command by command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab import cluster
from lab.cluster import Publication, kubectl
from lab.environment import Lab
from lab.portus_double.replay.stage import certificate
from ops import paths
from ops.deployment import Deployment
from ops.sample_image import write_sample
from ops.skopeo import client_of
from tests.cluster.compose_double import Machine, machine
from tests.cluster.conftest import until
from tests.cluster.own_stack import SHARE, WORKLOADS, load, published

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.93"
HOST, OLD_REGISTRY = "portus.adopted.test", "portus.adopted.test:5000"
STACK, NAMESPACE = "adopted", "portus-adopted"
FILES = Path(__file__).parent / "old_portus"
PAGE = (paths.ROOT / "docs" / "operate" / "adopt.md").read_text(encoding="utf-8")
PROGRAM = (
    "__main__.py",
    "Makefile",
    "Pulumi.yaml",
    "components",
    "lab",
    "ops",
    "policies",
    *(f"requirements{kind}.txt" for kind in ("", "-ops", "-dev")),
)
"""What a reader's checkout has, so that each command runs there as it is written."""

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

DECISIONS: dict[str, Any] = {
    "portus:profile": "development",
    "portus:cluster": {"namespace": NAMESPACE},
    "portus:images": {
        "pullPolicy": "Never",
        "portus": "localhost/portus-lab:2.4",
        "registry": "localhost/registry-lab:2.8",
        "mariadb": "localhost/mariadb-lab:10.11",
        "edge": "localhost/haproxy-lab:2.6",
        "client": "localhost/client-lab:1",
    },
    "portus:exposure": {"kind": "node_port", "publicPort": 443, "httpsNodePort": 30893},
}
"""What the operator of the lab's cluster answers; other settings stay as they were adopted."""


@dataclass
class Old:
    """The Portus that runs already."""

    machine: Machine
    folder: Path
    digests: dict[str, str] = field(default_factory=dict)
    layers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "docker-compose.yml"

    def compose(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(self.machine.bin / "docker"), "compose", "-f", str(self.file), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)

    def rake(self, task: str) -> bool:
        return self.compose("exec", "-T", "portus", "portusctl", "exec", "rake", task).returncode == 0

    def sql(self, text: str) -> str:
        client = 'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mariadb --batch --skip-column-names -uroot portus_production'
        done = self.compose("exec", "-T", "db", "sh", "-c", client, stdin=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def skopeo(self, user: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``skopeo copy`` in the machine's work folder, as ``user`` of the old registry."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        login = ["login", "--tls-verify=false", "--authfile", "auth.json", "--username", user, "--password-stdin", OLD_REGISTRY]
        done = self.machine.skopeo(login, work, stdin=PASSWORDS[user])
        assert done.returncode == 0, done.stdout
        return self.machine.skopeo(["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--authfile", "auth.json", *words], work)

    def push(self, user: str, image: str) -> subprocess.CompletedProcess[str]:
        pushed = self.folder / "work" / "pushed"
        shutil.rmtree(pushed, ignore_errors=True)
        self.digests[image] = write_sample(pushed, text=f"{image} of {user}")
        self.layers[image] = [each["digest"] for each in json.loads((pushed / "manifest.json").read_text())["layers"]]
        return self.skopeo(user, "dir:pushed", f"docker://{OLD_REGISTRY}/{image}")

    def pulls(self, user: str, image: str) -> bool:
        shutil.rmtree(self.folder / "work" / "pulled", ignore_errors=True)
        return self.skopeo(user, f"docker://{OLD_REGISTRY}/{image}", "dir:pulled").returncode == 0

    def has_recorded(self, digests: set[str]) -> bool:
        return digests <= set(self.sql("SELECT digest FROM tags").split())


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    folder = tmp_path_factory.mktemp("old") / "portus"
    shutil.copytree(FILES, folder)
    (folder / "secrets").mkdir()
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (folder / "secrets" / "portus.key").write_bytes(pem)
    (folder / "secrets" / "portus.crt").write_bytes(certificate(key))
    with machine(folder.parent / "machine", ["db", "portus", "registry", HOST]) as made:
        running = Old(made, folder)
        assert running.compose("up", "-d", "db").returncode == 0
        ping = ("exec", "-T", "db", "healthcheck.sh", "--connect", "--innodb_initialized")
        until(lambda: running.compose(*ping).returncode == 0, "the old database answers")
        assert running.compose("up", "-d").returncode == 0
        until(lambda: running.rake(f"portus:create_registry[registry,{OLD_REGISTRY},false]"), "the old Portus knows its registry")
        for user, password in PASSWORDS.items():
            assert running.rake(f"portus:create_user[{user},{user}@adopted.test,{password},{str(user == 'alice').lower()}]")
        running.sql(TEAM)
        for image, user in IMAGES.items():
            pushed = running.push(user, image)
            assert pushed.returncode == 0, pushed.stdout
        until(lambda: running.has_recorded(set(running.digests.values())), "the old Portus has recorded the pushes")
        yield running


@dataclass
class Operator:
    """Who follows the page and the plan, in a checkout with the program."""

    folder: Path
    environment: Mapping[str, str]
    ran: list[str] = field(default_factory=list)

    def run(self, text: str, stdin: str = "", *, fails: bool = False) -> str:
        """Run commands as they are pasted; return both streams."""
        self.ran.append(text)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        sys.stdout.write(f"$ {text}\n{done.stdout}\n")
        assert (done.returncode != 0) is fails, f"{text}\n{done.stdout}"
        return done.stdout

    def plan(self, step: str) -> list[str]:
        """Return the blocks of commands of a step of the plan, for the stack's own namespace."""
        text = (self.folder / f"adopt-{STACK}" / "plan.md").read_text()
        section = re.split(r"^## \d\. ", text, flags=re.MULTILINE)
        (found,) = [each for each in section if each.startswith(step)]
        own = {"-n portus ": f"-n {NAMESPACE} ", "/etc/hosts": str(self.hosts), "sudo ": ""}
        blocks = re.findall(r"```sh\n(.*?)```", found, re.DOTALL)
        for words, others in own.items():
            blocks = [block.replace(words, others) for block in blocks]
        return blocks

    @property
    def hosts(self) -> Path:
        """What the plan's commands take for /etc/hosts: the machine's own has the lab's names."""
        return self.folder / "hosts"

    @cached_property
    def deployment(self) -> Deployment:
        text = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--show-secrets", "--stack", STACK],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        kubeconfig = Path(self.environment["KUBECONFIG"])
        return Deployment(stack=STACK, outputs=json.loads(text), kubeconfig=kubeconfig, context=None, environment=Lab(kubeconfig))


@pytest.fixture(scope="module")
def operator(old: Old, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Who has written a stack file, report and plan by the page, and answered their questions."""
    folder = tmp_path_factory.mktemp("adopting") / "portus"
    folder.mkdir()
    for part in PROGRAM:
        source = paths.ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / part)
    (folder / "tests" / "manifests").mkdir(parents=True)
    shutil.copy2(paths.ROOT / "tests" / "manifests" / "waivers.yaml", folder / "tests" / "manifests")
    (folder / ".venv").symlink_to((paths.ROOT / ".venv").resolve())
    (folder / "state").mkdir()
    kubeconfig = cluster.up()
    load(list(DECISIONS["portus:images"].values())[1:])
    with ExitStack() as stack:
        made = Operator(folder, _environment(folder, old.machine.bin, kubeconfig))
        (command,) = re.findall(r"^    (python -m ops adopt compose .+)$", PAGE, re.MULTILINE)
        command = command.replace("--file /srv/portus/docker-compose.yml", f"--file {old.file}").replace(
            "--stack portus", f"--stack {STACK}"
        )
        assert "Image names do not survive" in made.run(command)
        _answer(folder / "stacks" / f"Pulumi.{STACK}.yaml")
        report = (folder / f"adopt-{STACK}" / "report.md").read_text()
        for block in re.findall(r"```sh\n(.*?)```", report, re.DOTALL):
            made.run(block)
        names = Publication(address=ADDRESS, port=443, node_port=30893, names=(HOST,))
        stack.enter_context(published(names))
        stack.callback(kubectl, "delete", "--ignore-not-found", "namespace", NAMESPACE)
        yield made


def _environment(folder: Path, docker: Path, kubeconfig: Path) -> dict[str, str]:
    """Return an operator's environment: pulumi, kubectl and docker on PATH, a backend, and the cluster as the current context."""
    own = folder / "kubeconfig"
    own.write_text(kubeconfig.read_text().replace("portus-lab", "production"))
    (folder / "bin").mkdir()
    (folder / "bin" / "kubectl").symlink_to(cluster.kubectl_program())
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "CHECK_"))}
    asked = "import json; from lab.engine import ensure_engine; print(json.dumps(ensure_engine().environment()))"
    engine = subprocess.run([sys.executable, "-c", asked], cwd=folder, env=bare, stdout=subprocess.PIPE, text=True, check=True).stdout
    variables = json.loads(engine.splitlines()[-1])
    path = os.pathsep.join([str(docker), str(folder / "bin"), str(folder / ".venv" / "bin"), variables.pop("PATH")])
    return {
        **bare,
        **variables,
        "PATH": path,
        "KUBECONFIG": str(own),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "of-the-tests",
        "PULUMI_SKIP_CONFIRMATIONS": "true",
    }


def _answer(file: Path) -> None:
    """Write the operator's decisions into the stack file."""
    said = yaml.safe_load(file.read_text())
    config = said["config"] | DECISIONS
    for workload in WORKLOADS:
        section = config
        for part in workload.split("."):
            section = section.setdefault(part, {})
        section["resources"] = SHARE
    for claim in (config["portus:database"], config["portus:registry"]["storage"]):
        claim["claim"] = {"size": "1Gi"}
    config["portus:portus"]["config"]["email"]["smtp"]["enabled"] = False  # the lab has no mail server, and the doctor asks for it
    config["portus:backup"] = {"claim": {"size": "1Gi"}, "resources": SHARE}
    file.write_text(yaml.safe_dump(said | {"config": config}))


@pytest.fixture(scope="module")
def prepared(operator: Operator) -> Operator:
    """After step 1: the stack runs empty, and the plan's questions to the old database are answered."""
    export, question, measure, deploy, names = operator.plan("Prepare")
    assert export.startswith("export KUBECONFIG=")
    said = operator.run(question)
    assert "20181213101302" in said
    assert OLD_REGISTRY in said
    assert re.search(r"^[\d.]+[KM]?\s+/var/lib/registry$", operator.run(measure), re.MULTILINE)
    operator.run(deploy)
    operator.hosts.write_text("127.0.0.1 localhost\n")
    balancer, *others = names.splitlines(keepends=True)
    assert balancer.startswith("ADDRESS=$(kubectl ")
    operator.run("".join([f"ADDRESS={ADDRESS}\n", *others]))  # the lab's own forwarder has the public port
    operator.run("".join([f"ADDRESS={ADDRESS}\n", *others[:-1]]))
    assert re.fullmatch(rf"127\.0\.0\.1 localhost\n{re.escape(ADDRESS)} {HOST} +# adopt-{STACK}\n", operator.hosts.read_text())
    return operator


@pytest.fixture(scope="module")
def frozen(prepared: Operator) -> Operator:
    for block in prepared.plan("Freeze"):
        prepared.run(block)
    return prepared


@pytest.fixture(scope="module")
def moved(old: Old, frozen: Operator) -> Operator:
    """After step 4, in which one layer got lost at first."""
    dump, load_it = frozen.plan("Database")
    frozen.run(dump)
    take, restore = load_it.splitlines()
    said = frozen.run(take)
    assert f"names {OLD_REGISTRY}; the backup's names the stack's, {HOST}" in said
    (backup,) = re.findall(r"^backup (\w+):", said, re.MULTILINE)
    frozen.run(_filled(frozen, restore, "alice").replace("DUMP=...", f"DUMP={backup}"))

    (copy,) = frozen.plan("Blobs")
    lost = old.layers["products/app:1.1"][0].partition(":")[2]
    frozen.run(copy.replace("-cf - docker", f"--exclude=*/{lost} -cf - docker"))
    told = frozen.run(_check_images(frozen), fails=True)
    assert f"products/app:1.1 lacks sha256:{lost}" in told
    frozen.run(copy)
    return frozen


def _check_images(operator: Operator) -> str:
    (block,) = operator.plan("Check")
    return block.splitlines()[0]


def _filled(operator: Operator, command: str, user: str) -> str:
    """Return ``command`` with a user of the old Portus in its gaps."""
    file = operator.folder / f"{user}.password"
    file.write_text(PASSWORDS[user])
    gaps = {"CHECK_USER=...": f"CHECK_USER={user}", "CHECK_PASSWORD_FILE=...": f"CHECK_PASSWORD_FILE={file}"}
    for gap, text in gaps.items():
        assert gap in command
        command = command.replace(gap, text)
    return command


def test_a_frozen_registry_gives_images_and_takes_none(old: Old, frozen: Operator) -> None:
    assert frozen.ran
    assert old.pulls("bob", "products/app:1.0")
    refused = old.push("bob", "products/app:1.2")
    assert refused.returncode != 0
    assert "405" in refused.stdout or "unsupported" in refused.stdout, refused.stdout


def test_the_plan_s_own_checks_find_every_image_of_the_old_database(moved: Operator) -> None:
    (block,) = moved.plan("Check")
    images, check, doctor, pull = block.splitlines()
    assert "has every image of Portus' database with all layers" in moved.run(images)
    moved.run(_filled(moved, check, "carol"))
    moved.run(doctor)
    assert pull.startswith(f"docker pull {HOST}/NAMESPACE/IMAGE@sha256:")
    names, clean = moved.plan("DNS")
    assert "edge-public" in moved.run(names)
    assert ADDRESS in moved.run(clean)
    assert moved.hosts.read_text() == "127.0.0.1 localhost\n"


def test_every_user_logs_in_with_the_old_password(moved: Operator) -> None:
    for user, password in PASSWORDS.items():
        with client_of(moved.deployment) as client:
            assert client.login(user, "not the password").code != 0
            answer = client.login(user, password)
            assert answer.code == 0, answer.output


def test_every_old_image_is_pulled_by_its_digest_under_the_new_name(old: Old, moved: Operator) -> None:
    for image, user in IMAGES.items():
        repository, digest = image.partition(":")[0], old.digests[image]
        with client_of(moved.deployment, user, PASSWORDS[user]) as client:
            answer = client.pull(f"{repository}@{digest}", "pulled")
            assert answer.code == 0, answer.output


def test_the_rights_of_the_old_teams_hold(moved: Operator) -> None:
    with client_of(moved.deployment, "bob", PASSWORDS["bob"]) as client:
        write_sample(client.folder / "pushed", text="of the new registry")
        answer = client.push("pushed", "products/app:2.0")
        assert answer.code == 0, answer.output
        assert client.push("pushed", "carol/deep/er:8").code != 0
    until(lambda: ["2.0"] in moved.deployment.sql("SELECT name FROM tags"), "Portus has recorded the push")
    assert len(moved.deployment.sql("SELECT id FROM registries")) == 1


def test_a_user_without_a_password_gets_a_new_one(moved: Operator) -> None:
    page = (paths.ROOT / "docs" / "operate" / "passwords.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (python -m ops reset-password --stack prod --user alice --generate > alice.txt)$", page, re.MULTILINE)
    moved.run(command.replace("prod", STACK))
    password = (moved.folder / "alice.txt").read_text().strip()
    with client_of(moved.deployment) as client:
        assert client.login("alice", PASSWORDS["alice"]).code != 0
        assert client.login("alice", password).code == 0


def test_the_old_registry_serves_again_after_the_return(old: Old, moved: Operator) -> None:
    for block in moved.plan("The way back"):
        moved.run(block)
    until(lambda: old.push("bob", "products/app:9").returncode == 0, "the old registry takes a push")
    assert old.pulls("bob", "products/app:9")
    until(lambda: old.has_recorded({old.digests["products/app:9"]}), "the old Portus has recorded it")
    assert old.pulls("alice", "alice/own:latest")
