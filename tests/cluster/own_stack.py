"""A stack beside the lab's: its file is the test's, its project a folder of links, its state goes with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import cluster, paths
from lab.cluster import Home, Publication
from lab.cluster.publishing import recorded
from lab.deployment import Deployment
from lab.engine import ensure_engine
from lab.images import build
from lab.stack import CONTEXT, LAB_PASSPHRASE, Stack

FILES = Path(__file__).parent / "stacks"
LINKED = ("Pulumi.yaml", "__main__.py", "components", ".venv", "requirements.txt")


@dataclass(frozen=True, kw_only=True)
class OwnStack(Stack):
    """A stack of ``project`` instead of the checkout."""

    project: Path

    @property
    def context(self) -> str:
        return CONTEXT

    def say(self, configuration: Mapping[str, Any]) -> None:
        """Write the stack file."""
        self._file.write_text(yaml.safe_dump({"config": dict(configuration)}), encoding="utf-8")

    def said(self) -> dict[str, Any]:
        """Return what the stack file says."""
        return dict(yaml.safe_load(self._file.read_text(encoding="utf-8"))["config"])

    @property
    def _file(self) -> Path:
        return self.project / "stacks" / f"Pulumi.{self.name}.yaml"

    def environment(self) -> dict[str, str]:
        backend = {"PULUMI_BACKEND_URL": f"file://{self.project / 'state'}", "PULUMI_CONFIG_PASSPHRASE": LAB_PASSPHRASE}
        return {**os.environ, **self.engine.environment(), "KUBECONFIG": str(self.kubeconfig), **backend}

    def command(self, *words: str) -> list[str]:
        return [str(self.engine.pulumi), *words, "--non-interactive", "--cwd", str(self.project)]


@contextmanager
def own_stack(name: str, folder: Path, sections: Mapping[str, Any] | None = None) -> Iterator[OwnStack]:
    """Select stack ``name`` of ``tests/cluster/stacks`` in a project made in ``folder``; whatever it made goes when the block ends.

    Args:
        sections: of the stack file, instead of its own.
    """
    (folder / "stacks").mkdir()
    (folder / "state").mkdir()
    for link in LINKED:
        (folder / link).symlink_to(paths.ROOT / link)
    configuration = yaml.safe_load((FILES / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"] | (sections or {})
    images = [image for image in configuration["portus:images"].values() if image.startswith("localhost/")]
    kubeconfig = cluster.up()
    build.load(build.build_images(images), cluster.import_image)
    stack = OwnStack(name=name, engine=ensure_engine(), kubeconfig=kubeconfig, project=folder)
    stack.say(configuration)
    stack.run("stack", "select", "--create")
    try:
        yield stack
    finally:
        stack.destroy()


def deployment(stack: Stack) -> Deployment:
    """Return ``stack`` as its clients see it."""
    return Deployment(outputs=stack.outputs(), kubeconfig=stack.kubeconfig, context=stack.context)


@contextmanager
def published(*own: Publication) -> Iterator[None]:
    """Publish ``own`` beside what is published already, until the block ends."""
    before = recorded(Home())
    cluster.publish([*before, *own])
    try:
        yield
    finally:
        cluster.publish([each for each in recorded(Home()) if each not in own])
