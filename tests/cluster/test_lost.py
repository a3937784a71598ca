"""A protected stack loses its cluster, its Pulumi state or its database, and comes back by the steps of the manual: lost.md and database.md
in docs/operate. It also does without a single claim, by protection.md."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cluster import Publication, kubectl
from ops import paths
from ops.backup import backups
from ops.backup.restore import Restore
from ops.check import check
from ops.console import Step, step
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.state.command import recover
from ops.state.values import name_of
from tests.cluster.own_stack import OwnStack, deployment, own_stack, published

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.83"
HOSTS = ("portus.backup.test", "registry.backup.test")
"""Of the stack of test_backup.py, which is gone by then or not there yet."""
HOLDER = "hold-backups"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("backup", tmp_path_factory.mktemp("new-cluster")) as deployed:
        deployed.say(deployed.said() | {"portus:protect": "true"})
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30783, names=HOSTS)):
            yield deployed
        deployed.say(deployed.said() | {"portus:protect": "false"})
        deployed.up()


def _hold(reached: Deployment) -> None:
    """Make the manual's own Pod."""
    manual = (paths.ROOT / "docs" / "operate" / "backup.md").read_text(encoding="utf-8")
    block = "apiVersion: v1\n" + manual.partition("```yaml\napiVersion: v1\n")[2].partition("```")[0]
    own = {"namespace: portus}": f"namespace: {reached.namespace}}}", "image: mariadb:10.11": "image: localhost/mariadb-lab:10.11"}
    for manuals, stacks in own.items():
        assert block.count(manuals) == 1
        block = block.replace(manuals, stacks)
    kubectl("apply", "-f", "-", stdin=textwrap.dedent(block))
    kubectl("-n", reached.namespace, "wait", "--for=condition=Ready", f"pod/{HOLDER}", "--timeout=120s")


def _let_go(reached: Deployment) -> None:
    kubectl("-n", reached.namespace, "delete", "pod", HOLDER, "--grace-period=1")


def test_a_lost_cluster_is_made_again_from_the_state_and_a_backup(stack: OwnStack, reached: Deployment, tmp_path: Path) -> None:
    with step("checking") as current:
        check(reached, current)
    reached.sql("INSERT INTO teams (name, hidden, created_at, updated_at) VALUES ('of-before', 0, NOW(), NOW())")
    with step("backing up") as current:
        kept = backups.take(reached.jobs, current)
    _hold(reached)
    kubectl("-n", reached.namespace, "cp", f"{HOLDER}:/backups/{kept.name}", str(tmp_path / kept.name))

    _let_go(reached)
    kubectl("delete", "namespace", reached.namespace)
    stack.run("refresh", "--yes")
    stack.up()
    again = deployment(stack)
    assert {key: value for key, value in again.outputs.items() if key != "versions"} == {
        key: value for key, value in reached.outputs.items() if key != "versions"
    }, "passwords, key and CA are the old ones"
    assert ["of-before"] not in again.sql("SELECT name FROM teams")

    _hold(again)
    kubectl("-n", again.namespace, "cp", str(tmp_path / kept.name), f"{HOLDER}:/backups/{kept.name}")
    _let_go(again)
    Restore(deployment=again, dump=kept.name, safety=True, repeat="make restore").run(lambda: check(again, Step("checking it")))
    assert ["of-before"] in again.sql("SELECT name FROM teams")
    stack.up("--expect-no-changes")


def _resources(stack: OwnStack) -> dict[str, dict[str, Any]]:
    """Return what two states of the same objects have in common, by logical name."""
    found = stack.export()["deployment"]["resources"]
    kept = ("urn", "type", "parent", "protect", "retainOnDelete")
    plain = {name_of(each): {key: each.get(key) for key in kept} for each in found if not each["type"].startswith("pulumi:providers:")}
    for each in found:
        if each["type"].startswith("kubernetes:"):
            plain[name_of(each)] |= {"id": each["id"], "metadata": each["inputs"]["metadata"]}
    return plain


def test_a_lost_state_is_made_again_from_the_cluster_which_does_not_change(stack: OwnStack) -> None:
    before, said, reached = _resources(stack), stack.said(), deployment(stack)
    shutil.rmtree(stack.project / "state" / ".pulumi")
    stack.select()
    stack.say(said | {"portus:host": "portus.other.test"})
    with pytest.raises(OpsError, match="would replace or change what must stay"):
        recover(stack)
    assert not stack.has_resources()

    stack.say(said)
    recover(stack)
    stack.run("preview", "--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.up("--expect-no-changes")
    assert _resources(stack) == before
    again = deployment(stack)
    assert again.outputs == reached.outputs, "passwords and CA are the old ones"
    with step("pushing with the recovered state's password") as current:
        check(again, current)


def test_a_lost_database_comes_back_from_a_backup_into_a_new_claim(stack: OwnStack) -> None:
    reached = deployment(stack)
    reached.sql("INSERT INTO teams (name, hidden, created_at, updated_at) VALUES ('of-the-volume', 0, NOW(), NOW())")
    with step("backing up") as current:
        kept = backups.take(reached.jobs, current)
    kubectl("-n", reached.namespace, "scale", "statefulset/mariadb", "--replicas=0")
    kubectl("-n", reached.namespace, "delete", "pvc", "mariadb-data")
    with step("listing") as current:
        assert kept in backups.listing(reached.jobs, current).backups, "they are on a claim of their own"

    stack.up("--refresh", "--target", "**::mariadb-data")
    kubectl("-n", reached.namespace, "scale", "statefulset/mariadb", "--replicas=1")
    again = deployment(stack)
    assert again.outputs == reached.outputs, "passwords stay"
    Restore(deployment=again, dump=kept.name, safety=True, repeat="make restore").run(lambda: check(again, Step("checking it")))
    assert ["of-the-volume"] in again.sql("SELECT name FROM teams")
    stack.up("--expect-no-changes")


def test_a_protected_stack_unprotects_one_claim_by_name_and_adopts_it_again(stack: OwnStack, reached: Deployment) -> None:
    with step("backing up") as current:
        kept = backups.take(reached.jobs, current)
    said = stack.said()
    stack.say(said | {"portus:backup": {"enabled": False}})
    with pytest.raises(OpsError) as refused:
        stack.run("preview")
    (urn,) = set(re.findall(r"pulumi state unprotect '(urn:[^']*)'", refused.value.excerpt))
    stack.run("state", "unprotect", urn, "--yes")
    stack.up()
    stack.up("--expect-no-changes")

    own = {key: value for key, value in said["portus:backup"].items() if key != "claim"}
    stack.say(said | {"portus:backup": own | {"existingClaim": "portus-backups"}})
    stack.up()
    with step("listing") as current:
        assert kept in backups.listing(reached.jobs, current).backups
