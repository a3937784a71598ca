"""``python -m lab.portus_double.replay FILE [--core] [--version 2.4|2.5]``: what ``make replay`` runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.markup import escape

from lab.portus_double.replay.player import Outcome, play
from lab.portus_double.replay.recording import VERSIONS, load
from lab.portus_double.replay.stage import stage
from ops.console import console, show_error, step
from ops.errors import OpsError


def main(arguments: list[str]) -> int:
    """Play a file; return 0 if every counted case passed, 1 if not, 2 if it could not be played."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.portus_double.replay", description="Plays recordings of Portus against the lab's double."
    )
    parser.add_argument("file", type=Path, help="a recordings file: a JSON list of cases")
    parser.add_argument(
        "--core", action="store_true", help="count only the core; the other cases are played, since the core stands on them"
    )
    parser.add_argument("--version", choices=VERSIONS, default="", help="which Portus answered; by default what the file shows")
    options = parser.parse_args(arguments)
    try:
        return _replay(options.file, options.version, core=options.core)
    except OpsError as error:
        show_error(error)
        return 2


def _replay(file: Path, version: str, *, core: bool) -> int:
    recording = load(file, version)
    passed = failed = lenient = 0
    console.print(f"{file.name}: {len(recording.cases)} cases of Portus {recording.version}{', the core counted' if core else ''}")
    with step("start MariaDB, registry and double"):
        context = stage(recording.version)
        place = context.__enter__()
    try:
        for outcome in play(recording, place):
            if core and not outcome.case.is_core:
                continue
            lenient += bool(outcome.case.caution)
            if outcome.differences:
                failed += 1
                _show(outcome)
            else:
                passed += 1
    finally:
        context.__exit__(None, None, None)
    if lenient:
        console.print(f"{lenient} of these carry a caution of the recorder and were compared only as far as it says.")
    console.print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _show(outcome: Outcome) -> None:
    request = outcome.case.request
    console.print(f"[red]✗[/red] [bold]{escape(outcome.case.name)}[/bold]: {escape(outcome.case.why)}")
    console.print(f"    {escape(request['method'])} {escape(request['path'])} {escape(str(request.get('auth') or ''))}")
    for line in outcome.differences:
        console.print(f"    {escape(line)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
