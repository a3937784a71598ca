"""A Portus that Docker Compose runs is adopted by docs/operate/adopt.md and the plan that the program writes, command by command."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.cluster import Publication
from ops import paths
from ops.sample_image import write_sample
from ops.skopeo import client_of
from tests.cluster.adopting import (
    FILES,
    PAGE,
    PASSWORDS,
    Old,
    answer,
    ask_old_portus,
    key_and_certificate,
    load_images,
    move_database,
    plan,
    pull_old_images,
    push_new_image,
    run_checks,
    run_report,
)
from tests.cluster.compose_double import Machine, machine
from tests.cluster.conftest import until
from tests.cluster.own_stack import Reader, drop, published, reader

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.93"
HOST, OLD_REGISTRY = "portus.adopted.test", "portus.adopted.test:5000"
STACK, NAMESPACE = "adopted", "portus-adopted"
DECISIONS: dict[str, Any] = {
    "portus:cluster": {"namespace": NAMESPACE},
    "portus:exposure": {"kind": "node_port", "publicPort": 443, "httpsNodePort": 30893},
}
"""What the operator of the lab's cluster answers."""


@dataclass(kw_only=True)
class OldMachine(Old):
    """The Portus of a compose file."""

    machine: Machine

    @property
    def file(self) -> Path:
        return self.folder / "docker-compose.yml"

    def compose(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(self.machine.bin / "docker"), "compose", "-f", str(self.file), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)

    def rake(self, task: str) -> subprocess.CompletedProcess[str]:
        return self.compose("exec", "-T", "portus", "portusctl", "exec", "rake", task)

    def sql(self, text: str) -> str:
        client = 'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mariadb --batch --skip-column-names -uroot portus_production'
        done = self.compose("exec", "-T", "db", "sh", "-c", client, stdin=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_skopeo(self, words: Sequence[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.machine.skopeo(words, self.work, stdin)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldMachine]:
    folder = tmp_path_factory.mktemp("old") / "portus"
    (folder / "secrets").mkdir(parents=True)
    for name in ("docker-compose.yml", ".env", "config-local.yml", "config.yml"):
        (folder / name).write_text(FILES[name])
    for name, content in zip(("portus.key", "portus.crt"), key_and_certificate(), strict=True):
        (folder / "secrets" / name).write_bytes(content)
    with machine(folder.parent / "machine", ["db", "portus", "registry", HOST]) as made:
        running = OldMachine(folder=folder, registry=OLD_REGISTRY, machine=made)
        assert running.compose("up", "-d", "db").returncode == 0
        ping = ("exec", "-T", "db", "healthcheck.sh", "--connect", "--innodb_initialized")
        until(lambda: running.compose(*ping).returncode == 0, "the old database answers")
        assert running.compose("up", "-d").returncode == 0
        running.fill(f"registry,{OLD_REGISTRY},false")
        yield running


@pytest.fixture(scope="module")
def operator(old: OldMachine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Who has written a stack file, report and plan by the page, and answered their questions."""
    made = reader(tmp_path_factory.mktemp("adopting"), STACK, old.machine.bin)
    load_images()
    # The machine's own /etc/hosts has the lab's names.
    made.words = {"-n portus ": f"-n {NAMESPACE} ", "/etc/hosts": str(made.folder / "hosts"), "sudo ": ""}
    (command,) = re.findall(r"^    (python -m ops adopt compose .+)$", PAGE, re.MULTILINE)
    command = command.replace("--file /srv/portus/docker-compose.yml", f"--file {old.file}").replace("--stack portus", f"--stack {STACK}")
    assert "Image names do not survive" in made.run(command)
    answer(made.stack_file, DECISIONS)
    said = yaml.safe_load(made.stack_file.read_text())
    said["config"]["portus:portus"]["config"]["email"]["smtp"]["enabled"] = False  # the lab has no mail server, and the doctor asks for it
    made.stack_file.write_text(yaml.safe_dump(said))
    run_report(made)
    with published(Publication(address=ADDRESS, port=443, node_port=30893, names=(HOST,))):
        try:
            yield made
        finally:
            drop(NAMESPACE)


@pytest.fixture(scope="module")
def prepared(operator: Reader) -> Reader:
    """After step 1: the stack runs empty, and the plan's questions to the old database are answered."""
    deploy, names = ask_old_portus(operator, OLD_REGISTRY, "/var/lib/registry")
    operator.run(deploy)
    (operator.folder / "hosts").write_text("127.0.0.1 localhost\n")
    balancer, *others = names.splitlines(keepends=True)
    assert balancer.startswith("ADDRESS=$(kubectl ")
    operator.run("".join([f"ADDRESS={ADDRESS}\n", *others]))  # the lab's own forwarder has the public port
    operator.run("".join([f"ADDRESS={ADDRESS}\n", *others[:-1]]))
    assert re.fullmatch(rf"127\.0\.0\.1 localhost\n{re.escape(ADDRESS)} {HOST} +# adopt-{STACK}\n", (operator.folder / "hosts").read_text())
    return operator


@pytest.fixture(scope="module")
def frozen(prepared: Reader) -> Reader:
    for block in plan(prepared, "Freeze"):
        prepared.run(block)
    return prepared


@pytest.fixture(scope="module")
def moved(old: OldMachine, frozen: Reader) -> Reader:
    """After step 4, in which one layer got lost at first."""
    move_database(frozen, f"names {OLD_REGISTRY}; the backup's names the stack's, {HOST}")
    (copy,) = plan(frozen, "Blobs")
    lost = old.layers["products/app:1.1"][0].partition(":")[2]
    frozen.run(copy.replace("-cf - docker", f"--exclude=*/{lost} -cf - docker"))
    told = frozen.run(_check_images(frozen), fails=True)
    assert f"products/app:1.1 lacks sha256:{lost}" in told
    frozen.run(copy)
    return frozen


def _check_images(operator: Reader) -> str:
    (block,) = plan(operator, "Check")
    return block.splitlines()[0]


def test_a_frozen_registry_gives_images_and_takes_none(old: OldMachine, frozen: Reader) -> None:
    assert frozen.ran
    assert old.pulls("bob", "products/app:1.0")
    refused = old.push("bob", "products/app:1.2")
    assert refused.returncode != 0
    assert "405" in refused.stdout or "unsupported" in refused.stdout, refused.stdout


def test_the_plan_s_own_checks_find_every_image_of_the_old_database(moved: Reader) -> None:
    assert run_checks(moved).startswith(f"docker pull {HOST}/NAMESPACE/IMAGE@sha256:")
    names, clean = plan(moved, "DNS")
    assert "edge-public" in moved.run(names)
    assert ADDRESS in moved.run(clean)
    assert (moved.folder / "hosts").read_text() == "127.0.0.1 localhost\n"


def test_every_user_logs_in_with_the_old_password(moved: Reader) -> None:
    for user, password in PASSWORDS.items():
        with client_of(moved.deployment) as client:
            assert client.login(user, "not the password").code != 0
            answer = client.login(user, password)
            assert answer.code == 0, answer.output


def test_every_old_image_is_pulled_by_its_digest_under_the_new_name(old: OldMachine, moved: Reader) -> None:
    pull_old_images(moved, old)


def test_the_rights_of_the_old_teams_hold(moved: Reader) -> None:
    push_new_image(moved)
    with client_of(moved.deployment, "bob", PASSWORDS["bob"]) as client:
        write_sample(client.folder / "pushed", text="of another user")
        assert client.push("pushed", "carol/deep/er:8").code != 0
    assert len(moved.deployment.sql("SELECT id FROM registries")) == 1


def test_a_user_without_a_password_gets_a_new_one(moved: Reader) -> None:
    page = (paths.ROOT / "docs" / "operate" / "passwords.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (python -m ops reset-password --stack prod --user alice --generate > alice.txt)$", page, re.MULTILINE)
    moved.run(command.replace("prod", STACK))
    password = (moved.folder / "alice.txt").read_text().strip()
    with client_of(moved.deployment) as client:
        assert client.login("alice", PASSWORDS["alice"]).code != 0
        assert client.login("alice", password).code == 0


def test_the_old_registry_serves_again_after_the_return(old: OldMachine, moved: Reader) -> None:
    for block in plan(moved, "The way back"):
        moved.run(block)
    old.check_return()
