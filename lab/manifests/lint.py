"""``make lint-manifests``: renders the project's own stacks, lints them, and keeps the score in ``docs/develop/manifests.md``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.manifests.linters import LINTERS, ensure_programs
from lab.manifests.objects import Objects
from lab.manifests.results import Result, Score, Waiver, failures, read_waivers, scores, unused
from lab.manifests.rules import judge
from lab.render.render import rendered, write
from lab.render.stackfile import project_stacks
from ops import paths
from ops.console import console, escape, step
from ops.errors import OpsError

WAIVERS: Final = paths.ROOT / "tests" / "manifests" / "waivers.yaml"
REPORT: Final = paths.ROOT / "docs" / "develop" / "manifests.md"
BEGIN, END = "<!-- score: written by make lint-manifests -->\n", "<!-- end of score -->\n"


def lint() -> None:
    """Lint the project's own stacks; print the score, keep it in ``REPORT``.

    Raises:
        OpsError: a finding has no waiver, or a waiver has no finding.
    """
    waivers = read_waivers(WAIVERS)
    with step("linters") as current:
        programs = ensure_programs(current)
    results: dict[str, list[Result]] = {}
    with tempfile.TemporaryDirectory(prefix="portus-manifests-") as scratch:
        for stack, file in project_stacks().items():
            with step(f"linting stack {stack}") as current:
                current.say("rendering")
                manifests = rendered(stack, file)
                folder = Path(scratch).resolve() / stack
                write(manifests, stack, folder)
                results[stack] = judge(Objects(manifests))
                references = {each.file_name: each.reference for each in manifests}
                for name, linter in LINTERS.items():
                    current.say(name)
                    results[stack] += linter(programs, folder, references)
    of_tools = {stack: [each for each in found if each.tool in LINTERS] for stack, found in results.items()}
    table = score_table({stack: scores(found, waivers) for stack, found in of_tools.items()})
    console.print(f"\n{table}\nchecks times objects: passed / waived / failed")
    keep(REPORT, table)
    report(results, waivers)


def report(results: Mapping[str, Sequence[Result]], waivers: Sequence[Waiver]) -> None:
    """Raise where a finding has no waiver, or a waiver has no finding in any stack.

    Raises:
        OpsError: with every line of both.
    """
    everything = [result for found in results.values() for result in found]
    lines = [
        f"{stack}: {each.of} {each.reference}: {each.problem}" for stack, found in results.items() for each in failures(found, waivers)
    ]
    idle = unused(waivers, everything, LINTERS)  # those of the rules are looked at by the rules' own tests, over more than the stacks
    if lines:
        raise OpsError(
            f"{len(lines)} findings.",
            f"correct them, or waive each with its reason in {WAIVERS.relative_to(paths.ROOT)}.",
            "\n".join(lines),
        )
    if idle:
        fix = f"remove them from {WAIVERS.relative_to(paths.ROOT)}: nothing needs them."
        raise OpsError(f"{len(idle)} unused waivers.", fix, "\n".join(idle))


def score_table(by_stack: Mapping[str, Mapping[str, Score]]) -> str:
    """Return the scores as a Markdown table: one row a tool, one column a stack."""
    rows = [["tool", *by_stack], ["---"] * (len(by_stack) + 1)]
    rows += [
        [tool, *(str(found.get(tool, "")) for found in by_stack.values())] for tool in sorted({t for f in by_stack.values() for t in f})
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def keep(path: Path, table: str) -> None:
    """Write ``table`` between the marks of a document."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    fresh = f"{before}{BEGIN}\n{table}\n{END}{after}"
    if fresh != text:
        path.write_text(fresh, encoding="utf-8")
        console.print(f"the score in {escape(str(path.relative_to(paths.ROOT)))} has changed; commit it")
