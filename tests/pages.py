"""Markdown pages as a reader uses them: headings that a link may name, and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path


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
