"""The golden files: what each stack registers (``names.yaml``) and the objects that come of it (``render/``), so that a change is reviewed.

``python -m tests.golden`` writes them anew (``make golden``); the difference is for review.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.pictures import STACK, pages
from tests.recorder import ROOT, STACKS, Program, run_program

FOLDER = ROOT / "tests" / "golden"

NAMES = FOLDER / "names.yaml"
"""Type, parent and name of each resource, by stack."""

RENDERED = ("lab", "lab-apache", "prod")
"""The stacks whose objects are kept: both image families, and a production with every part. The others add nothing to review."""


def golden_files(programs: Mapping[str, Program]) -> Iterator[tuple[Path, str]]:
    """Yield each golden file, and what is in it for ``programs``, which ran without a preview."""
    yield NAMES, "\n".join(f"{stack}:\n{names(program)}" for stack, program in programs.items())
    for stack in RENDERED:
        yield FOLDER / "render" / f"{stack}.yaml", run_program(stack, preview=True).render()


def names(program: Program) -> str:
    """Return type, parent and name of each resource of ``program``, as a list of YAML."""
    return "".join(sorted(f"  - {each.type} {each.parent or '-'} {each.name}\n" for each in program.resources))


def unknown_namespaces(files: set[Path]) -> list[Path]:
    """Return golden files of stacks that are gone."""
    return sorted(set(FOLDER.glob("render/*.yaml")) - files)


def main() -> None:
    """Write every golden file; remove those of stacks that are gone."""
    found = dict(golden_files({stack: run_program(stack) for stack in STACKS}))
    found.update(pages(run_program(STACK)))
    for path, text in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in unknown_namespaces(set(found)):
        path.unlink()


if __name__ == "__main__":
    main()
