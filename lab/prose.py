"""The prose check of ``make lint``: proselint's own checks, our word list, and the limits on sentences and lines.

Reads every Markdown page that git knows, where code and link targets are not prose. In the folders `PYTHON` it reads the words of
docstrings and comments. A hit in the settings' manual is fixed in the docstrings of ``components/settings``, of which it is made.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from proselint.checks import __register__ as PROSELINT  # noqa: N812  # the library's own name for its list
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.registry.checks import Check, CheckFlags, CheckResult, types

from ops import paths

SENTENCE: Final = 25
"""Words a sentence may have."""

LINE: Final = 120
"""Characters a line may have; a table's row and a link cannot be broken."""

OFF: Final = ("typography", "annotations", "misc.but", "hedging", "restricted", "lexical_illusions")
"""Typography of books, and what is not a fault in a manual: a sentence that begins with But, "TODO" in an example."""

WORDS: Final = {
    r"forget(?:s|ting)?|forgot(?:ten)?": "delete, revoke",
    r"le(?:t|ts|tting) go(?: of)?": "delete, unprotect",
    r"anew": "again",
    r"(?:some|any)body(?: else)?(?:'s)?": "you, another team, a user",
    r"nobody|no one|whoever|whomever": "the actor: Portus, the registry, you",
    r"he|him|his|she|her": "they, or the actor",
    r"of worth": "production",
    r"all the same": "anyway, still",
    r"come(?:s)? to pass": "occur, run",
    r"(?:it|that|what|which) is no (?:YAML|JSON|certificate|key|mapping|name|number|object|part|secret|text)": "is not, is not a",
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
    r", for (?:it|they|there|nothing|neither)": "because",
    r", for X+ (?:is|are|was|has|have|can|cannot|must|takes|would)": "because",  # of code, whose letters are all X here
    r", for (?:the|a|an|no|its|each|only|that|this|those|both|every) [^,.;:()]{1,50} "
    r"(?:is|are|was|has|have|can|cannot|must|takes|ignores|stops|holds|would)": "because",
}
"""What this project does not write (a regular expression), and the field's word for it."""

ANY_WORD: Final = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
"""Any of `WORDS`."""


ENDS: Final = re.compile(r"[.!?:][\"')*\]]*$")
NO_END: Final = re.compile(r"(?:e\.g|i\.e|etc|vs)\.")


PYTHON: Final = ("components", "lab", "ops")


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


def spoken(source: str) -> str:
    """Return a module with everything blanked but its docstrings and comments; each line keeps its number."""
    docstrings = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    comments = {
        token.start[0]: token.string for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT
    }
    return "\n".join(line if number in docstrings else comments.get(number, "") for number, line in enumerate(source.splitlines(), 1))


def words(source: str) -> list[Hit]:
    """Return the words to change in a module's docstrings and comments."""
    if not ANY_WORD.search(source):  # most modules: spares them the look for what is a docstring or a comment
        return []
    plain = re.sub(r"``?[^`\n]+``?", lambda match: "X" * len(match[0]), f"\n{spoken(source)}\n")
    return sorted({_hit(plain, result) for check in _own() for result in check.check_with_flags(plain)})


def _hit(text: str, result: CheckResult) -> Hit:
    return Hit(text.count("\n", 0, result.span[0] + 1) or 1, result.message)


def checks() -> list[Check]:
    """Return the checks that are on."""
    registry = CheckRegistry()
    if not registry.checks:
        registry.register_many((*PROSELINT, *_own()))
    on_by_name = dict.fromkeys(OFF, False) | DEFAULT["checks"] | dict.fromkeys(OFF, False) | {"own": True}
    enabled: list[Check] = registry.get_all_enabled(on_by_name)
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
    found = [_hit(plain, result) for check in checks() for result in check.check_with_flags(plain)]
    found += sentences(prose(text))
    plain_lines = prose(text).splitlines()
    found += [
        Hit(number, f"{len(line)} characters: at most {LINE}")
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > LINE and not line.startswith("|") and plain_lines[number - 1].strip()
    ]
    return sorted(set(found))


def report(named: Sequence[str] = ()) -> int:
    """Print what is to change in the files that are named, else in every page and module; return the exit code."""
    listed = ["git", "ls-files", "*.md", *(f"{folder}/*.py" for folder in PYTHON)]
    files: Sequence[str] = named or subprocess.run(listed, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = []
    for name in files:
        text = (paths.ROOT / name).read_text(encoding="utf-8")
        found += [f"{name}:{hit.line}: {hit.message}" for hit in (words(text) if name.endswith(".py") else hits(text))]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return bool(found)
