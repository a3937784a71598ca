"""What a stack tells its user to do first, and that it works as it stands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from components.outputs import first_steps
from components.settings.parse import parse
from components.settings.stack import StackSettings
from tests.components.programs import BASE

PLACES = {
    "generated": ({}, "pulumi stack output administrator_password"),
    "existing": ({"existing": {"administrator": {"secret": "first", "key": "password"}}}, "kubectl get secret --namespace portus first"),
}


def _stack(credentials: object, **bootstrap: object) -> StackSettings:
    portus = {"version": "2.5", "bootstrap": {"username": "operator", **bootstrap}}
    return parse({**BASE, "portus": portus, "credentials": credentials}, file="Pulumi.test.yaml", encrypted=lambda _: True)


def test_the_first_step_puts_the_ca_where_a_client_has_never_seen_the_registry(tmp_path: Path) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text('#!/bin/sh\n[ "$*" = "stack output ca_certificate" ] && echo the CA\n', encoding="utf-8")
    pulumi.chmod(0o755)
    told, _, command = first_steps(_stack({}), private_ca=True)[0].partition(": ")
    assert told == "Trust the CA"
    here = command.replace("/etc/docker", str(tmp_path / "docker"))
    subprocess.run(["/bin/sh", "-c", here], env={"PATH": f"{tmp_path}:{os.defpath}"}, check=True)
    assert (tmp_path / "docker" / "certs.d" / "registry.example.com" / "ca.crt").read_text(encoding="utf-8") == "the CA\n"


@pytest.mark.parametrize(("credentials", "command"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("made", [True, False], ids=["made", "by hand"])
def test_the_password_that_is_told_is_the_administrators_whoever_makes_him(credentials: object, command: str, *, made: bool) -> None:
    told, *then = first_steps(_stack(credentials, enabled=made), private_ca=False)
    assert told.startswith(f"Read the password of operator: {command}")
    by_hand = [step for step in then if step.startswith("Make the first administrator, operator with that password, and")]
    assert len(by_hand) == (0 if made else 1)
    assert then[len(by_hand)] == "Log in: docker login registry.example.com --username operator"
