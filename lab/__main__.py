"""``python -m lab up|down|check|preview|render``: what the Makefile's verbs run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Final

from lab import console
from lab.errors import LabError

INTERRUPTED: Final = 130
"""Exit code of a shell command that Ctrl-C ended."""


def main(arguments: list[str]) -> int:
    """Run one verb; return the exit code. What its user can mend is one line, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except LabError as error:
        console.errors.print(f"[red]error:[/red] {console.escape(error.problem)}\n       {console.escape(error.remedy)}")
        if error.excerpt:
            console.errors.print("\n".join(f"       | {console.escape(line)}" for line in error.excerpt.splitlines()))
        return 1
    except KeyboardInterrupt:
        console.errors.print("interrupted; run the same command again to go on.")
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="Portus on this machine, or on a cluster of yours.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("up", "deploy a stack and check it"),
        ("down", "remove the stack; for a lab stack the whole lab"),
        ("preview", "show what 'up' would change"),
        ("check", "push and pull an image through a deployed stack"),
        ("password", "print the administrator's password"),
        ("outputs", "print what a deployed stack tells its user"),
    ):
        verbs.add_parser(verb, help=text).add_argument("--stack", default="lab")
    verbs.add_parser("lint-manifests", help="lint the YAML of every stack")
    render = verbs.add_parser("render", help="write the YAML of a stack, without its secrets")
    render.add_argument("--stack", default="lab")
    render.add_argument("--dir", type=Path, required=True)
    return parser


def _run(options: argparse.Namespace) -> None:
    if options.verb == "render":
        from lab.render.preview import render  # noqa: PLC0415 - it is needed for one verb

        render(options.stack, options.dir)
        return
    if options.verb == "lint-manifests":
        from lab.manifests.lint import lint  # noqa: PLC0415 - it is needed for one verb

        lint()
        return
    from lab import verbs  # noqa: PLC0415 - a wrong word on the command line is told at once

    kubeconfig = Path(os.environ["KUBECONFIG"]) if os.environ.get("KUBECONFIG") else None
    getattr(verbs, options.verb)(options.stack, kubeconfig)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
