"""``python -m lab.images build|load|ls``: the lab's images by hand."""

from __future__ import annotations

import argparse
import sys

from lab.images import build
from ops.console import console, errors, show_error
from ops.errors import OpsError


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.images", description="The images that the lab runs.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("build", "build into the cache"), ("load", "build, then import into the lab's cluster")):
        commands.add_parser(name, help=text).add_argument("names", nargs="*", metavar="NAME", help="as mariadb-lab:10.11; none means all")
    commands.add_parser("ls", help="list the images, and where those that are built lie")
    options = parser.parse_args(arguments)
    try:
        if options.command == "ls":
            _list()
        else:
            _build(options.names, into_cluster=options.command == "load")
    except OpsError as error:
        show_error(error)
        return 1
    except KeyboardInterrupt:
        errors.print("interrupted; the next run goes on from here")
        return 130
    return 0


def _build(names: list[str], *, into_cluster: bool) -> None:
    images = build.build_images(names)
    for image in images:
        console.print(f"{image.reference}  {image.image_id}  {image.archive}")
    if into_cluster:
        from lab.cluster import import_image  # noqa: PLC0415 - building needs no cluster

        build.load(images, import_image)


def _list() -> None:
    for recipe in build.select(()):
        console.print(f"{recipe.reference}  {build.cached(recipe) or 'not built yet'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
