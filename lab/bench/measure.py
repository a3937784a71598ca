"""What ``make bench`` runs: every figure, each with its stage, in one process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lab.bench import first_up, growth, imports, transfer
from lab.bench.figures import VERBS, Pair, figures
from lab.bench.stage import FOLDER, stage
from lab.bench.trial import compare, warm_up
from ops import console
from ops.errors import OpsError


def bench(file: Path | None, *, runs: int) -> None:
    """Measure, and print one figure a line; progress goes to standard error.

    Args:
        file: gets the figures as JSON, too.
        runs: how often each command runs; a figure is the median.
    """
    console.console.file = sys.stderr
    _must_be_writable(file)
    found = _measured(runs)
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in found.items()))
    if file is not None:
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _must_be_writable(file: Path | None) -> None:
    try:
        if file is not None:
            file.touch()
    except OSError as error:
        raise OpsError(f"{file} cannot be written: {error.strerror}.", "name another file.") from error


def _measured(runs: int) -> dict[str, float]:
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
