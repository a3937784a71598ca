"""The CronJobs of backup and restore, as the program registers them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from lab.images.servers import Database, fresh_mariadb
from tests.components.backup.stage import READER, READERS_PASSWORD, STATE, TABLES, Stage, staged
from tests.components.rendered import program, volume
from tests.recorder import Program, Registered

EXTERNAL = {"kind": "external", "host": "db.example.com", "user": "portus", "password": {"secret": "db", "key": "p"}}


@pytest.fixture(scope="module")
def stack() -> Program:
    return program(backup={"schedule": "5 4 * * *", "timeZone": "Europe/Berlin", "keep": 3, "scratchSize": "3Gi"})


@pytest.fixture(scope="module")
def backup(stack: Program) -> Registered:
    return stack.one("CronJob", "backup-schedule")


@pytest.fixture(scope="module")
def restore(stack: Program) -> Registered:
    return stack.one("CronJob", "backup-restore")


def _mounts(container: dict[str, Any]) -> set[str]:
    return {mount["name"] for mount in container["volumeMounts"]}


def _env(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def test_it_runs_as_the_stack_file_says_and_never_twice_at_once(backup: Registered) -> None:
    spec = backup.spec
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("5 4 * * *", "Europe/Berlin", "Forbid")
    assert spec["startingDeadlineSeconds"] > 0
    job = spec["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] == 3600
    assert "ttlSecondsAfterFinished" not in job
    assert job["podFailurePolicy"]["rules"] == [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [65]}}]
    assert backup.pod["restartPolicy"] == "Never"


def test_it_dumps_then_verifies_then_publishes(backup: Registered) -> None:
    assert [container["name"] for container in backup.containers] == ["dump", "verify", "publish"]
    assert [container["command"] for container in backup.containers] == [
        ["/bin/bash", f"/scripts/{step}.sh"] for step in ("dump", "verify", "publish")
    ]
    environment = _env(backup.pod["containers"][0])
    migrations = environment.pop("MIGRATIONS").split()
    assert environment == {"KEEP": "3", "PORTUS_VERSION": "2.5", "DATABASE": "portus_production"}
    assert migrations == sorted(migrations), "the scripts take the first that fits"
    assert migrations[-1].startswith("2.5=")


def test_each_version_of_portus_is_preceded_by_a_backup_of_its_own(stack: Program, backup: Registered) -> None:
    job = stack.one("Job", "backup-before-2.5")
    assert [container["command"] for container in job.containers] == [container["command"] for container in backup.containers]
    assert all({"name": "EMPTY", "value": "skip"} in container["env"] for container in job.containers)
    older = program(portus={"version": "2.4"}, backup={})
    assert [each.name for each in older.all("Job") if each.name.startswith("backup")] == ["backup-before-2.4"]
    without = program(backup={"beforeUpgrade": False})
    assert not [each.name for each in without.all("Job") if each.name.startswith("backup")]


def test_only_the_dump_knows_a_password_of_an_account_that_reads(stack: Program, backup: Registered) -> None:
    assert [container["name"] for container in backup.containers if "password" in _mounts(container)] == ["dump"]
    (source,) = volume(backup, "password")["projected"]["sources"]
    assert source["secret"]["items"] == [{"key": "reader", "path": "password"}]
    assert _env(backup.containers[0])["ACCOUNT"] == "portus_backup"
    assert set(stack.one("Secret", "backup-accounts").inputs["data"]) == {"owner", "reader"}


def test_the_throw_away_server_has_an_empty_volume_of_its_own(backup: Registered) -> None:
    assert [container["name"] for container in backup.containers if "scratch" in _mounts(container)] == ["verify"]
    assert volume(backup, "scratch")["emptyDir"] == {"sizeLimit": "3Gi"}
    assert backup.containers[1]["resources"]["limits"]["ephemeral-storage"] == "3Gi"


def test_a_restore_never_starts_by_itself_and_owns_the_database(restore: Registered) -> None:
    assert restore.spec["suspend"] is True
    assert _env(restore.containers[0])["ACCOUNT"] == "portus"
    (source,) = volume(restore, "password")["projected"]["sources"]
    assert source["secret"]["items"] == [{"key": "owner", "path": "password"}]
    assert "activeDeadlineSeconds" not in restore.spec["jobTemplate"]["spec"]  # a load that is killed half-way helps nobody


def test_backup_and_restore_see_the_same_claim(stack: Program, backup: Registered, restore: Registered) -> None:
    made = stack.one("PersistentVolumeClaim", "backup-claim")
    assert made.inputs["metadata"]["name"] == "portus-backups"
    assert made.inputs["spec"]["resources"] == {"requests": {"storage": "5Gi"}}
    assert made.protect
    assert made.retained
    for job in (backup, restore):
        assert volume(job, "backups")["persistentVolumeClaim"] == {"claimName": "portus-backups"}


def test_an_existing_claim_takes_the_place_of_the_stacks_own() -> None:
    made = program(backup={"existingClaim": "dumps"})
    assert not [r for r in made.all("PersistentVolumeClaim") if r.name == "backup-claim"]
    assert volume(made.one("CronJob", "backup-schedule"), "backups")["persistentVolumeClaim"] == {"claimName": "dumps"}


def test_an_external_database_is_read_by_the_account_of_this_stack() -> None:
    made = program(database=EXTERNAL)
    for role in ("schedule", "restore"):
        job = made.one("CronJob", f"backup-{role}")
        assert _env(job.containers[0])["ACCOUNT"] == "portus"
        assert _env(job.containers[0])["HOST"] == "db.example.com"
        (source,) = volume(job, "password")["projected"]["sources"]
        assert source["secret"] == {"name": "db", "items": [{"key": "p", "path": "password"}]}
    assert not [secret for secret in made.all("Secret") if secret.name == "backup-accounts"]


def test_without_backups_nothing_is_made() -> None:
    made = program(backup={"enabled": False})
    assert made.all("CronJob") == []
    assert not [r.name for r in made.resources if r.name.startswith("backup")]


# The steps of a backup and a restore, run in MariaDB's image against a real server.


REFUSED, BUSY = 65, 75
KNOWN = " ".join(f"{release.value}={migration}" for release, migration in NEWEST_MIGRATIONS.items())
"""What the scripts are told of the versions."""


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as running:
        yield running


@pytest.fixture(scope="module")
def made(server: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of ``STATE``, for the tests that only need one."""
    with staged(server, tmp_path_factory.mktemp("backup")) as stage:
        return stage.claim / stage.backup()


