"""What a stack tells its user to do first, and that it works as it stands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from components.outputs import first_steps
from components.settings.parse import parse
from components.settings.stack import StackSettings
from ops.paths import ROOT
from tests.settings.tables import BASE

READERS = {"make": "--silent outputs STACK=prod NAME=ca_certificate", "pulumi": "stack output ca_certificate"}
"""What a reader has, and what is asked of it for the CA."""

PLACES = {
    "generated": ({}, "make --silent password STACK=prod"),
    "existing": ({"existing": {"administrator": {"secret": "first", "key": "password"}}}, "kubectl -n portus get secret first"),
}


def _stack(credentials: object, **bootstrap: object) -> StackSettings:
    portus = {"version": "2.5", "bootstrap": {"username": "operator", **bootstrap}}
    return parse({**BASE, "portus": portus, "credentials": credentials}, file="Pulumi.test.yaml", encrypted=lambda _: True)


@pytest.mark.parametrize("reader", READERS)
def test_the_first_step_puts_the_ca_where_a_client_has_never_seen_the_registry(reader: str, tmp_path: Path) -> None:
    """Run as it is told: of each pair, the line for a reader who has this program and not the other."""
    program = tmp_path / "bin" / reader
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$*" = "{READERS[reader]}" ] && echo the CA\n', encoding="utf-8")
    program.chmod(0o755)
    title, folder, by_make, by_pulumi = first_steps(_stack({}), "prod", private_ca=True)[2:6]
    assert title == "Trust the CA:"
    command = by_make if reader == "make" else by_pulumi.replace("or: ", "")
    here = f"{folder}\n{command}".replace("/etc/docker", str(tmp_path / "docker"))
    subprocess.run(["/bin/sh", "-e", "-c", here], env={"PATH": f"{program.parent}:{os.defpath}"}, check=True)
    assert (tmp_path / "docker" / "certs.d" / "registry.example.com" / "ca.crt").read_text(encoding="utf-8") == "the CA\n"


def test_the_kubeconfig_is_named_before_the_commands_that_read_it() -> None:
    steps = first_steps(_stack({}), "prod", private_ca=True)
    assert [number for number, step in enumerate(steps) if "export KUBECONFIG=" in step] == [1]


@pytest.mark.parametrize(("credentials", "command"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("made", [True, False], ids=["made", "by hand"])
def test_the_printed_password_is_the_administrators_however_that_user_was_made(credentials: object, command: str, *, made: bool) -> None:
    steps = first_steps(_stack(credentials, enabled=made), "prod", private_ca=False)
    assert steps[2] == "Read the password of operator:"
    assert steps[3].strip().startswith(command)
    by_hand = [step for step in steps if step.startswith("Make the first administrator, operator with that password, at")]
    assert len(by_hand) == (0 if made else 1)
    assert steps[steps.index("Log in:") + 1] == "  docker login registry.example.com --username operator"


def test_a_step_is_a_line_that_fits_the_screen_and_that_pulumi_does_not_cut_off() -> None:
    steps = first_steps(_stack({}, enabled=False), "production", private_ca=True)
    assert [step for step in steps if len(step) > 120 - len('        [10]: ""')] == []


def test_what_needs_pulumi_is_there_for_a_reader_of_make_too() -> None:
    steps = first_steps(_stack({}), "prod", private_ca=True)
    told = [step.strip() for step in steps]
    for number, step in enumerate(told):
        if "pulumi " in step:
            assert step.startswith("or: pulumi ")
            assert told[number - 1].startswith("make --silent ")
    targets = set(re.findall(r"(?m)^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {step.split()[2] for step in told if step.startswith("make ")} <= targets
