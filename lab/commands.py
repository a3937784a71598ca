"""The developers' commands, made as the operator's are (`ops.commands`).

Those that need no stack are click's own commands: the cluster and the images of the lab, and what plays or proves them.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ops.cli import command_of
from ops.environment import Environment

if TYPE_CHECKING:
    from lab.images.build import Image


@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="Folder to write to (make: DIR=...).")
def render(stack: str, _: Environment, *, folder: Path) -> None:
    """Write the YAML of a stack, without its secrets. Asks no cluster."""
    from lab.render.render import render as write  # noqa: PLC0415 - heavy

    write(stack, folder)


def verify(stack: str, _: Environment) -> None:
    """Check a stack file as a pipeline does. It must load, pass the manifest rules, and equal its committed render."""
    from lab.render.verify import verify as check  # noqa: PLC0415 - heavy

    check(stack)


@click.command("lint-manifests")
def lint_manifests() -> None:
    """Lint the YAML of every stack."""
    from lab.manifests.lint import lint  # noqa: PLC0415 - heavy

    lint()


@click.command()
def genuine() -> int:
    """Run tests on Pulumi's own Kubernetes plugin. The main job, the lifecycle and a rotation. Builds the plugin if needed."""
    from lab.genuine import prove  # noqa: PLC0415 - heavy

    return prove()


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--core", is_flag=True, help="Count the core cases only. The others are played, too: the core needs them.")
@click.option("--version", type=click.Choice(["2.4", "2.5"]), help="Version of the recorded Portus; by default what the file shows.")
def replay(file: Path, *, core: bool, version: str | None) -> int:
    """Play recordings of Portus against a fresh double. FILE is a JSON list of cases. The exit code is 0 if every counted case passes."""
    from lab.portus_double.replay.player import report as play  # noqa: PLC0415 - heavy

    return play(file, version or "", core=core)


@click.command()
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to this file, too (make: JSON=...).")
@click.option("--runs", type=click.IntRange(min=5), default=5, show_default=True, help="Runs of each command. A figure is their median.")
def bench(file: Path | None, *, runs: int) -> None:
    """Measure what the program costs. The floor is a program of literals; docs/develop/bench.md explains each figure.

    It takes about five minutes and runs on a cluster of its own, which it removes. It needs Linux and root.
    """
    from lab.bench.measure import bench as measure  # noqa: PLC0415 - heavy

    measure(file, runs=runs)


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
def prose(files: tuple[str, ...]) -> int:
    """Check the wording of pages and docstrings. Without FILE, of all of them. The exit code is 0 if nothing is to change."""
    from lab.prose import report  # noqa: PLC0415 - heavy

    return report(files)


@click.group("cluster")
def cluster_commands() -> None:
    """Start, stop and inspect the lab's Kubernetes."""


@cluster_commands.command()
def up() -> None:
    """Start the cluster; print how to name its kubeconfig."""
    from lab import cluster  # noqa: PLC0415 - heavy
    from ops.console import console  # noqa: PLC0415 - heavy

    console.print(f"export KUBECONFIG={cluster.up()}")


@cluster_commands.command()
def stop() -> None:
    """End the cluster's processes; keep its data."""
    from lab import cluster  # noqa: PLC0415 - heavy

    cluster.stop()


@cluster_commands.command()
def down() -> None:
    """End the cluster and remove its data."""
    from lab import cluster  # noqa: PLC0415 - heavy

    cluster.down()


@cluster_commands.command()
def status() -> int:
    """Show which processes run. The exit code is 0 if the cluster is ready."""
    from lab import cluster  # noqa: PLC0415 - heavy
    from ops.console import console  # noqa: PLC0415 - heavy

    seen = cluster.status()
    console.print(f"ready: {'yes' if seen.ready else 'no'}   API server: {seen.api or 'none'}")
    for name in seen.running:
        console.print(f"  {name}: runs")
    for name, how in seen.ended.items():
        console.print(f"  {name}: ended with {how}")
    return 0 if seen.ready else 1


@cluster_commands.command("kubectl", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def run_kubectl(words: tuple[str, ...]) -> int:
    """Run kubectl with WORDS as the cluster's administrator."""
    from lab import cluster  # noqa: PLC0415 - heavy

    environment = {**os.environ, "KUBECONFIG": str(cluster.Home().kubeconfig)}
    return subprocess.run([cluster.kubectl_program(), *words], env=environment, check=False).returncode


@click.group("images")
def image_commands() -> None:
    """Build, load and list the images that the lab runs. NAME is for example mariadb-lab:10.11; without a name, all of them."""


@image_commands.command("build")
@click.argument("names", metavar="[NAME]...", nargs=-1)
def build_images(names: tuple[str, ...]) -> None:
    """Build images into the cache."""
    _build(names)


@image_commands.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def load(names: tuple[str, ...]) -> None:
    """Build images, and load them into the lab's cluster."""
    from lab.cluster import import_image  # noqa: PLC0415 - heavy
    from lab.images import build  # noqa: PLC0415 - heavy

    build.load(_build(names), import_image)


@image_commands.command("ls")
def list_images() -> None:
    """List the images, each with its newest archive in the cache."""
    from lab.images import build  # noqa: PLC0415 - heavy
    from ops.console import console  # noqa: PLC0415 - heavy

    for recipe in build.select(()):
        console.print(f"{recipe.reference}  {build.cached(recipe) or 'not built yet'}")


def _build(names: tuple[str, ...]) -> list[Image]:
    from lab.images import build  # noqa: PLC0415 - heavy
    from ops.console import console  # noqa: PLC0415 - heavy

    images = build.build_images(names)
    for image in images:
        console.print(f"{image.reference}  {image.image_id}  {image.archive}")
    return images


COMMANDS: Final[dict[str, click.Command]] = {
    "render": command_of(render),
    "verify": command_of(verify),
    "lint-manifests": lint_manifests,
    "genuine": genuine,
    "replay": replay,
    "bench": bench,
    "prose": prose,
    "cluster": cluster_commands,
    "images": image_commands,
}
