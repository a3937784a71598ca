"""A stack beside the lab's: its file is the test's, its project a folder with a copy of the program, its state goes with it.

A `Reader` has a whole checkout instead, and runs what the manual says.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from kubernetes import client, config

from lab import cluster
from lab.cluster import Publication, kubectl
from lab.engine import ensure_engine
from lab.environment import Lab
from lab.images import build
from lab.lab_stack import CONTEXT, PASSPHRASE
from ops import paths
from ops.deployment import Deployment
from ops.pulumi.stack import Stack
from tests.settings.corpus import changed

FILE = Path(__file__).parent / "stacks.yaml"
WORKLOADS = ("portus:portus.web", "portus:portus.worker", "portus:registry", "portus:database", "portus:exposure.edge")
SHARE = {"requests": {"cpu": "40m"}}
"""Of a processor, for each workload: several stacks run beside the lab's two on a machine of two processors."""

LINKED = ("Pulumi.yaml", ".venv", "requirements.txt")
PROGRAM = ("__main__.py", "components")
"""Copied, so that an edit while a test runs does not change what is deployed."""


@dataclass(frozen=True, kw_only=True)
class OwnStack(Stack):
    """A stack of ``project`` instead of the checkout."""

    project: Path

    @property
    def context(self) -> str:
        return CONTEXT

    def say(self, configuration: Mapping[str, Any]) -> None:
        """Write the stack file."""
        self._file.write_text(yaml.safe_dump(self._document() | {"config": dict(configuration)}), encoding="utf-8")

    def said(self) -> dict[str, Any]:
        """Return what the stack file says."""
        return dict(self._document()["config"])

    def encrypt(self, key: str, text: str) -> None:
        """Let the stack file hold ``text`` encrypted at ``key``, a path as ``pulumi config set --path`` takes it."""
        command = self.command("config", "set", "--path", "--secret", key, "--stack", self.name)
        subprocess.run(command, env=self.environment(), input=text, text=True, check=True, capture_output=True)

    def _document(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self._file.read_text(encoding="utf-8"))) if self._file.exists() else {}

    @property
    def _file(self) -> Path:
        return self.project / "stacks" / f"Pulumi.{self.name}.yaml"

    def command(self, *words: str) -> list[str]:
        return [str(self.engine.pulumi), *words, "--non-interactive", "--cwd", str(self.project)]


@contextmanager
def own_stack(name: str, folder: Path, sections: Mapping[str, Any] | None = None) -> Iterator[OwnStack]:
    """Select stack ``name`` of ``tests/cluster/stacks.yaml`` in a project made in ``folder``; whatever it made goes when the block ends.

    Args:
        sections: of the stack file, instead of its own.
    """
    stacks = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    configuration = {f"portus:{key}": value for key, value in changed(stacks["common"], stacks[name]).items()} | dict(sections or {})
    for workload in WORKLOADS:
        section = configuration
        for part in workload.split("."):
            section = section.setdefault(part, {})
        section.setdefault("resources", SHARE)
    with stack_of(name, folder, configuration) as stack:
        load([image for image in configuration["portus:images"].values() if image.startswith("localhost/")])
        yield stack


@contextmanager
def stack_of(name: str, folder: Path, configuration: Mapping[str, Any]) -> Iterator[OwnStack]:
    """Select a stack that says ``configuration``, as `own_stack` does."""
    (folder / "stacks").mkdir()
    (folder / "state").mkdir()
    for link in LINKED:
        (folder / link).symlink_to(paths.ROOT / link)
    for part in PROGRAM:
        (shutil.copytree if (paths.ROOT / part).is_dir() else shutil.copy2)(paths.ROOT / part, folder / part)
    backend = {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}", "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
    stack = OwnStack(name=name, engine=ensure_engine(), kubeconfig=cluster.up(), own_backend=backend, project=folder)
    stack.say(configuration)
    stack.run("stack", "select", "--create")
    try:
        yield stack
    finally:
        try:
            stack.destroy()
        finally:  # what a failed test left must not fail the next module, too
            kubectl("delete", "--ignore-not-found", "namespace", str(configuration["portus:cluster"]["namespace"]))


@contextmanager
def namespace(name: str) -> Iterator[client.CoreV1Api]:
    """Make a namespace of somebody else's, start the cluster for it, and remove it with all that is in it when the block ends."""
    api = client.CoreV1Api(config.new_client_from_config(str(cluster.up()), CONTEXT))  # type: ignore[no-untyped-call]
    api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    try:
        yield api
    finally:
        kubectl("delete", "--ignore-not-found", "namespace", name)


def drop(*names: str) -> None:
    """Remove namespaces; their Pods need not end well."""
    kubectl("delete", "--ignore-not-found", "--wait=false", "namespace", *names)
    for name in names:
        kubectl("-n", name, "delete", "pods", "--all", "--force", "--grace-period=0")
    kubectl("wait", "--for=delete", *(f"namespace/{name}" for name in names), "--timeout=180s")


def make_secret(api: client.CoreV1Api, namespace: str, name: str, content: Mapping[str, str], *, kind: str = "Opaque") -> None:
    """Make a Secret of somebody else's."""
    metadata = client.V1ObjectMeta(name=name)
    api.create_namespaced_secret(namespace, client.V1Secret(metadata=metadata, type=kind, string_data=dict(content)))


