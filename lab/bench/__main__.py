"""``python -m lab.bench [--json FILE] [--runs N]``: what ``make bench`` runs."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Final

from ops import console
from ops.errors import OpsError

LEAST_RUNS: Final = 5
INTERRUPTED: Final = 130
"""Exit code of a shell command that Ctrl-C ended."""

EXPLANATION: Final = """\
Prints one figure a line, "name: value"; progress goes to standard error. Ratios are medians of the program by medians of a floor: a
program of literals that registers the same resources through the same engine and plugins (lab/bench/__init__.py says what it includes).
The stack is a copy of "lab".

  preview.*, noop_up.*     'pulumi preview' and 'pulumi up' of a deployed and unchanged stack: wall time of the command, and peak
                           resident memory of the Python process that runs the program
  program.seconds, .share  from the start of that process until the program has registered everything: interpreter, imports, settings,
                           components; and as a share of the preview's wall time
  up_from_nothing.seconds  from no cluster at all to a stack 'lab' that has passed the check of 'make up', with binaries and images cached
  first_up.ratio           the first 'pulumi up' of 'lab' by 'kubectl apply' of the same objects and a wait until all is ready
  push.ratio, pull.ratio   speed of a layer of 300 MB, token included, through the stack by that of a bare registry with TLS beside it
  token.*_ms               a token for the administrator, of which the most is Portus' bcrypt: without_login asks for none
  record.seconds           from the end of a push to Portus' record of it
  import.ratio             speed of reading and then loading a dump, by that of MariaDB's client alone
  growth.ratio             seconds of a render and a verify where there are ten stack files, by those where there is one

It takes some minutes, and runs on a cluster of its own beside the lab, which goes in the end: a running lab is neither used nor touched.
Needs Linux and root, as the lab's cluster does.
"""


def main(arguments: list[str]) -> int:
    """Measure and print; return the exit code. What the user can fix is one line, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args(arguments)
    console.console.file = sys.stderr
    try:
        _must_be_writable(options.json)
        found = _measured(options.runs)
    except OpsError as error:
        console.show_error(error)
        return 1
    except KeyboardInterrupt:
        console.errors.print("interrupted; nothing is left behind.")
        return INTERRUPTED
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in found.items()))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def _must_be_writable(file: Path | None) -> None:
    try:
        if file is not None:
            file.touch()
    except OSError as error:
        raise OpsError(f"{file} cannot be written: {error.strerror}.", "name another file.") from error


def _measured(runs: int) -> dict[str, float]:
    from lab.bench import first_up, growth, imports, transfer  # noqa: PLC0415
    from lab.bench.figures import VERBS, Pair, figures  # noqa: PLC0415 - a wrong word on the command line is reported at once
    from lab.bench.stage import FOLDER, stage  # noqa: PLC0415
    from lab.bench.trial import compare, warm_up  # noqa: PLC0415

    with stage() as place:
        with console.step("a layer of 300 MB, tokens and records, through the stack and beside it") as current:
            service = transfer.figures(place.deployment, place.home, FOLDER / "transfer", current)
        with console.step("renders of one stack file and of ten") as current:
            service["growth.ratio"] = growth.ratio(FOLDER / "growth", current)
        with console.step("a dump, read and loaded") as current:
            service["import.ratio"] = imports.ratio(FOLDER / "import", current)
        program = place.project
        floor = program.floor(FOLDER / "floor")
        with console.step("a first run of floor and program, which does not count"):
            warm_up(floor, program)
        measured: dict[str, Pair] = {}
        for verb in VERBS:
            with console.step(f"{verb}, {runs} runs each") as current:
                measured[verb] = compare(verb, floor=floor, program=program, runs=runs, step=current)
        with console.step("kubectl apply of the same objects") as current:
            state = json.loads(program.run("stack", "export", "--show-secrets"))
            applied = first_up.seconds(state, place.deployment.namespace, program.kubeconfig, place.home, current)
        service["first_up.ratio"] = place.first_up / applied
        return figures(measured, place.from_nothing, service)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench",
        description="Compares the program with a floor.",
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there too")
    parser.add_argument("--runs", type=_runs, default=LEAST_RUNS, metavar="N", help=f"of each, at least and by default {LEAST_RUNS}")
    return parser


def _runs(text: str) -> int:
    number = int(text)
    if number < LEAST_RUNS:
        raise argparse.ArgumentTypeError(f"a median of fewer than {LEAST_RUNS} runs says little")
    return number


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
