"""What a dump holds is read without a server, and what cannot be loaded is refused with its line and its fix."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from lab.images.servers import Database, fresh_mariadb
from ops.imports.command import judge, version_of
from ops.imports.dump import DumpError, Record, read
from tests.ops.export.test_records import VERSIONS, filled
from tests.ops.imports.stage import dumped, migrated

pytestmark = pytest.mark.images


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as database:
        yield database


@pytest.fixture(scope="module")
def plain(server: Database, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good dump of 2.4, to be spoiled."""
    with filled(server, "2.4") as rows:
        migrated(rows, "2.4")
        return dumped(server, tmp_path_factory.mktemp("dump") / "portus.sql").read_bytes()


def _refused(path: Path, content: bytes, target: str = "2.4") -> DumpError:
    path.write_bytes(content)
    with pytest.raises(DumpError, match="nothing was touched") as refused:
        judge(path, read(path), target)
    assert "fix: " in refused.value.excerpt
    return refused.value


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", [(), ("--skip-extended-insert",), ("--complete-insert",), ("--skip-add-locks", "--hex-blob")], ids=str)
def test_tables_counts_schema_and_record_are_those_of_the_database(
    server: Database, tmp_path: Path, version: str, options: tuple[str, ...]
) -> None:
    with filled(server, version) as rows:
        migrated(rows, version)
        rows(r"UPDATE users SET email = 'o\'b(r)ien\\, \n); INSERT INTO `users` VALUES (1)' WHERE username = 'dave'; COMMIT")
        found = read(dumped(server, tmp_path / "portus.sql", *options))
        assert sorted(found.tables) == sorted(row[0] for row in rows("SHOW TABLES"))
        assert found.counts == {table: rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in ("users", "tags")}  # noqa: S608
    assert found.schema == NEWEST_MIGRATIONS[PortusVersion(version)]
    external = "" if version == "2.0" else "pull.example.com"
    assert found.records == [Record(hostname="registry.example.com", external_hostname=external)]
    assert found.charset == "utf8mb4"
    assert judge(tmp_path / "portus.sql", found, version) in {version, "2.1"}


def test_gzip_is_read_likewise(plain: bytes, tmp_path: Path) -> None:
    path, packed = tmp_path / "a.sql", tmp_path / "a.sql.gz"
    path.write_bytes(plain)
    packed.write_bytes(gzip.compress(plain))
    assert read(packed) == read(path)


def test_a_latin1_dump_is_distinguished_from_utf8(server: Database, tmp_path: Path) -> None:
    with filled(server, "2.4"):
        stated = read(dumped(server, tmp_path / "a.sql", "--default-character-set=latin1"))
        silent = read(dumped(server, tmp_path / "b.sql", "--default-character-set=latin1", "--skip-set-charset"))
    assert (stated.charset, silent.charset) == ("latin1", "latin1")
    assert b"Gr\xfc\xdfe" in (tmp_path / "b.sql").read_bytes()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_truncated_dump_is_refused(plain: bytes, tmp_path: Path, share: float, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(plain)
    cut = packed[: min(int(len(packed) * share), len(packed) - 60)]
    assert "truncated" in _refused(tmp_path / "a.sql", cut).excerpt


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "must be written by mariadb-dump or mysqldump"),
        (b"-- PostgreSQL database dump\n", "must be written by mariadb-dump or mysqldump"),
        (b"PGDMP\x01\x0e\x00", "is of pg_dump"),
        (b"PK\x03\x04abcdefg", "is of zip"),
        (b"\xfd7zXZ\x00\x00abc", "is of xz"),
    ],
)
def test_what_another_program_wrote_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in _refused(tmp_path / "a.sql", content).excerpt


def test_another_applications_database_is_refused(server: Database, tmp_path: Path) -> None:
    with filled(server, "2.4") as rows:
        rows("SET foreign_key_checks = 0; DROP TABLE namespaces; DROP TABLE repositories; SET foreign_key_checks = 1")
        content = dumped(server, tmp_path / "a.sql").read_bytes()
    assert "lacks the tables namespaces, repositories" in _refused(tmp_path / "b.sql", content).excerpt