def load(images: list[str]) -> None:
    """Give the cluster some of the lab's images."""
    build.load(build.build_images(images), cluster.import_image)


def deployment(stack: Stack) -> Deployment:
    """Return ``stack`` as its clients see it."""
    return stack.deployment(Lab())


def pods_of(reached: Deployment, component: str) -> list[client.V1Pod]:
    """Return every Pod of ``component``, those on their way out included: as long as no other is there, they are still sent clients."""
    return list(reached.api().list_namespaced_pod(reached.namespace, label_selector=f"app.kubernetes.io/component={component}").items)


def ready_pods(reached: Deployment, component: str) -> list[str]:
    """Return the ready Pods of ``component`` that nobody has told to stop."""
    return [
        str(pod.metadata.name)
        for pod in pods_of(reached, component)
        if pod.metadata
        and not pod.metadata.deletion_timestamp
        and any(each.ready for each in (pod.status and pod.status.container_statuses) or [])
    ]


@contextmanager
def published(*own: Publication) -> Iterator[None]:
    """Publish ``own`` beside what is published already, until the block ends."""
    addresses = {each.address for each in own}
    cluster.publish(own, addresses=addresses)
    try:
        yield
    finally:
        cluster.publish([], addresses=addresses)


@contextmanager
def registry_api(reached: Deployment, repository: str, actions: str = "push,pull") -> Iterator[httpx.Client]:
    """Give a client at ``/v2/<repository>`` with a token of now, the administrator's, which it keeps."""
    context = ssl.create_default_context(cadata=str(reached.outputs["ca_certificate"]))
    login = (str(reached.outputs["administrator"]), reached.administrator_password)
    asked = {"service": reached.registry, "account": login[0], "scope": f"repository:{repository}:{actions}"}
    token = httpx.get(f"{reached.portus_url}/v2/token", params=asked, auth=login, verify=context, timeout=60).json()["token"]
    base, headers = f"https://{reached.registry}/v2/{repository}", {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=base, headers=headers, verify=context, timeout=60) as http:
        yield http


CHECKOUT = (
    *PROGRAM,
    "Makefile",
    "Pulumi.yaml",
    "examples",
    "lab",
    "ops",
    "policies",
    *(f"requirements{kind}.txt" for kind in ("", "-ops", "-dev")),
)
"""What a reader's checkout has, so that each command runs there as it is written."""


@dataclass
class Reader:
    """Who follows a page, in a checkout of the program."""

    folder: Path
    stack: str
    environment: Mapping[str, str]
    words: Mapping[str, str] = field(default_factory=dict)
    """The page's -> the reader's own, where a command names what every reader has under a name of its own."""
    ran: list[str] = field(default_factory=list)

    @property
    def stack_file(self) -> Path:
        return self.folder / "stacks" / f"Pulumi.{self.stack}.yaml"

    def own(self, command: str) -> str:
        """Return a page's command with the reader's own `words`."""
        for word, other in self.words.items():
            command = command.replace(word, other)
        return command

    def run(self, text: str, *, fails: bool = False, stdin: str = "", options: Sequence[str] = ("-euo", "pipefail"), **more: str) -> str:
        """Run commands as they are pasted, with ``more`` in the environment; return both streams."""
        self.ran.append(text)
        done = subprocess.run(
            ["bash", *options, "-c", text],
            cwd=self.folder,
            env={**self.environment, **more},
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

    @cached_property
    def deployment(self) -> Deployment:
        """The stack as its clients see it."""
        text = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--show-secrets", "--stack", self.stack],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        kubeconfig = Path(self.environment["KUBECONFIG"])
        return Deployment(stack=self.stack, outputs=json.loads(text), kubeconfig=kubeconfig, context=None, environment=Lab(kubeconfig))


def reader(folder: Path, stack: str, *programs: Path) -> Reader:
    """Give a reader a checkout in ``folder``, a backend, the lab's cluster as current context, and ``programs`` first on PATH."""
    for part in CHECKOUT:
        source = paths.ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / part)
    waivers = Path("tests", "manifests", "waivers.yaml")
    (folder / waivers).parent.mkdir(parents=True)
    shutil.copy2(paths.ROOT / waivers, folder / waivers)
    (folder / ".venv").symlink_to((paths.ROOT / ".venv").resolve())
    for name in ("bin", "stacks", "state"):
        (folder / name).mkdir()
    (folder / "bin" / "kubectl").symlink_to(cluster.kubectl_program())
    own = folder / "kubeconfig"
    own.write_text(cluster.up().read_text().replace("portus-lab", "production"))
    return Reader(folder, stack, _environment(folder, [*programs, folder / "bin", folder / ".venv" / "bin"], own))


def _environment(folder: Path, programs: Sequence[Path], kubeconfig: Path) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "CHECK_"))}
    asked = "import json; from lab.engine import ensure_engine; print(json.dumps(ensure_engine().environment()))"
    engine = subprocess.run([sys.executable, "-c", asked], cwd=folder, env=bare, stdout=subprocess.PIPE, text=True, check=True).stdout
    variables = json.loads(engine.splitlines()[-1])
    return {
        **bare,
        **variables,
        "PATH": os.pathsep.join([*map(str, programs), variables.pop("PATH")]),
        "KUBECONFIG": str(kubeconfig),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "of-the-tests",
        "PULUMI_SKIP_CONFIRMATIONS": "true",
    }
