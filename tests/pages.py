"""Markdown pages as a reader uses them: headings that a link may name, and commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ops import paths

OPERATE = paths.ROOT / "docs" / "operate"
"""The pages for operators."""


def anchors(page: Path) -> set[str]:
    """Return what a link may name behind ``#``, as GitHub and GitLab derive it from the headings."""
    return set(map(anchor, re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))))


def anchor(heading: str) -> str:
    """Return what a link names this heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def commands(page: Path) -> Iterator[str]:
    """Give every command of a page: lines that are indented as code, and what is between backticks."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if re.match(r" {4,}\S", line):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def whole_commands(
    pattern: str, *, gap: str = r"<|\.\.\.", elsewhere: Iterable[str] = (), spelled: Callable[[str], str] = str
) -> dict[str, str]:
    """Return each command of the pages for operators that can be run as it is, and the first page that has it.

    Args:
        pattern: of the commands that are wanted.
        gap: what a reader must fill in first.
        elsewhere: parts of commands that other tests run.
        spelled: gives a command the spelling by which it is compared and run.
    """
    found: dict[str, str] = {}
    for page in sorted(OPERATE.glob("*.md")):
        for command in map(spelled, commands(page)):
            if re.search(pattern, command) and not re.search(gap, command) and not any(part in command for part in elsewhere):
                found.setdefault(command, page.stem)
    return found
