"""One Job sets the database up for two web servers at once, and migrates it for another version of Portus, after a backup of it; the way
back is the former version and that backup (docs/operate/backup.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.cluster import Publication
from ops.backup import backups
from ops.backup.restore import Restore
from ops.backup.scale import Writers
from ops.check import check
from ops.console import Step, step
from ops.errors import OpsError
from tests.cluster.own_stack import OwnStack, deployment, load, own_stack, published

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.82"
HOSTS = ("portus.backup.test", "registry.backup.test")
"""Of the stack of test_backup.py, which is gone by then or not there yet."""
OLD, NEW = "2.4", "2.5"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("backup", tmp_path_factory.mktemp("upgrade")) as deployed:
        _say_version(deployed, OLD)
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30783, names=HOSTS)):
            yield deployed


def _say_version(stack: OwnStack, version: str) -> None:
    image = f"localhost/portus-lab:{version}"
    load([image])
    said = stack.said()
    portus = {**said["portus:portus"], "version": version}
    stack.say(said | {"portus:portus": portus, "portus:images": {**said["portus:images"], "portus": image}})


def _deployed_version(stack: OwnStack) -> str | None:
    return Writers(deployment(stack)).version()


def _backups(stack: OwnStack) -> list[backups.Backup]:
    with step("listing") as current:
        return list(backups.listing(deployment(stack).jobs, current).backups)


def test_an_upgrade_makes_a_backup_of_what_it_is_about_to_migrate(stack: OwnStack) -> None:
    with step("checking") as current:
        check(deployment(stack), current)
    before = deployment(stack)
    tags, migrations = len(before.tags()), before.sql("SELECT version FROM schema_migrations")
    assert _backups(stack) == [], "the first deployment had nothing to back up"

    _say_version(stack, NEW)
    stack.up()
    (made,) = _backups(stack)
    assert made.portus == OLD
    assert (made.tables["schema_migrations"], made.tables["tags"]) == (len(migrations), tags)
    assert len(deployment(stack).sql("SELECT version FROM schema_migrations")) > len(migrations)
    with step("checking") as current:
        check(deployment(stack), current)
    stack.up("--expect-no-changes")


def test_another_change_makes_none(stack: OwnStack) -> None:
    said = stack.said()
    stack.say(said | {"portus:backup": {**said["portus:backup"], "keep": 5}})
    stack.up()
    assert len(_backups(stack)) == 1


def test_the_return_is_to_the_previous_version_and_its_backup(stack: OwnStack, capfd: pytest.CaptureFixture[str]) -> None:
    (kept,) = _backups(stack)
    late = ["pushed-after-the-upgrade"]
    deployment(stack).sql(f"UPDATE tags SET name = '{late[0]}'")  # noqa: S608 - a name of this file

    _say_version(stack, OLD)
    with pytest.raises(OpsError):
        stack.up()
    assert "a newer Portus has migrated the database" in capfd.readouterr().out
    assert _deployed_version(stack) == NEW, "the web server of before goes on"
    stack.say(stack.said() | {"portus:accept": ["newer_database"]})
    stack.up()
    reached = deployment(stack)
    assert late in reached.sql("SELECT name FROM tags"), "nothing is lost before the restore"
    Restore(deployment=reached, dump=kept.name, safety=True, repeat="make restore").run(lambda: check(reached, Step("checking it")))
    assert len(reached.sql("SELECT version FROM schema_migrations")) == kept.tables["schema_migrations"]
    assert late not in reached.sql("SELECT name FROM tags")
    stack.say({key: value for key, value in stack.said().items() if key != "portus:accept"})
    stack.up("--expect-no-changes")
