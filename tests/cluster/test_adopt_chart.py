"""A Portus that a chart runs is adopted by docs/operate/adopt.md and the plan, in the same cluster: by its live objects, and its values."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import yaml

from lab import cluster
from lab.cluster import Publication, access, hosts, kubectl
from lab.cluster.home import Home, one_at_a_time
from lab.environment import Lab
from tests.cluster.adopting import (
    FILES,
    PAGE,
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
from tests.cluster.compose_double import IMAGES as SHORT_IMAGES
from tests.cluster.own_stack import Reader, drop, load, published, reader

pytestmark = pytest.mark.cluster

ADDRESS, PORT = "127.88.0.94", 30943
HOST = "portus.charted.test"
REGISTRY = f"{HOST}:{PORT}"
STACK, NAMESPACE = "charted", "portus-charted"
OLD_NAMESPACE, RELEASE = "registries", "hub"
EDGE = "library/haproxy:2.6"


@dataclass
class OldRelease(Old):
    """The Portus of the release."""

    def exec(self, workload: str, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(cluster.kubectl_program()), "--kubeconfig", str(Home().kubeconfig), "-n", OLD_NAMESPACE]
        command += ["exec", "-i", f"deployment/{RELEASE}-{workload}", "--", *argv]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)

    def rake(self, task: str) -> subprocess.CompletedProcess[str]:
        return self.exec("portus", "portusctl", "exec", "rake", task)

    def sql(self, text: str) -> str:
        client = 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" exec mariadb --batch --skip-column-names -uroot portus'
        done = self.exec("mariadb", "sh", "-c", client, stdin=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_skopeo(self, words: Sequence[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        command, environment = Lab().client(["skopeo", *words], self.work, scratch)
        return subprocess.run(
            command, cwd=self.work, env=environment, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
            check=False,
        )  # fmt: skip


def _lead(*addresses: str) -> None:
    """Let the public name lead to an address of this machine, as its /etc/hosts and DNS do; to none, let it go."""
    with one_at_a_time(Home(), "publications"):
        hosts.ensure(f"adopt-{STACK}-test", {address: [HOST] for address in addresses})


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldRelease]:
    folder = tmp_path_factory.mktemp("old-release")
    key, certificate = key_and_certificate()
    (folder / "portus.key").write_bytes(key)
    (folder / "portus.crt").write_bytes(certificate)
    cluster.up()
    _load_old_images()
    try:
        kubectl("create", "namespace", OLD_NAMESPACE)
        files = [f"--from-file={folder / name}" for name in ("portus.key", "portus.crt")]
        kubectl("-n", OLD_NAMESPACE, "create", "secret", "generic", f"{RELEASE}-portus-tls", *files)
        kubectl("-n", OLD_NAMESPACE, "apply", "-f", "-", stdin=FILES["objects.yml"])
        _wait()
        with published(Publication(address=ADDRESS, port=PORT, node_port=PORT)):
            _lead(ADDRESS)
            running = OldRelease(folder, REGISTRY)
            running.fill(f"registry,{RELEASE}-portus-registry:5000,false,{REGISTRY}")
            yield running
    finally:
        _lead()
        drop(OLD_NAMESPACE)


def _load_old_images() -> None:
    """Give the cluster the lab's images under the names that the release has."""
    others = {**SHORT_IMAGES, EDGE: "haproxy-lab:2.6"}
    load([f"localhost/{image}" for image in others.values()])
    for name, image in others.items():
        access._ctr(Home(), "images", "tag", "--force", f"localhost/{image}", f"docker.io/{name if '/' in name else f'library/{name}'}")


def _wait() -> None:
    kubectl("-n", OLD_NAMESPACE, "wait", "--for=condition=Available", "deployment", "--all", "--timeout=180s")


def _adopt(operator: Reader, kind: str, **others: str) -> str:
    """Run the page's command for ``kind``, with ``others`` in place of its words."""
    (command,) = re.findall(rf"^    (python -m ops adopt {kind} .+)$", PAGE, re.MULTILINE)
    for word, other in others.items():
        command = command.replace(word, other)
    return operator.run(command.replace("--stack portus", f"--stack {operator.stack}"))


