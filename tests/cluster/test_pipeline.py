"""A pipeline previews, deploys and examines a stack by the steps of examples/pipelines, with the rights of their manifest alone."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from lab.cluster import Publication, kubectl
from ops import paths
from tests.cluster.conftest import RAKE
from tests.cluster.own_stack import FILE, Reader, drop, load, published, reader
from tests.pages import OPERATE, commands, whole_commands
from tests.settings.corpus import changed
from tests.test_pipelines import github_step, gitlab_script

pytestmark = pytest.mark.cluster

ADDRESS, NODE_PORT = "127.88.0.103", 30883
STACK, NAMESPACE = "pipeline", "portus-pipeline"
HOSTS = ("portus.pipeline.test", "registry.pipeline.test")
PAGE = paths.ROOT / "docs" / "deploy" / "pipelines.md"
PASSWORD = "a-password-of-the-tests"
RBAC = Path("examples", "pipelines", "rbac.yaml")

Right = tuple[str, str, str]
"""API group, resource, verb."""


@dataclass(frozen=True)
class Request:
    """A request, in the words of RBAC."""

    right: Right
    namespace: str
    name: str
    code: int


FORBIDDEN = 403
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def request_of(line: str, code: int) -> Request | None:
    """Return what a request line asks for; None for what every user may read, such as /version."""
    method, target, _ = line.split(" ")
    url = urlsplit(target)
    parts = url.path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:]) if parts[0] == "apis" and len(parts) > 2 else ("", [])
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    if not rest:
        return None
    name = rest[1] if len(rest) > 1 else ""
    verb = VERBS.get(method) or ("watch" if "watch" in parse_qs(url.query) else "get" if name else "list")
    return Request((group, "/".join([rest[0], *rest[2:]]), verb), namespace, name, code)


@dataclass
class Way:
    """A way to the API server that notes what it is asked, and the code of each answer."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)


@contextmanager
def way_to(kubeconfig: Path) -> Iterator[Way]:
    """Open a way to the cluster of ``kubeconfig`` without its user: each client brings a token of its own."""
    (entry,) = yaml.safe_load(kubeconfig.read_text())["clusters"]
    server = urlsplit(entry["cluster"]["server"])
    trust = ssl.create_default_context(cadata=base64.b64decode(entry["cluster"]["certificate-authority-data"]).decode())
    way = Way()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
        if not any(each.lower().startswith("upgrade:") for each in fields):  # one request for each connection: its line is the first
            fields = [*(each for each in fields if not each.lower().startswith("connection:")), "Connection: close"]
        there, back = await asyncio.open_connection(server.hostname, server.port, ssl=trust)
        back.write("\r\n".join([line, *fields, "", ""]).encode("latin-1"))
        sending = asyncio.create_task(_pump(reader, back))
        try:
            status = await there.readuntil(b"\r\n")
            if request := request_of(line, int(status.split()[1])):
                way.requests.append(request)
            writer.write(status)
            await _pump(there, writer)
        finally:
            sending.cancel()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()  # one side has gone

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        serving = asyncio.run_coroutine_threadsafe(asyncio.start_server(handle, "127.0.0.1", 0), loop).result(10)
        way.url = "http://{}:{}".format(*serving.sockets[0].getsockname())
        yield way
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@dataclass
class Runner(Reader):
    """A runner of either service, which has what docs/deploy/pipelines.md says, and the deployer's kubeconfig."""

    secret: str = ""
    way: Way = field(default_factory=Way)

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    def github(self, job: str, step: str, *, fails: bool = False) -> str:
        """Run a step of a job as GitHub does."""
        variables = {"STACK": self.stack, "RUNNER_TEMP": str(self.temp), "GITHUB_STEP_SUMMARY": str(self.temp / "summary")}
        return self.run(github_step(job, step), fails=fails, options=["-e"], **variables, CONTENT=self.secret)

    def gitlab(self, job: str, *, fails: bool = False) -> str:
        """Run a job's script as GitLab does: KUBECONFIG is the path of a file with the secret."""
        file = self.temp / "KUBECONFIG"
        file.write_text(self.secret)
        return self.run(gitlab_script(job), fails=fails, options=["-eo", "pipefail"], STACK=self.stack, KUBECONFIG=str(file))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A runner, after an administrator has followed the page."""
    administrator = reader(tmp_path_factory.mktemp("pipeline"), STACK)
    runner = Runner(administrator.folder, STACK, {key: text for key, text in administrator.environment.items() if key != "KUBECONFIG"})
    runner.temp.mkdir()
    _say(runner)
    rbac = administrator.folder / RBAC
    rbac.write_text(re.sub(r"namespace: portus$", f"namespace: {NAMESPACE}", rbac.read_text(), flags=re.MULTILINE))
    administrator.words = {" namespace portus": f" namespace {NAMESPACE}", "-n portus ": f"-n {NAMESPACE} "}
    create, apply, token = [administrator.own(each) for each in commands(PAGE) if each.startswith("kubectl ")]
    kubeconfig = Path(administrator.environment["KUBECONFIG"])
    names = Publication(address=ADDRESS, port=443, node_port=NODE_PORT, names=HOSTS)
    try:
        administrator.run(f"{create}\n{apply}")
        with way_to(kubeconfig) as way, published(names):
            runner.way, runner.secret = way, _kubeconfig(way.url, administrator.run(token).strip())
            yield runner
    finally:
        drop(NAMESPACE)
        kubectl("delete", "--ignore-not-found", "-f", str(rbac))


def _say(runner: Runner) -> None:
    """Write the stack file, as a team has it in its repository."""
    sections = _sections({})
    runner.stack_file.write_text(yaml.safe_dump({"config": sections}))
    load([image for image in sections["portus:images"].values() if image.startswith("localhost/")])


def _sections(more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stack file's configuration, with ``more`` settings."""
    stacks = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {f"portus:{key}": value for key, value in changed(changed(stacks["common"], stacks[STACK]), {"set": more}).items()}