@pytest.fixture
def stage(server: Database, tmp_path: Path) -> Iterator[Stage]:
    with staged(server, tmp_path) as made:
        yield made


def _destroy(stage: Stage) -> None:
    stage.sql("DROP TABLE teams", "DELETE FROM users", "CREATE TABLE newer (id INT)", "ALTER TABLE `groups` ADD COLUMN more INT")


def _is_as_before(stage: Stage) -> bool:
    tables = {row[0] for row in stage.sql("SHOW FULL TABLES") if row[1] == "BASE TABLE"}
    users = stage.sql("SELECT username, avatar FROM users ORDER BY id")
    return (
        tables == set(TABLES)
        and users == [("admin", b"\x00\xff\n'"), ("jürgen", None), ("o'brien\n", b"")]
        and stage.sql("SELECT * FROM teams ORDER BY id") == [(1, 1), (2, 3)]
        and stage.sql("SELECT * FROM admins") == [("admin",)]
    )


@pytest.mark.images
class TestBackup:
    def test_a_backup_is_complete_under_its_name_with_checksums_and_a_manifest(self, stage: Stage) -> None:
        name = stage.backup()
        folder = stage.claim / name
        assert {path.name for path in folder.iterdir()} == {"portus.sql.gz", "tables.tsv", "SHA256SUMS", "manifest.json"}
        manifest = stage.manifest(name)
        assert manifest["tables"] == TABLES
        assert (manifest["portus"], manifest["schema"], manifest["database"]) == ("2.5", "20190101000000", "portus")
        assert manifest["bytes"] == (folder / "portus.sql.gz").stat().st_size
        assert manifest["sha256"] in (folder / "SHA256SUMS").read_text()
        assert folder.stat().st_mode & 0o077 == 0
        assert [path.name for path in (stage.claim / ".unfinished").iterdir()] == []

    def test_a_backup_has_only_the_applications_database(self, stage: Stage) -> None:
        text = gzip.decompress((stage.claim / stage.backup() / "portus.sql.gz").read_bytes()).decode()
        assert set(re.findall(r"CREATE TABLE `(\w+)`", text)) >= set(TABLES)
        assert "global_priv" not in text
        assert not re.search(r"CREATE DATABASE|^USE ", text, re.MULTILINE)

    def test_a_backup_is_made_by_an_account_that_cannot_write(self, stage: Stage) -> None:
        for statement in ("DELETE FROM users", "DROP TABLE teams", "INSERT INTO `groups` VALUES (1)", "CREATE TABLE t (i INT)"):
            with pytest.raises(pymysql.err.OperationalError, match="command denied"):
                stage.sql(statement, user=READER, password=READERS_PASSWORD)

    def test_backup_and_restore_need_no_more_rights_than_portus(self, stage: Stage) -> None:
        """Somebody else's server knows the stack by one account, which need not hold more than the preflight asks for."""
        owner = ("owner", "owners-password")
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES"
        stage.sql(f"CREATE OR REPLACE USER owner IDENTIFIED BY '{owner[1]}'", f"GRANT {rights} ON {stage.server.database}.* TO owner")
        stage.sql("DROP VIEW admins")  # Portus has none
        for script in ("dump", "verify", "publish"):
            code, said = stage.step(script, account=owner)
            assert code == 0, said
        _destroy(stage)
        code, said = stage.step("restore", *stage.names(), account=owner)
        assert code == 0, said

    def test_a_truncated_dump_is_no_backup(self, stage: Stage) -> None:
        assert stage.step("dump")[0] == 0
        dump = stage.claim / ".unfinished" / "pod" / "portus.sql.gz"
        dump.write_bytes(dump.read_bytes()[:-40])
        code, said = stage.step("verify")
        assert (code, "has no end" in said) == (1, True)
        assert stage.step("publish")[0] != 0
        assert stage.names() == []
        assert not dump.exists()

    @pytest.mark.parametrize(
        ("lost", "problem"),
        [
            (r"INSERT INTO `teams`[^;]*;", "table teams has 0 rows in the dump, 2 to 2 in the database"),
            (r"CREATE TABLE `groups`[^;]*;", "does not hold the tables"),
            (r"'20190101000000'", "another version of the schema"),
        ],
    )
    def test_a_dump_that_lacks_something_is_no_backup_even_with_its_end(self, stage: Stage, lost: str, problem: str) -> None:
        assert stage.step("dump")[0] == 0
        dump = stage.claim / ".unfinished" / "pod" / "portus.sql.gz"
        text = gzip.decompress(dump.read_bytes()).decode()
        changed = re.sub(lost, "'20200101000000'" if lost.startswith("'") else "", text)
        if "groups" in lost:
            changed = re.sub(r"(LOCK TABLES|ALTER TABLE|/\*!\d+ ALTER TABLE) `groups`[^;]*;", "", changed)
        assert changed != text
        dump.write_bytes(gzip.compress(changed.encode()))
        code, said = stage.step("verify")
        assert code == 1
        assert problem in said
        assert stage.names() == []

    def test_a_database_without_set_up_gets_no_backup_unless_requested(self, stage: Stage) -> None:
        stage.sql("DELETE FROM schema_migrations")
        code, said = stage.step("dump")
        assert code == REFUSED
        assert "nothing to back up" in said
        stage.sql("DROP TABLE teams, users, `groups`, schema_migrations", "DROP VIEW admins")
        assert stage.manifest(stage.backup(EMPTY="yes"))["tables"] == {}

    def test_before_an_upgrade_an_empty_database_is_skipped_and_any_other_backed_up(self, stage: Stage) -> None:
        stage.sql("DELETE FROM schema_migrations")
        assert [stage.step(script, EMPTY="skip")[0] for script in ("dump", "verify", "publish")] == [0, 0, 0]
        assert stage.names() == []
        stage.sql("INSERT INTO schema_migrations VALUES ('20180101000000')")
        assert stage.manifest(stage.backup(EMPTY="skip"))["tables"] == {**TABLES, "schema_migrations": 1}

    @pytest.mark.parametrize(
        ("newest", "version"),
        [
            ("20151215152138", "2.0"),
            ("20160927141850", "2.1"),
            ("20160927141851", "2.3"),
            ("20181201000000", "2.4"),
            ("20190314173309", "2.5"),
            ("20991231000000", "2.6"),
        ],
    )
    def test_a_backup_names_the_version_that_reads_it_not_the_one_being_deployed(self, stage: Stage, newest: str, version: str) -> None:
        stage.sql(
            "DELETE FROM schema_migrations",
            f"INSERT INTO schema_migrations VALUES ('20150101000000'), ('{newest}')",  # noqa: S608 - of the list above
        )
        assert stage.manifest(stage.backup(PORTUS_VERSION="2.6", MIGRATIONS=KNOWN))["portus"] == version

    @pytest.mark.parametrize(("empty", "version"), [("", "2.2"), ("skip", "2.1")])
    def test_a_schema_of_two_versions_counts_for_the_one_that_runs(self, stage: Stage, empty: str, version: str) -> None:
        """But before an upgrade, when the one that is told does not run yet."""
        newest = NEWEST_MIGRATIONS[PortusVersion.V2_2]
        stage.sql("DELETE FROM schema_migrations", f"INSERT INTO schema_migrations VALUES ('{newest}')")  # noqa: S608 - of this program
        assert stage.manifest(stage.backup(PORTUS_VERSION="2.2", MIGRATIONS=KNOWN, EMPTY=empty))["portus"] == version

    def test_a_backup_removes_only_the_oldest_beyond_those_kept(self, stage: Stage, made: Path) -> None:
        old = [stage.lay(made, name=f"2026010{day}T020000Z") for day in (3, 1, 2)]
        (stage.claim / "lost+found").mkdir()
        (stage.claim / "20250101T020000Z").mkdir()  # somebody's own: no manifest, so no backup of ours
        newest = stage.backup(KEEP="2")
        assert stage.names() == sorted([old[0], newest, "lost+found", "20250101T020000Z"])

    def test_a_backup_never_removes_the_newest_of_a_version(self, stage: Stage, made: Path) -> None:
        days = {"2.4": (1, 2), "2.5": (3, 4)}
        old = {version: [stage.lay(made, name=f"2026010{day}T020000Z", portus=version) for day in days[version]] for version in days}
        newest = stage.backup(KEEP="1")
        assert stage.names() == [old["2.4"][1], newest]
        again = stage.backup(KEEP="1")
        assert stage.names() == [old["2.4"][1], again]

    def test_a_failed_backup_removes_nothing(self, stage: Stage, made: Path) -> None:
        old = [stage.lay(made, name=f"2026010{day}T020000Z") for day in (1, 2)]
        assert stage.step("publish", pod="no-dump", KEEP="1")[0] == 1
        assert stage.step("dump")[0] == stage.step("verify")[0] == 0
        for nonsense in ("0", "-1", "", "many"):
            assert stage.step("publish", KEEP=nonsense)[0] == REFUSED
        assert stage.names() == old
        assert stage.step("publish", KEEP="all")[0] == 0
        assert len(stage.names()) == 3


