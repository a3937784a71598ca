"""Where the bench runs: a cluster of its own beside the lab, with a copy of stack ``lab`` deployed to it."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from lab import cluster
from lab.bench.trial import Project
from lab.cluster import Home, Publication
from lab.engine import ensure_engine
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

LAB: Final = "lab"

_ELSEWHERE: Final[Mapping[str, Any]] = {
    "portus:host": "portus.bench.test",
    "portus:registry": {"host": "registry.bench.test"},
    "portus:cluster": {"context": SLOT},
}
"""What differs from the stack's own file, for the lab may run at the same time; everything else stays as it is."""


def settings() -> dict[str, Any]:
    """Return the content of stack `LAB`'s file, changed so that it can be deployed to the bench's cluster."""
    written = yaml.safe_load(project_stacks()[LAB].read_text(encoding="utf-8"))["config"]
    return {"config": _merged(written, _ELSEWHERE)}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(dict(base))
    for key, value in over.items():
        result[key] = _merged(result[key], value) if isinstance(value, Mapping) and isinstance(result.get(key), Mapping) else value
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """The deployed stack, and how long that took."""

    project: Project
    deployment: Deployment
    """The same, published on this machine."""
    home: Home
    first_up: float
    """Seconds of the first ``pulumi up``."""
    from_nothing: float
    """Seconds from no cluster to a stack that has passed its check."""


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
    images = build.build_images(images_of(LAB))  # from here on everything that can be cached is
    began = time.monotonic()
    kubeconfig = cluster.up(home)
    build.load(images, lambda archive: cluster.import_image(archive, home))
    with step(f"deploying a copy of stack {LAB}"):
        project = Project.of_checkout(name=LAB, engine=engine, folder=FOLDER / LAB, kubeconfig=kubeconfig, settings=settings())
        deploying = time.monotonic()
        project.run("up", "--yes", "--skip-preview")
        first_up = time.monotonic() - deploying
    deployment = Deployment(stack=LAB, outputs=project.outputs(), kubeconfig=kubeconfig, context=SLOT, environment=Lab())
    with step("checking it: a push, a pull, and Portus' record of the push") as current:
        https = deployment.node_ports()["https"]
        cluster.publish([Publication(address=ADDRESS, port=443, node_port=https, names=deployment.hosts)], home)
        check(deployment, current)
    seconds = time.monotonic() - began
    console.print(f"from nothing to a checked stack: {seconds:.0f} s")
    return Stage(project=project, deployment=deployment, home=home, first_up=first_up, from_nothing=seconds)


def _remove(home: Home) -> None:
    cluster.down(home)
    shutil.rmtree(FOLDER, ignore_errors=True)
