"""Each fix does what it is told for: with the right command, by names that there are, and never on half a database."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from components.mariadb import configuration
from components.settings.reference.entries import entries
from ops.backup.scale import MANAGER
from ops.doctor.catalog import examine
from ops.doctor.checks.database import MIGRATION
from ops.doctor.facts import Denied
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed
from ops.paths import ROOT
from tests.golden import NAMES
from tests.ops.doctor import stage
from tests.ops.doctor.breaks import BREAKS
from tests.ops.doctor.stage import failed, healthy

BY_HAND = (
    "a Secret that is gone",
    "a policy that is gone",
    "a failed first set-up",
    "a Portus that the registry does not reach",
    "a server whose CA the front proxy lacks",
    "another realm",
    "the default issuer",
    "a key that the registry does not know",
    "a bundle that is none",
    "an endpoint elsewhere",
    "drift",
)
"""What Pulumi has made right, and somebody has changed or deleted."""


def fix(snapshot: Snapshot) -> str:
    """Return the fix of the one check that is broken."""
    (found,) = (each.verdict.fix for each in examine(snapshot) if isinstance(each.verdict, Failed))
    return found


@pytest.mark.parametrize("name", BY_HAND)
def test_changes_by_hand_are_fixed_by_a_deployment_with_refresh(name: str) -> None:
    assert "make up REFRESH=1 STACK=example (or pulumi up --refresh --stack example)" in fix(BREAKS[name][0]())


def test_a_namespace_that_is_gone_asks_for_the_right_cluster_and_else_for_what_make_up_refuses() -> None:
    told = fix(BREAKS["no namespace"][0]())
    assert told.startswith("if it is the right cluster: pulumi refresh --stack example, then follow docs/operate/lost.md#cluster-lost")
    assert told.endswith("a stack of the lab's own: make up REFRESH=1 STACK=example")


def test_an_account_with_another_password_gets_a_new_one_by_a_rotation() -> None:
    """A deployment alone changes no account: MariaDB reads its passwords at its first start."""
    refused = BREAKS["a wrong password"][0]()
    assert fix(refused).startswith("raise credentials.rotation.databaseApplication of the stack file by one, then pulumi up")
    told = fix(_with_an_external_database(Denied("Access denied for user 'portus'@'%'", 1045)))
    assert told.startswith("set database.password of the stack file")
    assert "CREATE USER 'portus'@'%' IDENTIFIED BY" in told


def _with_an_external_database(found: Denied) -> Snapshot:
    return healthy(database=found, workloads={role: each for role, each in stage.workloads().items() if role != "database"})


def test_an_account_that_is_lost_or_without_rights_is_made_again_by_the_databases_own_script() -> None:
    """A rotation would fail: it changes the passwords of accounts that are there."""
    command = f"kubectl -n example exec mariadb-0 -- /bin/sh /docker-entrypoint-initdb.d/{configuration.ACCOUNTS}"
    assert fix(BREAKS["an account that is lost"][0]()) == f"{command} creates it again, with its rights"
    assert fix(BREAKS["an account without rights"][0]()) == command
    assert "GRANT ALL ON `portus_production`.* TO 'portus'@'%'" in fix(_with_an_external_database(Denied("no", 1044)))


def test_a_database_that_is_lost_is_made_again_and_restored() -> None:
    told = fix(BREAKS["a database that is lost"][0]())
    assert "CREATE DATABASE portus_production CHARACTER SET utf8 COLLATE utf8_unicode_ci" in told
    assert "mariadb -u root  -e" in told
    assert "make restore STACK=example" in told


def test_stuck_events_are_not_blamed_on_manifest_lists_alone() -> None:
    told = fix(BREAKS["events that killed the worker"][0]())
    assert "logs deployment/portus-worker --previous" in told
    assert "memory" in told


def test_a_503_of_the_front_proxy_compares_its_addresses_with_the_services() -> None:
    found = stage.workloads()
    (pod,) = found["edge"].pods
    variables = {"PORTUS_ADDRESS": "10.96.0.7"}
    found["edge"] = dataclasses.replace(found["edge"], pods=(dataclasses.replace(pod, variables=variables),))
    told = fix(dataclasses.replace(BREAKS["a front proxy with an old address"][0](), workloads=found))
    assert told.startswith("compare 10.96.0.7 with kubectl -n example get service portus; if they differ: make up REFRESH=1")


def test_a_statement_of_a_fix_reaches_the_database_as_it_is_printed(tmp_path: Path) -> None:
    """Run as it would be pasted, with programs in the place of kubectl and of the database's client."""
    for name, text in {"kubectl": 'shift 5; exec "$@"', "mariadb": 'printf "%s" "$5"'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "password").touch()
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "MARIADB_ROOT_PASSWORD_FILE": str(tmp_path / "password")}
    command = fix(BREAKS["a record under another name"][0]())
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f" SET hostname = '{stage.REGISTRY}', external_hostname = '{stage.REGISTRY}' WHERE hostname = 'a.test'")


