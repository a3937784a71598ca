"""What a stack of the lab's own cluster needs before it is deployed: one run at a time, programs, and images of one kind."""

from __future__ import annotations

import contextlib
import contextvars
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Final

from lab import cluster, programs, public_images
from lab.engine import cli_of_its_publisher, find_own_cli
from lab.images import build
from ops import paths, process
from ops.console import console
from ops.errors import OpsError
from ops.pulumi.stack import section_of, stack_names

CONTEXT: Final = "portus-lab"
"""Kubeconfig context of the lab's own cluster; a stack that names it is deployed there."""

PASSPHRASE: Final = "portus-lab"  # noqa: S105 - said in the stack files: it protects nothing outside this machine


def is_lab_stack(name: str) -> bool:
    """Whether the stack's file deploys it to the lab's own cluster."""
    return str(section_of(name, "portus:cluster").get("context")) == CONTEXT


def lab_stack_names() -> list[str]:
    """Return the stacks of the lab's own cluster. A file that cannot be read is left out: the commands on that stack report it."""
    found = []
    for name in stack_names():
        with contextlib.suppress(OpsError):
            found += [name] if is_lab_stack(name) else []
    return found


def images_of(name: str) -> list[str]:
    """Return the images of the lab that the stack's file names."""
    return [image for image in section_of(name, "portus:images").values() if isinstance(image, str) and image.startswith("localhost/")]


def backend() -> Mapping[str, str]:
    """Return Pulumi's variables for the backend of the lab's stacks, which goes with the lab."""
    return {"PULUMI_BACKEND_URL": f"file://{paths.STATE / 'state'}", "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """Return what the jobs return, in their order.

    Raises:
        BaseException: what the first job that failed raised; the others have ended then.
    """
    group = process.Group()
    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        running = [pool.submit(_in_group, group, job) for job in jobs]
        try:
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            failed = next((each for each in running if each in done and each.exception() is not None), None)
            if failed is not None:
                failed.result()
        except BaseException:
            group.stop()
            raise
        return [each.result() for each in running]


def _in_group(group: process.Group, job: Callable[[], Any]) -> Any:
    def run() -> Any:
        process.GROUP.set(group)
        return job()

    return contextvars.copy_context().run(run)


LAB: Final = "lab"
PUBLIC: Final = "public"
"""Values of IMAGES: the lab's own images, the double of Portus among them, or the genuine ones of the public registries."""


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Let one run at a time start or remove the lab; stacks elsewhere are locked by their backend."""
    if not is_lab_stack(name):
        yield
        return
    folder = os.open(paths.ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("  … another 'make up' or 'make down' works on this lab: waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def build_missing(name: str) -> None:
    """Build what a lab stack needs and the cache lacks: programs and images at the same time: neither keeps the processors busy alone.

    Raises:
        OpsError: the machine cannot hold the lab, or a build failed.
    """
    cluster.require_machine()
    engine = () if find_own_cli() or cli_of_its_publisher() else (programs.PULUMI.name,)
    together(
        lambda: programs.ensure((*engine, *programs.CLUSTER_NAMES)),
        lambda: (cluster.ensure_debian(), images(name)),
    )


def images(name: str) -> Sequence[build.Image | public_images.PublicImage]:
    """Return the images of a lab stack: the lab's own, or with ``IMAGES=public`` the genuine ones."""
    names = images_of(name)
    return public_images.fetch(names) if _source() == PUBLIC else build.build_images(names)


def note_images() -> None:
    """Note whose images the lab runs. Pods keep the images that they have, so a lab that runs on others must be removed first.

    Raises:
        OpsError: it runs on others, or IMAGES is neither.
    """
    requested, record = _source(), paths.STATE / "images"
    noted = record.read_text(encoding="utf-8") if record.is_file() else requested
    if noted != requested:
        raise OpsError(
            f"the lab of this checkout runs on IMAGES={noted}, and IMAGES={requested} is requested.", "remove it first: make down"
        )
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(requested, encoding="utf-8")


def _source() -> str:
    source = os.environ.get("IMAGES") or LAB
    if source not in {LAB, PUBLIC}:
        raise OpsError(
            f"IMAGES={source} must be '{LAB}' (the default) or '{PUBLIC}'.", f"leave it out, or set IMAGES={PUBLIC}; nothing was started."
        )
    return source