def _kubeconfig(server: str, token: str) -> str:
    """Return what the page has the administrator write."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "production",
            "clusters": [{"name": "production", "cluster": {"server": server}}],
            "users": [{"name": "deployer", "user": {"token": token}}],
            "contexts": [{"name": "production", "context": {"cluster": "production", "user": "deployer"}}],
        }
    )


@pytest.fixture(scope="module")
def deployed(runner: Runner) -> Runner:
    """After a pull request was previewed and merged, and the stack was examined."""
    runner.github("preview", "Write the kubeconfig")
    previewed = runner.github("preview", "Preview")
    assert re.search(r"\+ \d+ to create", previewed), previewed
    assert kubectl("-n", NAMESPACE, "get", "deployments,secrets,pvc", "-o", "name") == "", "a preview makes nothing"
    runner.github("up", "Write the kubeconfig")
    runner.github("up", "Deploy, and check with a push and a pull")
    runner.github("drift", "Write the kubeconfig")
    runner.github("drift", "Install")
    runner.github("drift", "Examine the stack")
    return runner


def test_gitlab_deploys_the_same(deployed: Runner) -> None:
    said = deployed.gitlab("up")
    assert re.search(r"^\s+\d+ unchanged$", said, re.MULTILINE), said
    assert "created" not in said


def test_the_night_finds_nothing_on_a_healthy_stack(deployed: Runner) -> None:
    deployed.github("drift", "Write the kubeconfig")
    deployed.github("drift", "Install")
    deployed.github("drift", "Examine the stack")
    deployed.gitlab("drift")
    for file in (deployed.temp, deployed.folder):
        states = {check["state"] for check in json.loads((file / "doctor.json").read_text())["checks"]}
        assert "failed" not in states


@pytest.mark.skipif(shutil.which("jq") is None, reason="the runner needs jq, this machine does not")
def test_the_night_tells_what_was_changed_by_hand_and_a_deployment_mends_it(deployed: Runner) -> None:
    budget = kubectl("-n", NAMESPACE, "get", "poddisruptionbudget", "-o", "name").split()[0]
    kubectl("-n", NAMESPACE, "patch", budget, "-p", '{"spec": {"maxUnavailable": 2}}')
    deployed.github("drift", "Examine the stack", fails=True)
    for told in (deployed.github("drift", "Show what is broken"), deployed.gitlab("drift", fails=True)):
        assert re.search(
            r"- drift: .*:PodDisruptionBudget: .* maxUnavailable: 2 => 1.* Fix: .* \(docs/operate/doctor.md#", told, re.DOTALL
        ), told
        assert "NetworkPolicy" not in told, "what is as it was is not listed"
    deploy = f"make up REFRESH=1 STACK={STACK} YES=1"
    for command in (f"PULUMI_K8S_ENABLE_PATCH_FORCE=true {deploy}", deploy):  # as docs/operate/doctor.md says
        deployed.run(command, KUBECONFIG=str(deployed.temp / "kubeconfig"))
    deployed.gitlab("drift")


@pytest.mark.parametrize(("role", "resource"), [("portus-deployer", "networkpolicies"), ("portus-examiner", "pods/exec")])
def test_a_right_that_is_taken_away_is_missed(role: str, resource: str, deployed: Runner) -> None:
    """These two show that the cluster refuses what no rule grants; which rights are used is told by the requests."""
    found = json.loads(kubectl("-n", NAMESPACE, "get", "role", role, "-o", "json"))
    (taken,) = [rule for rule in found["rules"] if resource in rule["resources"]]
    found["rules"].remove(taken)
    noted = len(deployed.way.requests)
    kubectl("replace", "-f", "-", stdin=json.dumps(found))
    try:
        deployed.github("drift", "Examine the stack", fails=True)
    finally:
        kubectl("apply", "-f", str(deployed.folder / RBAC))
    refused = {each.right[1] for each in deployed.way.requests[noted:] if each.code == FORBIDDEN}
    del deployed.way.requests[noted:]
    assert refused == set(taken["resources"])


ELSEWHERE = {
    "wrong-state": "test_a_wrong_state_is_replaced_by_the_cluster_s",
    "stack rm": "test_a_wrong_state_is_replaced_by_the_cluster_s",
    "recover-state": "test_a_wrong_state_is_replaced_by_the_cluster_s",
    "make down": "test_the_rights_suffice_and_each_verb_is_used",
    "make up": "test_the_night_tells_what_was_changed_by_hand_and_a_deployment_mends_it",
    "mariadb-data": "tests/cluster/test_lost.py",
    "stack init": "tests/cluster/test_lost.py",
    "STACK=portus": "tests/cluster/test_adopt.py",
    "make gc": "tests/cluster/test_garbage_collection.py",
    "vault kv": "a server of others",
}
"""Part of a command -> where it is run, or why it is not."""


def _spelled(command: str) -> str:
    """Return ``command`` as the environment of `on_call` has it run: with a kubeconfig already, and its whole output."""
    return re.sub(r" KUBECONFIG=(\.\.\.|~/\.kube/config)", "", " ".join(command.split())).removesuffix(" | grep randomBytes")


MANUAL = whole_commands(
    r"(^|\| )(CHECK_\w+=\S+ )*(make|python -m ops) .*(STACK=|--stack )prod\b|^pulumi (config set|preview|stack -|up)",
    elsewhere=ELSEWHERE,
    spelled=_spelled,
)
"""Command of make, pulumi or ops -> its page."""


@pytest.fixture(scope="module")
def on_call(deployed: Runner) -> Iterator[Runner]:
    """Who is on call: the administrator, with the same checkout and state, and a kubeconfig at another path."""
    deployed.environment = {**deployed.environment, "KUBECONFIG": str(deployed.folder / "kubeconfig")}
    portus = kubectl("-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/component=web", "-o", "name").split()[0]
    kubectl("-n", NAMESPACE, "exec", portus, "--", RAKE, f"portus:create_user[alice,alice@pipeline.test,{PASSWORD},false]")
    (deployed.folder / "alice").write_text(PASSWORD)
    yield deployed
    deployed.environment = {key: text for key, text in deployed.environment.items() if key != "KUBECONFIG"}


@pytest.mark.parametrize("command", MANUAL, ids=[f"{page}: {command}" for command, page in MANUAL.items()])
def test_a_command_of_the_manual_runs(command: str, on_call: Runner) -> None:
    """Those that read and change a stack; what the cluster answers is in test_manual.py."""
    said = on_call.stack_file.read_text()
    if "DUMP=" in command:
        dump = re.findall(r"\b\d{8}T\d{6}Z\b", on_call.run(f"make backups STACK={STACK}"))[0]
        command = re.sub(r"DUMP=\w+", f"DUMP={dump}", command)
    command = re.sub(r"\bprod\b", STACK, command).replace("~/.alice", str(on_call.folder / "alice"))
    asks = re.match(r"make (up|down)\b", command)
    on_call.run(command + (" YES=1" if asks else ""), stdin=f"{PASSWORD}\n")
    on_call.stack_file.write_text(said)


def test_a_wrong_state_is_replaced_by_the_cluster_s(on_call: Runner) -> None:
    page = (OPERATE / "lost.md").read_text(encoding="utf-8")
    lines = re.findall(r"pulumi stack (?:export|rm) .*prod.*|python -m ops recover-state --stack prod", page)
    recover, keep, remove = [re.sub(r"\bprod\b", STACK, line) for line in lines]
    for command in (keep, f"{remove} --yes", recover, f"make preview STACK={STACK}"):
        told = on_call.run(command)
    assert re.search(r"^\s+\d+ unchanged$", told, re.MULTILINE), told
    assert "to create" not in told


def _granted() -> dict[tuple[str, str], set[str]]:
    """Return the verbs of each API group and resource."""
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for document in yaml.safe_load_all((paths.ROOT / RBAC).read_text(encoding="utf-8")):
        for rule in document.get("rules", []):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    verbs[group, resource] |= set(rule["verbs"])
    return verbs


OTHER_STACKS = {
    "backendtlspolicies",
    "certificates",
    "customresourcedefinitions",
    "httproutes",
    "ingresses",
    "prometheusrules",
    "serverstransports",
    "serviceaccounts",
    "servicemonitors",
    "tlsroutes",
}
"""Kinds that this stack has none of; tests/test_deployer_rights.py compares them with what other stacks register."""
WAITING = {"endpoints", "endpointslices", "events", "replicasets"}
"""What is read while an object does not get ready, by the official plugin or the doctor."""


CHANGES: Mapping[str, Any] = {
    "network.clients": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    "exposure.httpsNodePort": NODE_PORT + 1,
    "portus.web.autoscaling": {"minReplicas": 1, "maxReplicas": 3},
    "workloads.all.labels": {"changed-by": "the-tests"},
}
"""Settings whose preview changes an object of each other kind than `NEVER_PATCHED`: by a dry run, which needs the same right."""
NEVER_PATCHED = {"configmaps", "jobs", "persistentvolumeclaims", "secrets"}
"""A changed ConfigMap or Job is a new one, the lab's claims cannot grow, and a Secret has a new name, or a password no preview knows."""
OF_WAITING = {"list", "watch"}
"""Verbs by which the official plugin waits; the lab's stand-in reads again."""


