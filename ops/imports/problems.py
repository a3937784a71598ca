"""What a dump must be, in words: each problem with its line, its rule and its fix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.errors import LabError

SHOWN: Final = 60
OTHER: Final = "statement"
"""Kind of a statement that neither program writes."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a dump from being loaded; line 0 is the whole file."""

    line: int
    rule: str
    fix: str


class DumpError(LabError):
    """A dump that is refused; nothing was touched."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        shown = [f"{path.name}{f', line {each.line}' if each.line else ''}: {each.rule}\n    fix: {each.fix}" for each in problems]
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(
            f"the dump {path} is refused: {count}; nothing was touched.",
            "change what these lines name, and run this again.",
            "\n".join(shown),
        )
        self.problems = problems


def _begins(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.IGNORECASE)


STATEMENTS: Final = (
    (_begins(rb".*TRIGGER "), "triggers", "dump again with --skip-triggers"),
    (_begins(rb"/\*!\d+ (?:CREATE\*/|DROP).*EVENT |CREATE .*EVENT "), "events", "dump again without --events"),
    (_begins(rb".*(?:PROCEDURE|FUNCTION) "), "routines", "dump again without --routines"),
    (
        _begins(rb"/\*!5000\d (?:CREATE|DROP)|.*VIEW |.*SQL SECURITY"),
        "views",
        "dump again with --ignore-table=DATABASE.VIEW for each view",
    ),
    (_begins(rb".*DEFINER"), "a DEFINER", "dump again with --skip-triggers, without --events and --routines"),
    (
        _begins(rb"CREATE DATABASE|USE `|/\*!40000 DROP DATABASE"),
        "the choice of a database",
        "dump again without --databases and --all-databases",
    ),
    (
        _begins(rb"CHANGE (?:MASTER|REPLICATION)|SET GLOBAL gtid"),
        "settings of a replica",
        "dump again without --master-data and --source-data",
    ),
    (_begins(rb"(?:/\*!\d+ )?SET (?:@@|GLOBAL)"), "settings of the whole server", "dump again with --set-gtid-purged=OFF"),
)
"""What these programs write and Portus' database does not have, or an account of one database may not load."""


def refused_statement(number: int, line: bytes) -> tuple[str, Problem]:
    """Return the kind of a statement that is not loaded, and what is wrong with it. Values are not shown."""
    for pattern, what, fix in STATEMENTS:
        if pattern.match(line):
            return what, Problem(number, f"must not have {what}", fix)
    begins = line[:SHOWN].decode(errors="replace").split("'")[0].strip()
    return OTHER, Problem(
        number,
        f"must have statements of mariadb-dump and mysqldump only, and has '{begins}'",
        "dump Portus' database again with mariadb-dump or mysqldump; it is another program's",
    )
