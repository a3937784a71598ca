"""Writes the golden lists anew: python -m tests.golden. The difference is for review."""

from __future__ import annotations

from tests.recorder import ROOT, STACKS, run_program

if __name__ == "__main__":
    for stack in STACKS:
        lines = sorted(f"{r.type} {r.parent or '-'} {r.name}" for r in run_program(stack).resources)
        (ROOT / "tests" / "golden" / f"{stack}.names").write_text("\n".join(lines) + "\n", encoding="utf-8")
