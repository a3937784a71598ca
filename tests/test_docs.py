"""Every page that a reader is sent to exists, and so does the heading."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from components.settings.reference.entries import entries
from tests.pages import anchors

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!https?://)([^)\s#]*)(?:#([^)\s]+))?\)")
PAGE = re.compile(r"(?<![\w/.-])(docs/[\w./-]*\w)(?:,? \\?[\"']([A-Z][^\"'\\]+)\\?[\"'])?")
ELSEWHERE = {"docs/configuration.md", "docs/content/reference/dynamic-configuration"}
"""Pages in the repositories of the registry and of Traefik."""


NO_SETTINGS = {
    "database.yml",
    "portus.dev.test",
    "portus.schema.json",
    "registry.dev.test",
    "cluster.local",
    "portus.json",
    "portus.sql.gz",
    "registry.example.com",
    "registry.json",
    "tls.crt",
    "tls.key",
    "tls.mode",
}
"""Files, names of hosts, and a key of a Gateway."""

EXAMPLES = {"stacks/Pulumi.qa.yaml", "stacks/Pulumi.dev2.yaml", "stacks/Pulumi.portus.yaml"}
"""Files that a reader writes."""


@cache
def _tracked() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


PAGES = sorted(path for path in _tracked() if path.suffix == ".md")


def _prose(path: Path) -> str:
    """Return a page without what is shown as code."""
    return re.sub(r"(?ms)^```.*?^```$|^ {4,}.*?$|`[^`\n]*`", "", path.read_text(encoding="utf-8"))


def _named(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for page, heading in PAGE.findall(" ".join(text.split()) if path.suffix in {".py", ".md"} else text):
        if page not in ELSEWHERE:
            yield page, heading


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_page_and_a_heading(path: Path) -> None:
    for target, anchor in LINK.findall(_prose(path)):
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), f"{path.name}: {target}"
        assert not anchor or anchor in anchors(page), f"{path.name}: {target}#{anchor}"


def test_every_file_of_this_repository_that_a_page_names_exists() -> None:
    gone = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in PAGES
        for name in re.findall(r"`((?:components|lab|ops|tests|stacks)/[\w./-]+)`", page.read_text(encoding="utf-8"))
        if name not in EXAMPLES and not (ROOT / name).exists()
    ]
    assert gone == []


def test_every_setting_that_a_page_names_exists() -> None:
    keys = {entry.key for entry in entries()}
    sections = "|".join(sorted({key.partition(".")[0] for key in keys}))
    named = re.compile(rf"`(?:portus:)?((?:{sections})(?:\.\w+)+)(?=[`:\s])")
    unknown = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in PAGES
        if page.name != "settings.md"  # it is written from the models, and names keys below its headings
        for name in named.findall(page.read_text(encoding="utf-8"))
        if name not in NO_SETTINGS and not {name, f"portus.config.{name}"} & keys  # Portus' own settings are named as Portus does
    ]
    assert unknown == []


def test_every_page_that_code_names_exists() -> None:
    missing = [f"{path.relative_to(ROOT)}: {page}" for path in _tracked() for page, _ in _named(path) if not (ROOT / page).exists()]
    assert missing == []


def test_every_heading_that_code_names_exists() -> None:
    for path in _tracked():
        for page, heading in _named(path):
            if heading and page.endswith(".md"):
                assert re.search(rf"(?m)^#+ {re.escape(heading)}$", (ROOT / page).read_text(encoding="utf-8")), f"{path}: {page}, {heading}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / target).resolve() for target, _ in LINK.findall(_prose(page)) if target]
    assert [str(path.relative_to(ROOT)) for path in PAGES if path not in seen] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
