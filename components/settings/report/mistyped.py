"""Keys that are spelled wrong: read as what they most likely mean, so that one wrong letter is one problem.

Without this the section would lack the key that was meant, and whatever rests on it would be reported as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.settings.report.explain import meant, mistyped_tag
from components.settings.report.locate import Path, Place, find

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Reading:
    """A stack file's data with mistyped keys under their right names.

    Args:
        raw: as the file has it.
    """

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.raw: dict[str, Any] = json.loads(json.dumps(raw))
        self._written: dict[Path, Path] = {}

    def correct(self, entries: list[ErrorDetails]) -> list[ErrorDetails]:
        """Rename each unknown key among ``entries`` that was most likely meant as one that is missing beside it; return their entries."""
        return [entry for entry in entries if self._renames(entry)]

    def _renames(self, entry: ErrorDetails) -> bool:
        place, right = find(entry["loc"], self.raw), None
        if entry["type"] == "extra_forbidden":
            right = meant(place)
        elif entry["type"] == "union_tag_not_found":
            right = str(entry["ctx"]["discriminator"]).strip("'")
            place = Place((*place.path, mistyped_tag(right, entry["input"]) or right), ())
        section = self._section(place.path)
        if right is None or section is None or right in section or place.path[-1] not in section:
            return False
        self._written[*place.path[:-1], right] = self.written(place.path)
        section[right] = section.pop(str(place.path[-1]))
        return True

    def _section(self, path: Path) -> dict[str, Any] | None:
        node: Any = self.raw
        for step in path[:-1]:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return None
        return node if isinstance(node, dict) else None

    def written(self, path: Path) -> Path:
        """Return ``path`` of the corrected data as the file spells it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._written:
                return (*self._written[path[:length]], *path[length:])
        return path

    def written_key(self, key: str) -> str:
        """Return a problem's ``key`` as the file spells it."""
        for right, wrong in sorted(self._written.items(), key=lambda pair: -len(pair[0])):
            dotted = Place(right, ()).dotted
            if key == dotted or key.startswith((f"{dotted}.", f"{dotted}[")):
                return Place(wrong, ()).dotted + key[len(dotted) :]
        return key

    def is_guess(self, key: str) -> bool:
        """Whether ``key`` of a problem is a mistyped one whose value does not fit what it was read as: then it was no slip of the pen."""
        return any(key == Place(right, ()).dotted for right in self._written)
