"""``python -m lab up|down|check|preview|render``: what the Makefile's verbs run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Final

from ops import console
from ops.environment import Environment
from ops.errors import LabError, Terminated

INTERRUPTED: Final = 130
"""Exit code of a shell command that Ctrl-C ended."""


def main(arguments: list[str]) -> int:
    """Run one verb; return the exit code. What its user can mend is one line, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except LabError as error:
        console.errors.print(f"[red]error:[/red] {console.escape(error.problem)}\n       {console.escape(error.remedy)}")
        if error.excerpt:
            console.errors.print("\n".join(f"       | {console.escape(line)}" for line in error.excerpt.splitlines()))
        return 1
    except KeyboardInterrupt:
        console.errors.print("interrupted; run the same command again to go on.")
        return INTERRUPTED


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
    for verb in ("up", "preview"):
        verbs.choices[verb].add_argument("--refresh", action="store_true", help="look at the cluster first, for what was changed by hand")
    for verb in ("up", "down"):
        verbs.choices[verb].add_argument("--yes", action="store_true", help="do not ask; a cluster of yours gets its preview all the same")
    replace = verbs.add_parser("replace-secrets", help="let the next 'up' replace the secrets that the state of a stack shows")
    replace.add_argument("--stack", default="lab")
    verbs.add_parser("backup", help="back the database of a deployed stack up now").add_argument("--stack", default="lab")
    verbs.add_parser("backups", help="list the backups of a deployed stack").add_argument("--stack", default="lab")
    restore = verbs.add_parser("restore", help="replace the database of a deployed stack by a backup")
    restore.add_argument("--stack", default="lab")
    restore.add_argument("--dump", default="", help="name of the backup")
    restore.add_argument("--safety", choices=("yes", "no"), default="yes", help="no: the present state is not backed up first")
    verbs.add_parser("lint-manifests", help="lint the YAML of every stack")
    doctor = verbs.add_parser("doctor", help="name the broken link of a deployed stack; the exit code is 0 when all hold")
    doctor.add_argument("--stack", default="lab")
    doctor.add_argument("--json", action="store_true", help="print JSON, for machines")
    doctor.add_argument("--push", action="store_true", help="push and pull an image, too")
    doctor.add_argument("--drift", action="store_true", help="have Pulumi compare the cluster with the stack file, too")
    collect = verbs.add_parser("collect", help="tell what the registry's garbage collection deletes, and delete it when confirmed")
    collect.add_argument("--stack", default="lab")
    collect.add_argument("--confirm", choices=["yes", "no"], default="no", help="delete it")
    collect.add_argument("--untagged", choices=["yes", "no", "even-of-indexes"], default="no", help="also what no tag names")
    collect.add_argument("--cache", choices=["by-hand"], help="a Redis that is not the stack's own is flushed by its owner")
    render = verbs.add_parser("render", help="write the YAML of a stack, without its secrets")
    render.add_argument("--stack", default="lab")
    render.add_argument("--dir", type=Path, required=True)
    verify = verbs.add_parser("verify", help="check a stack file as a pipeline does: no passphrase, no cluster")
    verify.add_argument("--stack", default="lab")
    export = verbs.add_parser("export", help="write what leaves Portus with you: people, rights, the list of images")
    export.add_argument("--stack", default="lab")
    export.add_argument("--dir", type=Path, required=True)
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.verb == "render":
        from lab.render.render import render  # noqa: PLC0415 - it is needed for one verb

        render(options.stack, options.dir)
        return 0
    if options.verb == "verify":
        from lab.render.verify import verify  # noqa: PLC0415 - it is needed for one verb

        verify(options.stack)
        return 0
    if options.verb == "lint-manifests":
        from lab.manifests.lint import lint  # noqa: PLC0415 - it is needed for one verb

        lint()
        return 0
    from lab.environment import Lab  # noqa: PLC0415 - a wrong word on the command line is told at once
    from ops.kube.errors import cluster_errors  # noqa: PLC0415 - a wrong word on the command line is told at once

    with cluster_errors(options.verb):
        return _run_on_cluster(options, Lab(kubeconfig_of(os.environ.get("KUBECONFIG", ""))))


def _run_on_cluster(options: argparse.Namespace, environment: Environment) -> int:
    from ops import commands as verbs  # noqa: PLC0415 - a wrong word on the command line is told at once

    if options.verb == "doctor":
        holds = verbs.doctor(options.stack, environment, push=options.push, drift=options.drift, as_data=options.json)
        return 0 if holds else 1
    if options.verb == "up":
        verbs.up(options.stack, environment, refresh=options.refresh, yes=options.yes)
    elif options.verb == "preview":
        verbs.preview(options.stack, environment, refresh=options.refresh)
    elif options.verb == "down":
        verbs.down(options.stack, environment, yes=options.yes)
    elif options.verb == "replace-secrets":
        verbs.replace_secrets(options.stack, environment)
    elif options.verb == "collect":
        words = {"confirm": options.confirm == "yes", "untagged": options.untagged, "cache_by_hand": options.cache == "by-hand"}
        verbs.collect(options.stack, environment, **words)
    elif options.verb == "export":
        verbs.export(options.stack, environment, options.dir)
    elif options.verb == "restore":
        verbs.restore(options.stack, environment, dump=options.dump, safety=options.safety == "yes")
    else:
        getattr(verbs, options.verb)(options.stack, environment)
    return 0


def kubeconfig_of(named: str) -> Path | None:
    """Return the file that KUBECONFIG names; of a list the first that is there, and where none is the first, to be told by its name."""
    files = [Path(each).expanduser() for each in named.split(os.pathsep) if each]
    return next((file for file in files if file.is_file()), files[0] if files else None)


def _interrupt(*_: object) -> None:
    raise Terminated


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
