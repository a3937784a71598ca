"""Writes the JSON Schema and the manual: python -m components.settings.reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from components.settings.reference.manual import manual
from components.settings.reference.schema import schema

SCHEMA: Final = Path("stacks/stack.schema.json")
MANUAL: Final = Path("docs/reference/settings.md")


def texts() -> dict[Path, str]:
    """Return the content of each file, by its path from the project's folder."""
    return {SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n", MANUAL: manual()}


if __name__ == "__main__":
    for path, text in texts().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