@pytest.mark.parametrize(
    ("statement", "told", "options"),
    [
        (
            "CREATE TRIGGER t BEFORE INSERT ON tags FOR EACH ROW BEGIN SET NEW.name = 'x'; SET @a = 1; END",
            ("triggers", "--skip-triggers"),
            (),
        ),
        ("CREATE VIEW admins AS SELECT username FROM users", ("views", "--ignore-table"), ()),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM tags", ("events", "without --events"), ("--events",)),
        ("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", ("routines", "without --routines"), ("--routines",)),
        ("SELECT 1", ("the choice of a database", "without --databases"), ("--databases",)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_portus_does_not_have_is_refused_with_its_line(
    server: Database, tmp_path: Path, statement: str, told: tuple[str, str], options: tuple[str, ...]
) -> None:
    with filled(server, "2.4") as rows:
        rows(statement)
        content = dumped(server, tmp_path / "a.sql", *options).read_bytes()
    refused = _refused(tmp_path / "b.sql", content)
    (problem, *more) = refused.problems
    assert more == []
    assert (told[0] in problem.rule, told[1] in problem.fix) == (True, True)
    line = content.splitlines()[problem.line - 1].decode()
    assert re.search(r"TRIGGER|VIEW|EVENT|PROCEDURE|CREATE DATABASE", line), line


def _after(plain: bytes, marker: bytes, text: bytes) -> bytes:
    assert marker in plain
    return plain.replace(marker, marker + text, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"SET @@GLOBAL.GTID_PURGED='x';\n", "--set-gtid-purged=OFF"),
        (b"CHANGE MASTER TO MASTER_LOG_FILE='x', MASTER_LOG_POS=1;\n", "--master-data"),
        (b"/*!50606 SET GLOBAL INNODB_STATS_AUTO_RECALC=@OLD_INNODB_STATS_AUTO_RECALC */;\n", "settings of the whole server"),
        (b"GRANT ALL ON *.* TO 'x'@'%' IDENTIFIED BY 'a-password';\n", "has 'GRANT ALL ON *.* TO'"),
        (b"\\! touch /tmp/owned\n", "has '\\! touch /tmp/owned'"),
        (b"source /etc/passwd\n", "has 'source /etc/passwd'"),
    ],
    ids=["gtid", "replica", "global", "grant", "shell", "source"],
)
def test_any_other_statement_is_refused_and_its_values_are_not_shown(plain: bytes, tmp_path: Path, text: bytes, told: str) -> None:
    refused = _refused(tmp_path / "a.sql", _after(plain, b"UNLOCK TABLES;\n", text))
    assert told in refused.excerpt
    assert "a-password" not in refused.excerpt


@pytest.mark.parametrize("said", [b"the input device is not a TTY\n", b"Defaulted container store out of: store, exporter\n\n"])
def test_what_another_program_said_before_the_dump_is_shown(plain: bytes, tmp_path: Path, said: bytes) -> None:
    (problem,) = _refused(tmp_path / "a.sql", said + plain).problems
    assert problem.line == 1
    assert said.splitlines()[0].decode() in problem.rule
    assert "without 2>&1" in problem.fix


def test_names_in_double_quotes_are_refused_with_the_option_that_makes_them(plain: bytes, tmp_path: Path) -> None:
    content = re.sub(rb"^CREATE TABLE `(\w+)`", rb'CREATE TABLE "\1"', plain, flags=re.MULTILINE)
    assert "without --compatible" in _refused(tmp_path / "a.sql", content).problems[0].fix


OF_MYSQL = (
    (rb"^/\*M!999999.*\n", b""),
    (rb"^-- MariaDB dump .*", b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)"),
    (rb"^/\*!40101 SET NAMES \w+ \*/;", b"/*!50503 SET NAMES utf8mb4 */;"),
    (rb"^/\*!40101 SET character_set_client = \w+ \*/;", b" SET character_set_client = utf8mb4 ;"),
    (rb"^(?:/\*M!100616 .*|/\*!40101 SET @saved_cs_client.*)\n", b"SET @saved_cs_client     = @@character_set_client;\n"),
    (rb" VALUES\n", b" VALUES "),
    (rb"\),\n\(", b"),("),
    (rb"\) ENGINE=.*;", b") ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_unicode_ci;"),
)
"""Where mysqldump 8.0 writes other words: settings with a space before them, and all rows of an INSERT on its line."""


def test_a_dump_of_mysqldump_is_read_as_well(plain: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(plain)
    content = plain
    for pattern, text in OF_MYSQL:
        content = re.sub(pattern, text, content, flags=re.MULTILINE)
    (tmp_path / "b.sql").write_bytes(content)
    ours, theirs = read(tmp_path / "a.sql"), read(tmp_path / "b.sql")
    assert theirs.program.startswith("MySQL dump 10.13")
    assert (theirs.counts, theirs.records, theirs.schema, theirs.tables) == (ours.counts, ours.records, ours.schema, ours.tables)


def test_lines_that_end_as_on_windows_are_read_as_well(plain: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(plain)
    (tmp_path / "b.sql").write_bytes(plain.replace(b"\n", b"\r\n"))
    ours, theirs = read(tmp_path / "a.sql"), read(tmp_path / "b.sql")
    assert (theirs.counts, theirs.records, theirs.schema) == (ours.counts, ours.records, ours.schema)


def test_two_dumps_in_one_file_are_refused(plain: bytes, tmp_path: Path) -> None:
    assert "statements follow its end" in _refused(tmp_path / "a.sql", plain + plain).excerpt


def test_a_collation_of_mysql_8_is_refused_with_the_command_that_replaces_it(plain: bytes, tmp_path: Path) -> None:
    refused = _refused(tmp_path / "a.sql", re.sub(rb"COLLATE=\w+", b"COLLATE=utf8mb4_0900_ai_ci", plain))
    assert "utf8mb4_0900_ai_ci" in refused.excerpt
    assert "sed -E" in refused.excerpt
    assert plain.splitlines()[refused.problems[0].line - 1].startswith(b") ENGINE")


def test_text_that_is_not_of_its_character_set_is_refused(plain: bytes, tmp_path: Path) -> None:
    refused = _refused(tmp_path / "a.sql", plain.replace("Grüße".encode(), "Grüße".encode("latin1")))
    assert "has the byte 0xfc" in refused.excerpt
    assert "4 bytes" in _refused(tmp_path / "b.sql", plain.replace("Grüße".encode(), "\U0001f433".encode())).excerpt


def test_a_schema_newer_than_the_stacks_portus_is_refused_with_the_version_that_reads_it(
    server: Database, plain: bytes, tmp_path: Path
) -> None:
    assert "set portus:portus.version to 2.4" in _refused(tmp_path / "a.sql", plain, "2.2").excerpt
    with filled(server, "2.5") as rows:
        rows("INSERT INTO schema_migrations VALUES ('20991231000000'); COMMIT")
        content = dumped(server, tmp_path / "b.sql").read_bytes()
    refused = _refused(tmp_path / "c.sql", content, "2.5")
    assert "no Portus up to 2.5 reads it" in refused.excerpt
    assert (
        b"INTO `schema_migrations`"
        in content.splitlines()[refused.problems[0].line - 1] + content.splitlines()[refused.problems[0].line - 2]
    )


def test_a_dump_without_rows_is_refused(server: Database, tmp_path: Path) -> None:
    with filled(server, "2.4"):
        content = dumped(server, tmp_path / "a.sql", "--no-data").read_bytes()
    assert "schema_migrations is empty" in _refused(tmp_path / "b.sql", content).excerpt


def test_the_oldest_version_that_reads_a_schema() -> None:
    assert [version_of(newest) for newest in NEWEST_MIGRATIONS.values()] == ["2.0", "2.1", "2.1", "2.3", "2.4", "2.5"]
    assert version_of("20170101000000") == "2.3"
