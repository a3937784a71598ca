"""A stack on a database of somebody else: let through its own policies, found fit, used, backed up, restored and examined."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.cluster import Publication, kubectl
from lab.environment import Lab
from ops.backup import backups
from ops.backup.restore import Restore
from ops.check import check
from ops.console import Step, step
from ops.deployment import Deployment
from ops.doctor.command import diagnose
from ops.doctor.report import as_json
from tests.cluster.own_stack import OwnStack, load, namespace, own_stack, published

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.84"
HOSTS = ("portus.backup.test", "registry.backup.test")
"""Of the stack of test_backup.py, which is gone by then or not there yet."""
ELSEWHERE = "somebody-elses"
IMAGE = "localhost/mariadb-lab:10.11"
PASSWORD = "OfTheDatabaseThatSomebodyElseRuns0123456789"

SERVER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "db", "labels": {"app": "db"}},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "db",
                "image": IMAGE,
                "args": ["--character-set-server=utf8mb3", "--collation-server=utf8mb3_unicode_ci", "--innodb-buffer-pool-size=32M"],
                "env": [
                    {"name": "MARIADB_RANDOM_ROOT_PASSWORD", "value": "yes"},
                    {"name": "MARIADB_DATABASE", "value": "portus_production"},
                    {"name": "MARIADB_USER", "value": "portus"},
                    {"name": "MARIADB_PASSWORD", "value": PASSWORD},
                ],
                "resources": {"requests": {"cpu": "1m"}},
                "readinessProbe": {
                    "exec": {"command": ["healthcheck.sh", "--connect", "--innodb_initialized"]},
                    "periodSeconds": 2,
                    "timeoutSeconds": 10,
                },
                "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
            }
        ],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "db"},
    "spec": {"selector": {"app": "db"}, "ports": [{"port": 3306}]},
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A database for Portus' account alone, in a namespace of somebody else; its name."""
    with namespace(ELSEWHERE):
        load([IMAGE])
        kubectl("-n", ELSEWHERE, "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [SERVER, SERVICE]}))
        kubectl("-n", ELSEWHERE, "wait", "--for=condition=Ready", "pod/db", "--timeout=120s")
        yield f"db.{ELSEWHERE}.svc"


@pytest.fixture(scope="module")
def stack(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("backup", tmp_path_factory.mktemp("external")) as deployed:
        deployed.say(deployed.said() | {"portus:database": {"kind": "external", "host": server, "user": "portus"}})
        deployed.encrypt("portus:database.password", PASSWORD)
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30783, names=HOSTS)):
            yield deployed


def test_a_push_is_recorded_in_it_and_every_check_passes(stack: OwnStack, reached: Deployment) -> None:
    with step("checking") as current:
        check(reached, current)
    findings = json.loads(as_json(stack.name, diagnose(stack, Lab(), push=True)))["checks"]
    assert [check for check in findings if check["state"] == "failed"] == []
    checks = {check["check"]: check["state"] for check in findings}
    assert {checks[name] for name in ("database", "charset", "schema", "record", "events", "round-trip")} == {"ok"}


def test_what_was_backed_up_comes_back(stack: OwnStack, reached: Deployment) -> None:
    with step("backing up") as current:
        kept = backups.take(reached.jobs, current)
    assert kept.tables["tags"] >= 1
    Restore(deployment=reached, dump=kept.name, safety=True, repeat="make restore").run(lambda: check(reached, Step("checking it")))
    stack.up("--expect-no-changes")