@pytest.mark.images
class TestRestore:
    def test_a_restore_brings_back_the_backup_and_keeps_nothing_newer(self, stage: Stage) -> None:
        name = stage.backup()
        _destroy(stage)
        code, said = stage.step("restore", name)
        assert code == 0, said
        assert "7 rows in 4 tables" in said
        assert _is_as_before(stage)

    def test_a_restore_does_not_change_what_no_backup_has(self, stage: Stage, made: Path) -> None:
        stage.sql("CREATE PROCEDURE of_somebody() SELECT 1")
        assert stage.step("restore", stage.lay(made))[0] == 0
        assert stage.sql("CALL of_somebody()") == [(1,)]
        assert _is_as_before(stage)

    def test_without_a_name_the_backups_are_listed_newest_first(self, stage: Stage, made: Path) -> None:
        names = [stage.lay(made, name=f"2026010{day}T020000Z") for day in (1, 2)]
        code, said = stage.step("restore")
        assert code == 0
        assert re.findall(r'"name":"(\w+)"', said) == names[::-1]

    @pytest.mark.parametrize("name", ["yesterday", "20200101T000000Z", "../../etc", ""])
    def test_an_unknown_name_lists_the_backups(self, stage: Stage, made: Path, name: str) -> None:
        there = stage.lay(made)
        code, said = stage.step("restore", name)
        assert (code, f"there are: {there}" in said) == (REFUSED, True)
        assert _is_as_before(stage)

    @pytest.mark.parametrize("harm", ["truncated", "changed"])
    def test_a_damaged_backup_changes_nothing(self, stage: Stage, made: Path, harm: str) -> None:
        dump = stage.claim / stage.lay(made) / "portus.sql.gz"
        content = dump.read_bytes()
        dump.write_bytes(content[:-40] if harm == "truncated" else content[:200] + bytes([content[200] ^ 1]) + content[201:])
        code, said = stage.step("restore", dump.parent.name)
        assert (code, "its sums differ" in said) == (REFUSED, True)
        assert _is_as_before(stage)

    def test_a_dump_without_its_end_changes_nothing_even_with_right_checksums(self, stage: Stage) -> None:
        stage.put("20260101T020000Z", "DROP TABLE users;\n", {})
        code, said = stage.step("restore", "20260101T020000Z")
        assert (code, "has no end" in said) == (REFUSED, True)
        assert _is_as_before(stage)

    def test_an_interrupted_restore_is_reported_by_every_command_and_may_be_repeated(self, stage: Stage, made: Path) -> None:
        name = stage.lay(made)
        stage.put("20260101T020000Z", f"{STATE[0]};\nNONSENSE;\n-- Dump completed\n", {"schema_migrations": 0})
        assert stage.step("restore", "20260101T020000Z", name)[0] == 1
        marker = f'{{"restore":"20260101T020000Z","before":"{name}"}}'
        assert marker in stage.step("restore")[1].splitlines()
        code, said = stage.step("dump")
        assert (code, "a restore was cut off" in said) == (REFUSED, True)
        assert stage.step("restore", name)[0] == 0
        assert marker not in stage.step("restore")[1]
        assert _is_as_before(stage)
        assert stage.step("dump")[0] == 0

    def test_a_restore_with_other_rows_than_the_backup_fails(self, stage: Stage) -> None:
        stage.put("20260101T020000Z", "CREATE TABLE users (id INT);\n-- Dump completed\n", {"users": 3})
        code, said = stage.step("restore", "20260101T020000Z")
        assert (code, "does not hold what the backup says" in said) == (1, True)
        assert (stage.claim / ".restore").exists()

    def test_a_restore_and_a_backup_exclude_each_other(self, stage: Stage) -> None:
        import fcntl  # noqa: PLC0415 - Linux only, as the test

        name = stage.backup()
        with (stage.claim / ".lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)  # a backup
            assert stage.step("restore", name)[0] == BUSY
            assert stage.step("dump")[0] == 0  # two backups do not mind each other
            fcntl.flock(lock, fcntl.LOCK_EX)  # a restore
            code, said = stage.step("dump", pod="other")
            assert (code, "a restore is under way" in said) == (BUSY, True)
