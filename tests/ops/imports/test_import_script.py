"""The first step of an import, run in MariaDB's image, then the two steps of every backup, then its restore."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.images.rootfs import Bind, started
from lab.images.servers import Database, fresh_mariadb
from ops.imports.dump import read
from ops.imports.load import RECEIVE, SCRIPT
from tests.components.backup.stage import SECONDS, Stage
from tests.components.backup.test_backups import KNOWN
from tests.ops.export.test_records import VERSIONS, filled
from tests.ops.imports.stage import dumped, migrated

pytestmark = pytest.mark.images
REFUSED = 65
POD = "import"
REGISTRY = "registry.example.com:8443"


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as database:
        yield database


@pytest.fixture
def stage(server: Database, tmp_path: Path) -> Stage:
    claim = tmp_path / "claim"
    claim.mkdir()
    claim.chmod(0o777)
    return Stage(server, claim)


def imported(stage: Stage, dump: Path, *, cut: int = 0, **environment: str) -> tuple[int, str]:
    """Run the first step as its Pod does, and send it ``dump`` less the last ``cut`` bytes; return its code and what it said."""
    found = read(dump)
    size = dump.stat().st_size
    sent = {
        "HOSTNAME": POD,
        "SIZE": str(size),
        "SHA256": hashlib.sha256(dump.read_bytes()).hexdigest(),
        "CHARSET": found.charset,
        "EXPECTED": " ".join(f"{table}={rows}" for table, rows in found.counts.items()),
        "REGISTRY": REGISTRY,
        **environment,
    }
    dump.chmod(0o644)
    container = stage.container(sent, Bind(source=dump, target="/run/sent", read_only=True))
    with tempfile.TemporaryFile("w+") as output:
        with started(container, ["/bin/bash", "-c", SCRIPT.read_text()], output=output) as running:
            name = stage.claim / ".unfinished" / POD / "name"
            end = time.monotonic() + SECONDS
            while not name.exists() and running.process.poll() is None:
                assert time.monotonic() < end
            receive = ["/bin/bash", "-c", f"exec < /run/sent; {RECEIVE}", "receive", str(size - cut)]
            assert running.exec(receive, environment={"HOSTNAME": POD}).returncode == 0
            code = running.process.wait(SECONDS)
        output.seek(0)
        return code, output.read()


def _published(stage: Stage) -> str:
    for script in ("verify", "publish"):
        code, said = stage.step(script, pod=POD, KEEP="all", MIGRATIONS=KNOWN)
        assert code == 0, said
    return str(json.loads(said.splitlines()[-1])["name"])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_dump_becomes_a_backup_that_restores(server: Database, stage: Stage, tmp_path: Path, version: str) -> None:
    with filled(server, version) as rows:
        migrated(rows, version)
        counts = {row[0]: rows(f"SELECT COUNT(*) FROM {row[0]}")[0][0] for row in rows("SHOW TABLES")}  # noqa: S608 - of the schema
        plain = dumped(server, tmp_path / "portus.sql")
    packed = tmp_path / "portus.sql.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    code, said = imported(stage, packed if version in {"2.0", "2.4"} else plain)
    assert code == 0, said
    name = _published(stage)
    manifest = stage.manifest(name)
    assert manifest["tables"] == counts
    assert manifest["portus"] == ("2.1" if version == "2.2" else version)
    assert {each.name for each in (stage.claim / name).iterdir()} == {"portus.sql.gz", "tables.tsv", "SHA256SUMS", "manifest.json"}
    stage.renew()
    code, said = stage.step("restore", name)
    assert code == 0, said
    assert stage.sql("SELECT description FROM namespaces WHERE name = 'alice'") == [("Grüße",)]
    assert dict(stage.sql("SELECT username, encrypted_password FROM users"))["alice"] == "the-hash-of-alice"
    names = "hostname" if version == "2.0" else "hostname, external_hostname"
    assert stage.sql(f"SELECT use_ssl, {names} FROM registries") == [(1, *[REGISTRY] * len(names.split(", ")))]  # noqa: S608 - of this test


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4"])
def test_tables_of_another_character_set_are_converted(server: Database, stage: Stage, tmp_path: Path, charset: str) -> None:
    with filled(server, "2.4") as rows:
        migrated(rows, "2.4")
        rows(f"SET foreign_key_checks = 0; ALTER TABLE namespaces CONVERT TO CHARACTER SET {charset}")
        options = ("--default-character-set=latin1", "--skip-set-charset") if charset == "latin1" else ()
        dump = dumped(server, tmp_path / "portus.sql", *options)
    code, said = imported(stage, dump)
    assert code == 0, said
    assert "converting table namespaces to utf8" in said
    name = _published(stage)
    stage.renew()
    assert stage.step("restore", name)[0] == 0
    assert stage.sql("SELECT description FROM namespaces WHERE name = 'alice'") == [("Grüße",)]
    (collation,) = stage.sql("SELECT DISTINCT table_collation FROM information_schema.tables WHERE table_name = 'namespaces'")[0]
    assert collation == "utf8mb3_unicode_ci"


def test_a_dump_that_does_not_arrive_whole_becomes_nothing(server: Database, stage: Stage, tmp_path: Path) -> None:
    with filled(server, "2.4") as rows:
        migrated(rows, "2.4")
        dump = dumped(server, tmp_path / "portus.sql")
    code, said = imported(stage, dump, cut=100, PATIENCE="2")
    assert (code, "stopped arriving" in said) == (REFUSED, True), said
    code, said = imported(stage, dump, SHA256="0" * 64)
    assert (code, "is not what was sent" in said) == (REFUSED, True), said
    assert list((stage.claim / ".unfinished").iterdir()) == []
    assert stage.names() == []


def test_a_load_that_lacks_rows_or_fails_becomes_nothing(server: Database, stage: Stage, tmp_path: Path) -> None:
    with filled(server, "2.4") as rows:
        migrated(rows, "2.4")
        dump = dumped(server, tmp_path / "portus.sql")
    code, said = imported(stage, dump, EXPECTED="users=99 tags=2")
    assert (code, "does not have users=99" in said) == (REFUSED, True), said
    dump.write_bytes(dump.read_bytes().replace(b"INSERT INTO `tags` VALUES", b"INSERT INTO `tags` VALUES (NULL,NULL,1),", 1))
    code, said = imported(stage, dump)
    assert (code, "MariaDB refuses the dump" in said) == (REFUSED, True), said
    assert stage.names() == []
