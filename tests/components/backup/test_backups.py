"""The CronJobs of backup and restore, as the program registers them."""

from __future__ import annotations

from typing import Any

import pytest

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


def test_a_database_of_somebody_else_is_read_by_the_account_that_this_stack_knows() -> None:
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
