"""A new kind of exposure, store or database is never passed over in silence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.recorder import ROOT

OPEN = {"components/settings/report/explain.py"}
"""Here a text is matched: pydantic's kinds of errors."""


def _matches() -> Iterator[tuple[str, ast.Match]]:
    for path in sorted(Path(ROOT, "components").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Match):
                yield str(path.relative_to(ROOT)), node


def test_every_match_over_a_union_ends_in_assert_never() -> None:
    found = [(path, node) for path, node in _matches() if path not in OPEN]
    assert len(found) > 8
    silent = [f"{path}:{node.lineno}" for path, node in found if "assert_never" not in ast.unparse(node.cases[-1])]
    assert silent == []
