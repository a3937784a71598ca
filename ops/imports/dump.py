"""Reads what mariadb-dump or mysqldump has written of Portus' database: as a stream, line by line, with no server.

Both write one statement a line; only CREATE TABLE has several, and a long INSERT may have one a row. Line ends inside texts are escaped.
What begins otherwise than these programs' statements is not loaded anywhere, because its effects are not known.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from ops.errors import OpsError

SHOWN: Final = 60
OTHER: Final = "statement"
"""Kind of a statement that neither program writes."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a dump from being loaded; line 0 is the whole file."""

    line: int
    rule: str
    fix: str


class DumpError(OpsError):
    """A dump that is refused; nothing was touched."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        lines = [f"{path.name}{f', line {each.line}' if each.line else ''}: {each.rule}\n    fix: {each.fix}" for each in problems]
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(
            f"the dump {path} is refused: {count}; nothing was touched.",
            "change what these lines name, and run this again.",
            "\n".join(lines),
        )
        self.problems = problems


def _begins(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.IGNORECASE)


STATEMENTS: Final = (
    (_begins(rb".*TRIGGER "), "triggers", "dump again with --skip-triggers"),
    (_begins(rb"/\*!\d+ (?:CREATE\*/|DROP).*EVENT |CREATE .*EVENT "), "events", "dump again without --events"),
    (_begins(rb".*(?:PROCEDURE|FUNCTION) "), "routines", "dump again without --routines"),
    (_begins(rb"/\*!5000\d (?:CREATE|DROP)|.*VIEW |.*SQL SECURITY"), "views", "dump again with --ignore-table=DATABASE.VIEW for each view"),
    (_begins(rb".*DEFINER"), "a DEFINER", "dump again with --skip-triggers, without --events and --routines"),
    (_begins(rb'(?:CREATE TABLE|INSERT INTO) "'), "names in double quotes", "dump again without --compatible, and without ANSI_QUOTES"),
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
"""Statements of these programs that Portus' database does not need, or that its account may not load."""


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


