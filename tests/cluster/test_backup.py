"""What a backup holds comes back, whatever became of the database and of who was restoring it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from kubernetes import client

from components.common.names import PORTUS, PORTUS_WORKER, RESTORE
from lab.cluster import Publication
from ops.backup import backups
from ops.backup.backups import Backup, Listing
from ops.backup.restore import Restore
from ops.backup.scale import Writers
from ops.check import check
from ops.console import Step, step
from ops.deployment import DATABASE_POD, Deployment
from ops.errors import OpsError
from ops.kube.jobs import JobError
from ops.sample_image import write_sample
from ops.skopeo import client_of
from tests.cluster.conftest import RAKE, USER, USER_PASSWORD, administrator_of, until
from tests.cluster.own_stack import OwnStack, own_stack, published

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.81"
HOSTS = ("portus.backup.test", "registry.backup.test")
IMAGE = "admin/kept:1"
COUNTS = ("users", "teams", "namespaces", "repositories", "tags", "registries", "schema_migrations")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("backup", tmp_path_factory.mktemp("backup")) as deployed:
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30783, names=HOSTS)):
            yield deployed


@pytest.fixture(scope="module")
def kept(reached: Deployment) -> Backup:
    """Push an image and make a user, and back both up."""
    with administrator_of(reached) as administrator:
        write_sample(administrator.folder / "kept", text="an image that Portus forgets and remembers")
        assert administrator.push("kept", IMAGE).code == 0
    until(lambda: any(tag.repository == "kept" for tag in reached.tags()), "the push is recorded")
    web = reached.api().list_namespaced_pod(reached.namespace, label_selector="app.kubernetes.io/component=web").items[0]
    assert web.metadata is not None
    task = f"portus:create_user[{USER},{USER}@example.test,{USER_PASSWORD},false]"
    reached.exec(str(web.metadata.name), [RAKE, task])
    return _take(reached)


def _take(reached: Deployment) -> Backup:
    with step("backing up") as current:
        return backups.take(reached.jobs, current)


def _listing(reached: Deployment) -> Listing:
    with step("listing") as current:
        return backups.listing(reached.jobs, current)


def _restore(reached: Deployment, dump: str) -> None:
    Restore(deployment=reached, dump=dump, safety=True, repeat="make restore").run(lambda: check(reached, Step("checking it")))


def _rows(reached: Deployment) -> dict[str, int]:
    return {table: int(reached.sql(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in COUNTS}  # noqa: S608 - names of this file


def _destroy(reached: Deployment) -> None:
    reached.sql("SET foreign_key_checks = 0; DELETE FROM users; DELETE FROM teams; DROP TABLE repositories, tags")
    reached.sql("CREATE TABLE newer (id INT)")


def _copies(reached: Deployment) -> dict[str, int]:
    apps = client.AppsV1Api(reached.api().api_client)
    found = {name: apps.read_namespaced_deployment(name, reached.namespace) for name in (PORTUS, PORTUS_WORKER)}
    return {name: int((each.spec and each.spec.replicas) or 0) for name, each in found.items()}


def _is_back(reached: Deployment, kept: Backup) -> None:
    """See that user, team, repository and tag are as they were, and that the image can be pulled by who may."""
    assert {(tag.repository, tag.user) for tag in reached.tags()} >= {("kept", "admin")}
    assert [USER] in reached.sql("SELECT username FROM users")
    assert [USER] in reached.sql("SELECT name FROM teams")
    assert ["newer"] not in reached.sql("SHOW TABLES")
    assert {table: rows for table, rows in _rows(reached).items() if table in {"users", "teams", "schema_migrations"}} == {
        table: kept.tables[table] for table in ("users", "teams", "schema_migrations")
    }
    with administrator_of(reached) as administrator:
        pulled = administrator.pull(IMAGE, "pulled")
        assert pulled.code == 0, pulled.output
    with client_of(reached) as anybody:
        assert anybody.login(USER, USER_PASSWORD).code == 0
    assert _copies(reached) == {PORTUS: 2, PORTUS_WORKER: 1}
    assert Writers(reached).stopped() == {}


@contextmanager
def _held(reached: Deployment) -> Iterator[None]:
    """Hold a table, so that a load stands still in its middle."""
    hold = "BEGIN; SELECT COUNT(*) FROM users; SELECT SLEEP(600)"
    thread = threading.Thread(target=lambda: _quietly(lambda: reached.sql(hold)))
    thread.start()
    try:
        until(lambda: _sleepers(reached), "the table is held")
        yield
    finally:
        for (number,) in _sleepers(reached):
            _quietly(lambda number=number: reached.sql(f"KILL {number}"))
        thread.join()


def _sleepers(reached: Deployment) -> list[list[str]]:
    return reached.sql("SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'")


def _waits_for_the_table(reached: Deployment) -> bool:
    return bool(reached.sql("SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%'"))


def _quietly(action: Any) -> None:
    with suppress(OpsError):
        action()


@contextmanager
def _somebody_restores(reached: Deployment, dump: str) -> Iterator[multiprocessing.process.BaseProcess]:
    """Run a restore in a process of its own, as ``make restore`` does."""

    def run() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _restore(replace(reached), dump)  # with connections of its own: two processes cannot speak TLS on one

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def test_a_backup_holds_what_the_database_says(reached: Deployment, kept: Backup) -> None:
    assert {table: kept.tables[table] for table in COUNTS} == _rows(reached)
    found = _listing(reached)
    assert [backup.name for backup in found.backups] == [kept.name]
    assert found.cut_off is None


def test_the_backups_account_cannot_write(reached: Deployment) -> None:
    login = 'MYSQL_PWD="$(cat /run/secrets/mariadb/backup-password)" exec mariadb --host 127.0.0.1 --user portus_backup'
    script = f'{login} "$1" --execute "$2"'
    for statement in ("DELETE FROM users", "DROP TABLE tags", "UPDATE users SET admin = 1", "CREATE TABLE t (i INT)"):
        with pytest.raises(OpsError) as refused:
            reached.exec(DATABASE_POD, ["sh", "-c", script, "sh", str(reached.outputs["database_name"]), statement])
        assert "command denied" in refused.value.excerpt


def test_what_was_destroyed_comes_back_and_works(stack: OwnStack, reached: Deployment, kept: Backup) -> None:
    _destroy(reached)
    _restore(reached, kept.name)
    _is_back(reached, kept)
    stack.up("--refresh", "--expect-no-changes")


def test_a_wrong_name_lists_the_backups(reached: Deployment, kept: Backup) -> None:
    for name in ("yesterday", ""):
        with pytest.raises(OpsError) as refused:
            _restore(reached, name)
        assert kept.name in refused.value.fix
    assert _copies(reached) == {PORTUS: 2, PORTUS_WORKER: 1}


def test_a_harmed_backup_is_refused_and_portus_runs_again(reached: Deployment, kept: Backup) -> None:
    harmed = _take(reached)
    pod: Any = {
        "metadata": {"name": "harm"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsUser": 10999, "runAsGroup": 10999},
            "containers": [
                {
                    "name": "harm",
                    "image": "localhost/mariadb-lab:10.11",
                    "imagePullPolicy": "Never",
                    "command": ["truncate", "--size=-40", f"/backups/{harmed.name}/portus.sql.gz"],
                    "volumeMounts": [{"name": "backups", "mountPath": "/backups"}],
                }
            ],
            "volumes": [{"name": "backups", "persistentVolumeClaim": {"claimName": "portus-backups"}}],
        },
    }
    api = reached.api()
    api.create_namespaced_pod(reached.namespace, pod)
    until(lambda: str(api.read_namespaced_pod("harm", reached.namespace).status.phase) == "Succeeded", "the dump is cut")  # type: ignore[union-attr]
    api.delete_namespaced_pod("harm", reached.namespace)
    with pytest.raises(OpsError, match="before any data was changed") as refused:
        _restore(reached, harmed.name)
    assert "its sums differ" in refused.value.excerpt
    _is_back(reached, kept)


def test_ctrl_c_waits_until_the_load_has_ended_and_starts_portus(reached: Deployment, kept: Backup) -> None:
    with _somebody_restores(reached, kept.name) as process:
        until(lambda: _copies(reached)[PORTUS] == 0, "the present state is backed up")
        with _held(reached):
            until(lambda: _waits_for_the_table(reached), "the load is in its middle")
            assert process.pid is not None
            os.kill(process.pid, signal.SIGINT)
            process.join(3)
            assert process.is_alive()
        process.join(180)
        assert process.exitcode == 0
    _is_back(reached, kept)


def test_an_interrupted_restore_is_reported_and_may_be_repeated(reached: Deployment, kept: Backup) -> None:
    with _somebody_restores(reached, kept.name) as process:
        until(lambda: _copies(reached)[PORTUS] == 0, "the present state is backed up")
        with _held(reached):
            until(lambda: _waits_for_the_table(reached), "the load is in its middle")
            process.kill()
            jobs = reached.jobs
            (job,) = jobs.active(RESTORE)
            _kill(reached, job)
            until(lambda: not _waits_for_the_table(reached), "the load's connection is gone")
    found = _listing(reached)
    assert found.cut_off is not None
    assert found.cut_off.restore == kept.name
    assert found.find(found.cut_off.before) is not None
    assert Writers(reached).stopped() == {PORTUS: 2, PORTUS_WORKER: 1}
    with pytest.raises(JobError) as refused:
        _take(reached)
    assert "a restore was cut off" in refused.value.excerpt
    _restore(reached, kept.name)
    _is_back(reached, kept)
    after = _listing(reached)
    assert after.cut_off is None
    assert after.backups == found.backups  # the state before was kept by the first try; half of one is worth nothing


def test_the_next_backup_leaves_as_many_as_are_kept(reached: Deployment, kept: Backup) -> None:
    before = _listing(reached).backups
    assert len(before) > 3
    made = _take(reached)
    assert [backup.name for backup in _listing(reached).backups] == [made.name, *(backup.name for backup in before[:2])]
    assert kept.name in [backup.name for backup in before]


def _kill(reached: Deployment, job: str) -> None:
    """Remove a Job and kill its Pod, as a node that is lost does."""
    batch = client.BatchV1Api(reached.api().api_client)
    selector = f"batch.kubernetes.io/job-name={job}"
    batch.delete_namespaced_job(job, reached.namespace, propagation_policy="Orphan")
    reached.api().delete_collection_namespaced_pod(reached.namespace, label_selector=selector, grace_period_seconds=0)
    until(lambda: not reached.api().list_namespaced_pod(reached.namespace, label_selector=selector).items, "the Job's Pod is gone")