def test_a_schema_that_lacks_a_migration_is_brought_on_by_its_job_after_a_backup() -> None:
    """Rake in Portus' own Pod is called otherwise in each version, and lacks the passwords."""
    older = BREAKS["an older schema"][0]()
    deploy = "make up REFRESH=1 STACK=example (or pulumi up --refresh --stack example), whose Job migrates"
    assert fix(older) == f"make backup STACK=example; then {deploy}"
    jobs = tuple(("kubernetes:batch/v1:Job", name) for name in ("first-set-up-job", "portus-migration-2.5-1a2b3c"))
    known = dataclasses.replace(older, expected=dataclasses.replace(older.expected, objects=jobs))
    assert fix(known) == f"make backup STACK=example; then kubectl -n example delete job portus-migration-2.5-1a2b3c; then {deploy}"


@pytest.mark.parametrize("name", ["an image that is not there", "a worker out of memory", "a registry whose CA Portus lacks"])
def test_a_wrong_stack_file_is_fixed_by_a_plain_deployment(name: str) -> None:
    assert "the stack file" in fix(BREAKS[name][0]())
    assert "REFRESH" not in fix(BREAKS[name][0]())


def _without_copies(**changes: object) -> Snapshot:
    """Return a stack of three copies of Portus, of which none is left."""
    found = stage.workloads()
    found["web"] = dataclasses.replace(found["web"], replicas=0, pods=(), **changes)  # type: ignore[arg-type]
    return healthy(workloads=found, expected=dataclasses.replace(healthy().expected, copies={"portus": 3}))


def test_what_a_restore_has_stopped_is_never_to_be_scaled_up() -> None:
    """Portus would set up half a database anew."""
    stopped = _without_copies(before_restore="3")
    assert failed(stopped) == {"web-pods": "deployment/portus is scaled to 0: a restore stopped it (copies before: 3)"}
    assert "kubectl" not in fix(stopped)
    assert "make backups STACK=example tells which; then repeat that make restore" in fix(stopped)


def test_nothing_is_deployed_before_a_restore_is_through() -> None:
    stopped = dataclasses.replace(
        _without_copies(before_restore="3"), drift="Portus has no copies", missing=(("NetworkPolicy", "default"),)
    )
    told = {each.check.name: each.verdict.fix for each in examine(stopped) if isinstance(each.verdict, Failed)}
    assert set(told) == {"web-pods", "network-policies", "drift"}
    assert all("once the restore that stopped Portus is through, make up" in told[check] for check in ("network-policies", "drift"))


def test_what_was_stopped_by_hand_gets_as_many_copies_as_the_stack_has() -> None:
    assert fix(_without_copies()) == "kubectl -n example scale deployment/portus --replicas=3"
    unknown = _without_copies()
    assert "make up REFRESH=1" in fix(dataclasses.replace(unknown, expected=dataclasses.replace(unknown.expected, copies={})))


def test_what_a_restore_has_changed_is_not_to_be_taken_back_by_force() -> None:
    """The manual has the manager's name as a conflict tells it."""
    forcing = (
        (ROOT / "docs" / "operate" / "doctor.md")
        .read_text(encoding="utf-8")
        .partition("PULUMI_K8S_ENABLE_PATCH_FORCE=true")[2]
        .partition("\n\n")[0]
    )
    assert f"Not where the manager in the message is `{MANAGER}`" in " ".join(forcing.replace("**", "").split())
    assert "[Repeat that restore](restore.md#if-the-restore-is-interrupted)" in forcing


DOTTED = re.compile(r"(?<![\w/.:@'])[a-z_]+(?:\.[A-Za-z_]+)+(?![\w/.(])")
NOT_SETTINGS = re.compile(r"(auth\.token|notifications\.endpoints)\b.*|.*\.(yml|crt|md)|.*\.test")
"""The registry's own, files and hosts."""


def test_every_setting_that_a_fix_names_is_one() -> None:
    keys = [f".{entry.key}" for entry in entries()]
    told = [fix(make()) for make, _, _ in BREAKS.values()]
    named = {each for text in told for each in DOTTED.findall(text) if not NOT_SETTINGS.fullmatch(each)}
    assert {"claim.storageClassName", "images.pullSecrets", "registry.host"} <= named
    assert [each for each in named if not any(key.endswith(f".{each}") for key in keys)] == []


def test_the_migrations_job_is_known_by_its_name() -> None:
    stacks = yaml.safe_load(NAMES.read_text(encoding="utf-8"))
    assert stacks
    for stack, names in stacks.items():
        assert any(MIGRATION in name for name in names), stack
