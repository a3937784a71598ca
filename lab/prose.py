"""The prose check of ``make lint``: proselint's own checks, our word list, and the limits on sentences and lines.

Reads every Markdown page that git knows. Code and link targets are no prose. A hit in the settings' manual is fixed in the docstrings of
``components/settings``, of which it is made.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from proselint.checks import __register__ as PROSELINT  # noqa: N812  # the library's own name for its list
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.registry.checks import Check, CheckFlags, types

from ops import paths

SENTENCE: Final = 25
"""Words a sentence may have."""

LINE: Final = 120
"""Characters a line may have; a table's row and a link cannot be broken."""

OFF: Final = ("typography", "annotations", "misc.but", "hedging", "restricted", "lexical_illusions")
"""Typography of books, and what is no fault in a manual: a sentence that begins with But, "TODO" in an example."""

WORDS: Final = {
    r"forget(?:s|ting)?|forgot(?:ten)?": "delete, revoke",
    r"le(?:t|ts|tting) go(?: of)?": "delete, unprotect",
    r"anew": "again",
    r"(?:some|any)body(?: else)?(?:'s)?": "you, another team, a user",
    r"nobody|no one|whoever|whomever": "the actor: Portus, the registry, you",
    r"he|him|his|she|her": "they, or the actor",
    r"of worth": "production",
    r"(?:is|are|was) (?:said|told)": "the actor: `pulumi preview` reports",
    r"mend(?:s|ed|ing)?": "fix",
    r"former(?:ly)?": "previous",
    r"stands? (?:in|at|on|for|before|beside|behind|under|there)": "is",
    r"lies? (?:in|at|on|under|beside|below|there)": "is",
    r"who(?:se)? (?:uses?|logs?|serves?|reads?|works?) \w+ (?:rolls?|goes)": "the Pods that use it restart",
    r"bears?": "has, supports",
    r"rolls?|rolled|rolling (?:out|back)": "restart, replace",
    r"simply|just|easily|of course|obviously": "nothing",
    r"as ever|for ever": "always, without end",
}
"""What this project does not write (a regular expression), and the field's word for it."""


ENDS: Final = re.compile(r"[.!?:][\"')*\]]*$")
NO_END: Final = re.compile(r"(?:e\.g|i\.e|etc|vs)\.")


class Hit(NamedTuple):
    """One thing to change."""

    line: int
    message: str


def _own() -> tuple[Check, ...]:
    return tuple(
        Check(
            check_type=types.ExistenceSimple(pattern=rf"\b(?:{pattern})\b"),
            path="own.words",
            message=f"'{{}}': write {better}",
            flags=CheckFlags(allow_quotes=True),
        )
        for pattern, better in WORDS.items()
    )


def checks() -> list[Check]:
    """Return the checks that are on."""
    registry = CheckRegistry()
    if not registry.checks:
        registry.register_many((*PROSELINT, *_own()))
    wanted = dict.fromkeys(OFF, False) | DEFAULT["checks"] | dict.fromkeys(OFF, False) | {"own": True}
    enabled: list[Check] = registry.get_all_enabled(wanted)
    return enabled


def prose(text: str) -> str:
    """Return ``text`` with everything blanked that is not prose; each character keeps its place."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    def code(match: re.Match[str]) -> str:
        return "X" * len(match[0])

    text = re.sub(r"(?ms)^( *)```.*?^\1```$", blank, text)
    text = re.sub(r"(?s)<!--.*?-->", blank, text)
    text = re.sub(r"(?m)(?<=\n)\n(?: {4,}(?![-*\d]).*\n)+", blank, text)
    text = re.sub(r"(?s)(?<!`)(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)", lambda match: re.sub(r"[^\n]", "X", match[0]), text)
    text = re.sub(r"(?<=\])\([^)\s]*\)", blank, text)
    return re.sub(r"https?://\S+", code, text)


def sentences(text: str) -> Iterator[Hit]:
    """Yield each sentence of a paragraph or list entry that is too long."""
    paragraph: list[tuple[int, str]] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        entry = re.match(r"\s*(?:[-*]|\d+\.) ", line)
        if paragraph and (entry or not line.strip() or line.startswith(("|", "#"))):
            yield from _long(paragraph)
            paragraph = []
        if line.strip() and not line.startswith(("|", "#")):
            paragraph.append((number, line[entry.end() :] if entry else line))


def _long(paragraph: list[tuple[int, str]]) -> Iterator[Hit]:
    words = [(number, word) for number, line in paragraph for word in line.split()]
    start = 0
    for index, (_, word) in enumerate(words, 1):
        if index == len(words) or (ENDS.search(word) and not NO_END.fullmatch(word)):
            if index - start > SENTENCE:
                first = " ".join(each for _, each in words[start : start + 5])
                yield Hit(words[start][0], f"a sentence of {index - start} words, at most {SENTENCE}: {first} ...")
            start = index


def hits(text: str) -> list[Hit]:
    """Return everything to change in a page."""
    plain = f"\n{prose(text)}\n"
    found = [
        Hit(plain.count("\n", 0, result.span[0] + 1) or 1, result.message) for check in checks() for result in check.check_with_flags(plain)
    ]
    found += sentences(prose(text))
    shown = prose(text).splitlines()
    found += [
        Hit(number, f"{len(line)} characters: at most {LINE}")
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > LINE and not line.startswith("|") and shown[number - 1].strip()
    ]
    return sorted(set(found))


def main(named: list[str]) -> int:
    """Print what is to change in the pages that are named, else in every page; return the exit code."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout.split()
    pages = named or listed
    found = [f"{page}:{hit.line}: {hit.message}" for page in pages for hit in hits((paths.ROOT / page).read_text(encoding="utf-8"))]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main([str(Path(name)) for name in sys.argv[1:]]))