GZIP: Final = b"\x1f\x8b"
BYTE_ORDER_MARKS: Final = {b"\xef\xbb\xbf": "a byte order mark", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
"""What ``>`` of PowerShell and some editors make of a text."""
MESSAGE: Final = re.compile(rb"(?:mysqldump|mariadb-dump|mysql|mariadb): |Enter password:|WARNING: ", re.IGNORECASE)
"""What the programs print on a terminal."""
OTHER_FORMATS: Final = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PGDMP": "pg_dump"}
TAR_MARK: Final = slice(257, 262)
LINE_ENDS: Final = {
    b"\r\r\n": (r"\r\r\n", r"convert them: sed 's/\r*$//' OLD.sql > NEW.sql"),
    b"\r": (r"\r alone", r"convert them: tr '\r' '\n' < OLD.sql > NEW.sql"),
}
"""Line ends of no dump -> their name, and how to convert them. ``\\r\\n`` alone is read."""
LOOKED_AT: Final = 1 << 13
"""Bytes by which the form of a dump is known."""
BUFFER: Final = 1 << 20
SHOWN_EVERY: Final = 20_000
MOST_PROBLEMS: Final = 10
COUNTED: Final = ("users", "tags")
PARSED: Final = ("schema_migrations", "registries")

HEADER: Final = re.compile(rb"-- (MySQL|MariaDB) dump ")
END: Final = b"-- Dump completed"
DELIMITER: Final = b"DELIMITER"
HARMLESS: Final = re.compile(
    rb"\s*(?:$|--|LOCK TABLES |UNLOCK TABLES;|DROP TABLE IF EXISTS |commit;|set autocommit=|SET (?:NAMES |@(?!@)|character_set_)"
    rb"|/\*M?!\d+ SET (?!@@GLOBAL|GLOBAL )|/\*!40000 ALTER TABLE `\w+` (?:DIS|EN)ABLE KEYS \*/;|/\*M?!999999\\- enable the sandbox)",
    re.IGNORECASE,
)
"""What both programs write around the tables: comments, locks, and settings of the connection."""
CREATE: Final = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?`([^`]+)` \(")
INSERT: Final = re.compile(rb"(?:INSERT|REPLACE)\s+(?:IGNORE )?(?:INTO )?`([^`]+)`(?: \(([^)]*)\))? VALUES")
COLUMN: Final = re.compile(rb"\s+`([^`]+)` ")
CHARSET: Final = re.compile(rb"(?:CHARSET=|CHARACTER SET )(\w+)")
NAMES: Final = re.compile(rb"SET NAMES (\w+)", re.IGNORECASE)
NEW_COLLATION: Final = re.compile(rb"utf8mb4_0900_\w+")
ROW: Final = re.compile(rb"\((?:[^'()]++|'(?:[^'\\]++|\\.|'')*+')*+\)", re.DOTALL)
VALUE: Final = re.compile(rb"'((?:[^'\\]++|\\.|'')*+)'|([^,()'\s]+)", re.DOTALL)
ESCAPED: Final = re.compile(rb"\\(.)|''", re.DOTALL)
FOUR_BYTES: Final = re.compile(rb"[\xf0-\xf4]")
CODECS: Final = {"utf8": "utf-8", "utf8mb3": "utf-8", "utf8mb4": "utf-8", "latin1": "cp1252"}
"""Character sets of a dump's text. MySQL's latin1 is Windows' 1252."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """Portus' record of the registry."""

    hostname: str
    external_hostname: str


@dataclass(kw_only=True)
class Dump:
    """What a dump holds.

    Args:
        charset: of its text, as the client must be told.
        charsets: those of its tables.
        counts: rows of the tables that are counted here, so that the load can be compared with them.
        schema_line: where ``schema_migrations`` is filled.
        bytes: of its text, not compressed.
    """

    program: str = ""
    charset: str = ""
    charsets: set[str] = field(default_factory=set)
    columns: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    migrations: list[str] = field(default_factory=list)
    schema_line: int = 0
    records: list[Record] = field(default_factory=list)
    lines: int = 0
    bytes: int = 0

    @property
    def tables(self) -> list[str]:
        """Names of its tables."""
        return list(self.columns)

    @property
    def schema(self) -> str:
        """The newest migration; '' for none."""
        return max(self.migrations, default="")


def read(path: Path, say: Callable[[str], None] = lambda _: None) -> Dump:
    """Return what the dump ``path`` holds, gzip or not.

    Raises:
        DumpError: it is none that can be loaded; with each kind of problem, its line and its fix.
    """
    try:
        with _opened(path) as file:
            return _Reader(path, say).read(file)
    except EOFError as error:
        raise DumpError(path, [_truncated(0, f"gzip says: {error}")]) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DumpError(path, [_damaged(error)]) from error
    except OSError as error:
        raise DumpError(path, [Problem(0, f"must be a file that can be read: {error.strerror}", "name the dump: --dump FILE")]) from error


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DumpError(path, [Problem(0, "must be a file: a pipe cannot be read twice", "write the dump to a file first")])
    with path.open("rb") as start:
        packed = start.read(len(GZIP)) == GZIP
    file = gzip.GzipFile(path, "rb") if packed else io.BufferedReader(path.open("rb", buffering=0), BUFFER)
    if problem := _not_as_written(file.peek(LOOKED_AT)[:LOOKED_AT], packed=packed):
        file.close()
        raise DumpError(path, [problem])
    return file


def _not_as_written(start: bytes, *, packed: bool) -> Problem | None:
    """Return what another program made of a dump, by how its text begins."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            rule = f"must be as the program wrote it, and begins with {name}, as PowerShell's > and editors add it"
            return Problem(1, rule, "dump again with --result-file=FILE, which no shell rewrites")
    if packed and start.startswith(GZIP):
        return Problem(0, "must be compressed once, and is compressed twice", "unpack it once: gzip -dc OLD > NEW.sql.gz")
    for magic, name in OTHER_FORMATS.items():
        if start.startswith(magic):
            return Problem(0, f"must be SQL, compressed by gzip or not, and is of {name}", "unpack it, or dump again")
    if start[TAR_MARK] == b"ustar":
        return Problem(0, "must be SQL, compressed by gzip or not, and is of tar", "unpack it with tar -xf, and name the dump in it")
    for ends, (shown, convert) in LINE_ENDS.items():
        if ends in start and not (ends == b"\r" and b"\n" in start):
            rule = f"must have the line ends that the program wrote, and its lines end with {shown}, as a copy in text mode makes them"
            return Problem(1, rule, f"{convert}; or dump again with --result-file=FILE, and copy it in binary mode")
    return None


def _damaged(error: Exception) -> Problem:
    if "Not a gzipped file" in str(error):  # its start is one
        fix = "unpack it, which leaves them out: gzip -dc OLD.gz > NEW.sql; then --dump NEW.sql"
        return Problem(0, "must be gzip to its end, and other bytes follow the end of the compressed dump", fix)
    return Problem(0, f"must be the file that gzip wrote: it is damaged ({error})", "copy it again, in binary mode, or dump again")


def _truncated(line: int, why: str) -> Problem:
    fix = "dump again, without --compact and --skip-comments; look at the free disk and at the exit code"
    return Problem(line, f"must end with '{END.decode()}': the dump is truncated ({why})", fix)


def _message(number: int, line: bytes) -> Problem:
    rule = f"must not have messages, and has '{line[:SHOWN].decode(errors='replace').strip()}'"
    return Problem(number, rule, "correct what it says, and dump again without 2>&1; with docker exec without -t")


class _Reader:
    """One pass over a dump."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._dump = Dump()
        self._problems: dict[str, Problem] = {}
        self._table = ""
        self._insert: tuple[str, list[str]] | None = None
        self._whole = False
        self._unreadable = 0
        self._open = False
        self._body = False
        self._before: tuple[int, bytes] | None = None  # a message of docker or kubectl, for one

    def read(self, file: IO[bytes] | gzip.GzipFile) -> Dump:
        dump = self._dump
        number = 0
        for number, line in enumerate(file, 1):
            dump.bytes += len(line)
            if not line.isascii() and line.endswith(b"\n"):
                self._judge_text(number, line)
            self._take(number, line)
            if len(self._problems) >= MOST_PROBLEMS:
                break
            if number % SHOWN_EVERY == 0:
                self._say(f"{dump.bytes >> 20} MiB, line {number}")
        dump.lines = number
        if not dump.program:
            self._refuse("program", self._another_program(dump.bytes))
        elif not self._whole and not self._problems:
            self._problems["end"] = _truncated(number, "its last line is another")
        dump.charset = dump.charset or ("latin1" if self._unreadable else "utf8mb4")
        if self._problems:
            raise DumpError(self._path, list(self._problems.values()))
        return dump

    @staticmethod
    def _another_program(read: int) -> Problem:
        rule = "must be written by mariadb-dump or mysqldump"
        if not read:
            return Problem(0, f"{rule}, and is empty", "dump again; look at what the program said, at its exit code and at the free disk")
        return Problem(1, rule, "dump again with one of them, without --compact, --skip-comments, --tab and --xml")

    def _refuse(self, kind: str, problem: Problem) -> None:
        self._problems.setdefault(kind, problem)

    def _take(self, number: int, line: bytes) -> None:
        if self._open or self._body or line.startswith(DELIMITER):
            self._skip(number, line)
        elif self._insert is not None:
            self._rows(number, line)
        elif self._table:
            self._definition(number, line)
        elif found := INSERT.match(line):
            table = found[1].decode()
            names = [name.strip(" `") for name in found[2].decode().split(",")] if found[2] else self._dump.columns.get(table, [])
            self._insert = (table, names)
            self._after_end(number)
            self._rows(number, line[found.end() :])
        elif found := CREATE.match(line):
            self._table = found[1].decode()
            self._dump.columns[self._table] = []
            self._after_end(number)
        elif HARMLESS.match(line):
            self._comment(line)
        elif MESSAGE.match(line):
            self._refuse("message", _message(number, line))
        elif not self._dump.program:
            self._before = self._before or (number, line)
        else:
            self._after_end(number)
            if self._whole or line.endswith(b"\n"):  # else it is cut off, as the missing end shows
                self._refuse(*refused_statement(number, line))
            self._open = not line.rstrip().endswith(b";")

    def _skip(self, number: int, line: bytes) -> None:
        """Pass the rest of a refused statement, and the bodies of triggers and routines, which have statements of their own."""
        if self._open:
            self._open = not line.rstrip().endswith(b";")
        elif line.startswith(DELIMITER):
            self._body = line.split()[1:] != [b";"]
            if not self._body and not self._problems:
                self._refuse(*refused_statement(number, line))
        else:
            kind, problem = refused_statement(number, line)
            if kind != OTHER:
                self._refuse(kind, problem)

    def _after_end(self, number: int) -> None:
        if self._whole:
            self._refuse("joined", Problem(number, "must be one dump, and statements follow its end", "dump Portus' database alone"))

    def _comment(self, line: bytes) -> None:
        dump = self._dump
        if not dump.program and HEADER.match(line):
            dump.program = line[3:].decode(errors="replace").strip()
            if self._before:
                self._refuse("message", _message(*self._before))
        elif line.startswith(END):
            self._whole = True
        elif not dump.charset and (found := NAMES.search(line)):
            dump.charset = found[1].decode().lower()

    def _definition(self, number: int, line: bytes) -> None:
        if found := NEW_COLLATION.search(line):
            fix = "replace it: sed -E 's/utf8mb4_0900_[a-z_]+/utf8mb4_unicode_ci/g' OLD.sql > NEW.sql"
            self._refuse("collation", Problem(number, f"must not use {found[0].decode()}, which MySQL 8 alone has", fix))
        if found := COLUMN.match(line):
            self._dump.columns[self._table].append(found[1].decode())
        self._dump.charsets.update(each.decode().lower() for each in CHARSET.findall(line))
        if line.rstrip().endswith(b";"):
            self._table = ""

    def _rows(self, number: int, line: bytes) -> None:
        assert self._insert is not None
        table, names = self._insert
        if table in COUNTED:
            self._dump.counts[table] += sum(1 for _ in ROW.finditer(line))
        elif table in PARSED:
            self._parse(number, table, names, line)
        if line.endswith((b";\n", b";\r\n", b";")):
            self._insert = None

    def _parse(self, number: int, table: str, names: list[str], line: bytes) -> None:
        for row in values(line, names):
            if table == "schema_migrations":
                self._dump.migrations.append(row.get("version", ""))
                self._dump.schema_line = self._dump.schema_line or number
            else:
                self._dump.records.append(Record(hostname=row.get("hostname", ""), external_hostname=row.get("external_hostname", "")))

    def _judge_text(self, number: int, line: bytes) -> None:
        charset = self._dump.charset
        codec = CODECS.get(charset, "utf-8")
        if charset and charset not in CODECS:
            rule = f"must be text of utf8 or latin1, and says SET NAMES {charset}"
            self._refuse("charset", Problem(number, rule, "dump again with --default-character-set=utf8"))
            return
        if codec != "utf-8":
            return
        try:
            line.decode()
        except UnicodeDecodeError as error:
            self._unreadable = self._unreadable or number
            if charset:
                rule = f"must be {charset}, as it says itself, and has the byte 0x{line[error.start]:02x}"
                self._refuse("charset", Problem(number, rule, "dump again with --default-character-set=utf8; no editor may save it"))
            return
        if FOUR_BYTES.search(line):
            rule = "must have no characters of 4 bytes, such as emoji: Portus' database is utf8"
            self._refuse("emoji", Problem(number, rule, "remove them on the old Portus' pages, and dump again"))


def values(line: bytes, names: list[str]) -> Iterator[Mapping[str, str]]:
    """Give the rows of an INSERT's text; NULL is ''."""
    for row in ROW.findall(line):
        given = []
        for text, bare in VALUE.findall(row[1:-1]):
            plain = ESCAPED.sub(lambda found: found[1] or b"'", text)
            given.append("" if bare.upper() == b"NULL" else (plain or bare).decode(errors="replace"))
        yield dict(zip(names, given, strict=False))