def _unused(used: Mapping[tuple[str, str], set[str]]) -> dict[str, set[str]]:
    """Return the verbs of each resource that no request had, but those that this stack and the stand-in cannot use."""
    found = {}
    for (group, resource), verbs in _granted().items():
        left = verbs - used[group, resource] - OF_WAITING - ({"patch"} if resource in NEVER_PATCHED else set())
        if resource in {"pods/exec", "pods/portforward"} and left < verbs:
            left = set()  # a cluster asks for one of the two
        if left and resource not in OTHER_STACKS | WAITING:
            found[resource] = left
    return found


def test_the_rights_suffice_and_each_verb_is_used(deployed: Runner) -> None:
    """A budget is patched by the test on what was changed by hand, which needs jq."""
    said = deployed.stack_file.read_text()
    deployed.stack_file.write_text(yaml.safe_dump({**yaml.safe_load(said), "config": _sections(CHANGES)}))
    deployed.run(f"make preview STACK={STACK}", KUBECONFIG=str(deployed.temp / "kubeconfig"))
    deployed.stack_file.write_text(said)
    deployed.run(f"make down STACK={STACK} YES=1", KUBECONFIG=str(deployed.temp / "kubeconfig"))
    requests = deployed.way.requests
    assert [each for each in requests if each.code == FORBIDDEN] == []
    assert {each.right[1] for each in requests if NAMESPACE not in (each.namespace, each.name)} == {"storageclasses"}
    used: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in requests:
        used[each.right[:2]].add(each.right[2])
    assert _unused(used) == {}