@pytest.fixture(scope="module")
def operator(old: OldRelease, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Who has adopted the namespace, and answered the report's questions."""
    assert old.digests
    made = reader(tmp_path_factory.mktemp("adopting-release"), STACK)
    load_images()
    made.words = {"-n portus ": f"-n {NAMESPACE} ", "/etc/hosts": str(made.folder / "hosts"), "sudo -E ": "", "sudo ": ""}
    (made.folder / "hosts").write_text("127.0.0.1 localhost\n")
    assert f"Image names survive: {REGISTRY}" in _adopt(made, "kubernetes")
    answer(made.stack_file, {"portus:cluster": {"namespace": NAMESPACE}})
    run_report(made)
    try:
        yield made
    finally:
        drop(NAMESPACE)


def test_the_values_give_the_same_commands_as_the_live_objects(operator: Reader) -> None:
    """So what the other tests run holds for both; only the objects show that the worker has a Deployment of its own."""
    (operator.folder / "values.yaml").write_text(FILES["values.yaml"])
    by_values = Reader(operator.folder, "valued", operator.environment, operator.words)
    said = _adopt(by_values, "helm", **{"values.yaml": f"values.yaml --release {RELEASE} --namespace {OLD_NAMESPACE}"})
    assert f"Image names survive: {REGISTRY}" in said
    for step in ("Prepare", "Freeze", "Database", "Blobs", "Check", "DNS", "The way back"):
        ours = [re.sub(r".* scale deployment/hub-portus-background .*\n", "", block) for block in plan(operator, step)]
        assert [block.replace("valued", STACK) for block in plan(by_values, step)] == ours, step


def _text(operator: Reader) -> str:
    return (operator.folder / f"adopt-{STACK}" / "plan.md").read_text()


def _expose(operator: Reader, exposure: dict[str, object]) -> None:
    """Write the exposure; the front proxy keeps its size."""
    said = yaml.safe_load(operator.stack_file.read_text())
    said["config"]["portus:exposure"] = {**exposure, "edge": said["config"]["portus:exposure"]["edge"]}
    operator.stack_file.write_text(yaml.safe_dump(said))


@contextmanager
def _forwarded(operator: Reader) -> Iterator[None]:
    """Run the plan's port-forward beside the block, as in another terminal."""
    (command,) = re.findall(r"`sudo -E (kubectl .* port-forward .*?)`", _text(operator))
    with subprocess.Popen(shlex.split(operator.own(command)), env=dict(operator.environment), stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert "Forwarding from" in running.stdout.readline()
            _lead("127.0.0.1")
            yield
        finally:
            running.terminate()
            _lead(ADDRESS)


@pytest.fixture(scope="module")
def moved(old: OldRelease, operator: Reader) -> Reader:
    """After step 6: the stack has the address of the old release."""
    deploy, names = ask_old_portus(operator, REGISTRY, "/storage")
    (until_dns,) = re.findall(r"Until step 6 write `portus:exposure: (.+)`", _text(operator))
    exposure = yaml.safe_load(operator.stack_file.read_text())["config"]["portus:exposure"]
    _expose(operator, yaml.safe_load(until_dns))
    operator.run(deploy)
    with _forwarded(operator):
        operator.run(names)
        assert re.search(rf"^127\.0\.0\.1 {HOST} +# adopt-{STACK}$", (operator.folder / "hosts").read_text(), re.MULTILINE)
        for block in plan(operator, "Freeze"):
            operator.run(block)
        _wait()
        move_database(operator, f"names {RELEASE}-portus-registry:5000")
        (copy,) = plan(operator, "Blobs")
        operator.run(copy)
        run_checks(operator)
    assert old.pulls("bob", "products/app:1.0"), "the old registry serves until now"
    assert old.push("bob", "products/app:1.2").returncode != 0

    take_over, show, clean = plan(operator, "DNS")
    _expose(operator, exposure)
    operator.run(take_over)
    assert f"{PORT}/TCP" in operator.run(show)
    operator.run(clean)
    assert (operator.folder / "hosts").read_text() == "127.0.0.1 localhost\n"
    return operator


def test_every_user_logs_in_and_pulls_each_old_image_by_its_old_name(old: OldRelease, moved: Reader) -> None:
    assert moved.deployment.registry == REGISTRY
    pull_old_images(moved, old)


def test_a_push_is_recorded(moved: Reader) -> None:
    push_new_image(moved)


def test_the_release_serves_again_after_the_return(old: OldRelease, moved: Reader) -> None:
    (until_dns,) = re.findall(r"Until step 6 write `portus:exposure: (.+)`", _text(moved))
    _expose(moved, yaml.safe_load(until_dns))
    for block in plan(moved, "The way back"):
        moved.run(block)
    _wait()
    old.check_return()
