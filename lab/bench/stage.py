"""Where the bench runs: a cluster of its own beside the lab, with ``lab`` and ``prod`` deployed to it as they would be elsewhere."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import client, config

from lab import cluster
from lab.bench.trial import Project
from lab.cluster import Home, Publication
from lab.engine import Engine, ensure_engine
from lab.environment import Lab
from lab.images import build
from lab.lab_stack import images_of
from lab.render.stackfile import project_stacks
from ops import paths
from ops.check import check
from ops.console import console, step
from ops.deployment import Deployment
from ops.errors import OpsError

FOLDER: Final = paths.STATE / "bench"
SLOT: Final = "portus-bench"
"""The cluster's name on this machine, hence its context too."""

ADDRESS: Final = "127.88.200.1"
"""Where the bench's ``lab`` answers on this machine, while it is checked."""

_ELSEWHERE: Final[Mapping[str, Mapping[str, Any]]] = {
    # Other names than the lab's, which may run at the same time.
    "lab": {"portus:host": "portus.bench.test", "portus:registry": {"host": "registry.bench.test"}, "portus:cluster": {"context": SLOT}},
    # Its cluster, its images, its company's certificate and its load balancer cannot be had here.
    "prod": {"portus:cluster": {"context": SLOT}},
}
"""What differs from the stack's own file, and why; everything else stays as it is."""

_NODE_PORT: Final = {"kind": "node_port", "publicPort": 443, "httpsNodePort": 31443}


def settings_of(name: str) -> dict[str, Any]:
    """Return the content of stack ``name``'s file, changed so that it can be deployed to the bench's cluster."""
    written = yaml.safe_load(project_stacks()[name].read_text(encoding="utf-8"))["config"]
    changed = _merged(written, _ELSEWHERE[name])
    if name == "prod":
        lab = yaml.safe_load(project_stacks()["lab"].read_text(encoding="utf-8"))["config"]
        changed["portus:images"], changed["portus:tls"] = lab["portus:images"], lab["portus:tls"]
        changed["portus:accept"] = ["self_signed_certificate"]
        changed["portus:exposure"] = _NODE_PORT | {key: value for key, value in written["portus:exposure"].items() if key == "edge"}
    return {"config": changed}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(dict(base))
    for key, value in over.items():
        result[key] = _merged(result[key], value) if isinstance(value, Mapping) and isinstance(result.get(key), Mapping) else value
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """The deployed stacks, and how long the first one took."""

    projects: Mapping[str, Project]
    deployment: Deployment
    """The first of them, published on this machine."""
    home: Home
    first_up: float
    """Seconds of its first ``pulumi up``."""
    from_nothing: float
    """Seconds from no cluster to a ``lab`` stack that has passed its check."""


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Give the stage; whatever happens, its cluster and files are gone afterwards.

    Raises:
        OpsError: the machine cannot hold the cluster, another bench runs, or a deployment failed.
    """
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / "bench.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError("a bench of this checkout is already running.", "wait until it ends: two would disturb each other.") from None
        home = Home(state=FOLDER / "cluster", logs=paths.LOGS / "bench", slot=SLOT)
        _remove(home)  # what a killed bench left
        FOLDER.mkdir(mode=0o700)  # the floors hold the stacks' secrets in clear
        try:
            yield _set(home)
        finally:
            with step("removing the bench's cluster"):
                _remove(home)


def _set(home: Home) -> Stage:
    engine = ensure_engine()
    cluster.ensure_binaries()
    images = build.build_images(images_of("lab"))  # from here on everything that can be cached is
    began = time.monotonic()
    kubeconfig = cluster.up(home)
    build.load(images, lambda archive: cluster.import_image(archive, home))
    lab, first_up = _deployed("lab", engine, kubeconfig)
    deployment = Deployment(stack=lab.name, outputs=lab.outputs(), kubeconfig=kubeconfig, context=SLOT, environment=Lab())
    with step("checking it: a push, a pull, and Portus' record of the push") as current:
        https = deployment.node_ports()["https"]
        cluster.publish([Publication(address=ADDRESS, port=443, node_port=https, names=deployment.hosts)], home)
        check(deployment, current)
    seconds = time.monotonic() - began
    console.print(f"from nothing to a checked stack: {seconds:.0f} s")
    prod, _ = _deployed("prod", engine, kubeconfig)
    return Stage(projects={"lab": lab, "prod": prod}, deployment=deployment, home=home, first_up=first_up, from_nothing=seconds)


def _deployed(name: str, engine: Engine, kubeconfig: Path) -> tuple[Project, float]:
    """Deploy a copy of stack ``name``; return it and the seconds of its first ``up``."""
    settings = settings_of(name)
    with step(f"deploying a copy of stack {name}"):
        _own_namespace(settings["config"], kubeconfig)
        project = Project.of_checkout(name=name, engine=engine, folder=FOLDER / name, kubeconfig=kubeconfig, settings=settings)
        began = time.monotonic()
        project.run("up", "--yes", "--skip-preview")
    return project, time.monotonic() - began


def _own_namespace(settings: Mapping[str, Any], kubeconfig: Path) -> None:
    """Make the namespace of a stack that expects to find one."""
    where = settings["portus:cluster"]
    if where.get("createNamespace", True):
        return
    api = client.CoreV1Api(config.new_client_from_config(str(kubeconfig), SLOT))  # type: ignore[no-untyped-call]
    name = str(where.get("namespace", "portus"))
    api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))


def _remove(home: Home) -> None:
    cluster.down(home)
    shutil.rmtree(FOLDER, ignore_errors=True)
