"""What the engine makes of a deployed stack: nothing to do twice, nothing in clear, and an end after a beginning that was cut off."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.environment import Lab
from ops import lifecycle, paths
from ops.check import check
from ops.console import step
from ops.pulumi.stack import Stack
from tests.cluster.conftest import Deployed, LabStacks, until
from tests.engine.genuine_state import by_type, genuine, reduced, type_of
from tests.readable import forms, texts

pytestmark = pytest.mark.cluster

BACKUPS = paths.STATE / "state"


def _states(stack: Stack) -> list[str]:
    """Return the texts of each document that the file backend holds of the stack: its state, the backups of it and its history."""
    files = [path for path in BACKUPS.rglob(f"{stack.name}*.json") if path.is_file()]
    return ["\n".join(texts(json.loads(path.read_text(encoding="utf-8")))) for path in files]


def test_deploying_again_changes_nothing(deployed: Deployed) -> None:
    deployed.stack.up("--expect-no-changes")


def test_after_a_refresh_there_is_still_nothing_to_change(deployed: Deployed) -> None:
    deployed.stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    deployed.stack.run("preview", "--expect-no-changes")
    deployed.stack.up("--expect-no-changes")


def test_the_state_shows_no_secret_in_any_form(deployed: Deployed) -> None:
    api, namespace = deployed.deployment.api(), deployed.deployment.namespace
    held = [(key, str(value)) for each in api.list_namespaced_secret(namespace).items for key, value in (each.data or {}).items()]
    secrets = {base64.b64decode(value).decode() for key, value in held if "crt" not in key}
    secrets.add(str(deployed.deployment.outputs["administrator_password"]))
    assert len(secrets) > 5
    states = _states(deployed.stack)
    assert len(states) > 1
    assert all(deployed.stack.name in state for state in states)
    assert not [form[:4] for secret in secrets for form in forms(secret) if any(form in state for state in states)]


def test_the_state_is_the_one_that_pulumis_own_plugins_write(deployed: Deployed) -> None:
    record = {each["urn"]: each for each in genuine()}
    of_a_type = by_type(record.values())
    found = [reduced(each) for each in deployed.stack.export()["deployment"]["resources"]]
    compared = {each["urn"]: each for each in found if each["urn"] in record}
    assert len(compared) > 40
    assert {urn: record[urn] for urn in compared} == compared
    wanted = {kind for kind in of_a_type if not kind.startswith("portus:") and not kind.endswith(":RandomBytes")}
    assert wanted <= {type_of(each) for each in found}


def test_the_first_set_up_may_run_again_and_makes_nothing_twice(deployed: Deployed) -> None:
    users = deployed.deployment.sql("SELECT id, username FROM users")
    registries = deployed.deployment.sql("SELECT id, hostname, external_hostname FROM registries")
    job = next(each["urn"] for each in deployed.stack.export()["deployment"]["resources"] if each["urn"].endswith("::first-set-up-job"))
    deployed.stack.run("up", "--yes", "--skip-preview", f"--target-replace={job}")
    assert deployed.deployment.sql("SELECT id, username FROM users") == users
    assert deployed.deployment.sql("SELECT id, hostname, external_hostname FROM registries") == registries
    authority = deployed.deployment.registry
    # Portus itself may have made it at its start, before the Job; it sets no external name, and takes the host name in its place.
    assert [row[1:] for row in registries] in ([[authority, authority]], [[authority, "NULL"]])


def test_a_deployment_that_was_killed_goes_on_to_a_registry_that_works(tmp_path: Path, lab_stack: LabStacks) -> None:
    """The kill comes while objects are being made; `make up` again takes in what the state does not know."""
    name = "lab-apache"
    stack = lifecycle.prepare(name, Lab())
    stack.destroy()
    log = tmp_path / "killed.log"
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab", "up", "--stack", name],
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key != "KUBECONFIG"},
        )
        try:
            until(
                lambda: "StatefulSet mariadb-server creating" in log.read_text(encoding="utf-8"), "the database is being made", seconds=120
            )
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    deployment = lab_stack.again(name).deployment
    with step("check after the kill") as current:
        check(deployment, current)
    assert not stack.export()["deployment"].get("pending_operations")
