"""The golden files: what each stack registers (``.names``) and the objects that come of it (``render/``), so that a change is reviewed.

``python -m tests.golden`` writes them anew (``make golden``); the difference is for review.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.pictures import STACK, pages
from tests.recorder import ROOT, STACKS, Program, run_program

FOLDER = ROOT / "tests" / "golden"


def golden_files(stack: str, program: Program | None = None) -> Iterator[tuple[Path, str]]:
    """Yield each golden file of ``stack`` and what stands in it; ``program`` spares a run where there was one."""
    resources = (program or run_program(stack)).resources
    yield FOLDER / f"{stack}.names", "".join(sorted(f"{r.type} {r.parent or '-'} {r.name}\n" for r in resources))
    yield FOLDER / "render" / f"{stack}.yaml", run_program(stack, preview=True).render()


def strays(files: set[Path]) -> list[Path]:
    """Return golden files of stacks that are gone."""
    return sorted({*FOLDER.glob("*.names"), *FOLDER.glob("render/*.yaml")} - files)


def main() -> None:
    """Write every golden file; remove those of stacks that are gone."""
    found = dict(pair for stack in STACKS for pair in golden_files(stack))
    found.update(pages(run_program(STACK)))
    for path, text in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in strays(set(found)):
        path.unlink()


if __name__ == "__main__":
    main()
