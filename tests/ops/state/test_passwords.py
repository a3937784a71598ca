"""Where each generated password is in the cluster, held against what the program registers."""

from __future__ import annotations

import re
from typing import Any

import bcrypt
import pytest

from ops.errors import OpsError
from ops.state.passwords import CURRENT, LOGINS, PASSWORD, PREVIOUS, generated, noted, places, recovered
from ops.state.values import Secret
from tests.recorder import STACKS, Programs, run_program

PROGRAMS = Programs(STACKS, run_program)
LETTERS = {"length": 40, "special": False, "numeric": False}
HEX = {"length": 128, "special": True, "overrideSpecial": "0123456789abcdef", "lower": False, "upper": False, "numeric": False}


def _password(name: str, **inputs: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:s::p::{PASSWORD}::{name}", "type": PASSWORD, "custom": True, "inputs": inputs or LETTERS}


def _secret(*names: str) -> dict[str, Any]:
    urns = [f"urn:pulumi:s::p::{PASSWORD}::{name}" for name in names]
    return {"urn": "urn:pulumi:s::p::kubernetes:core/v1:Secret::x", "type": "kubernetes:core/v1:Secret", "dependencies": urns}


@pytest.mark.parametrize("stack", STACKS)
def test_each_password_of_the_program_is_where_this_command_looks(stack: str) -> None:
    """A password that an object depends on has a Secret and a key; the Secret has that key, and is made of that password."""
    program = PROGRAMS[stack]
    secrets = {each.name: each for each in program.all("Secret")}
    seen = 0
    for password in program.all("RandomPassword"):
        users = [each for each in program.resources if each.type.startswith("kubernetes:") and password.name in each.after]
        if not users:
            continue
        found = [(name, key) for name, key in places(password.name, newest=1) if name in secrets and key in secrets[name].inputs["data"]]
        assert found, password.name
        assert all(password.name in secrets[name].after for name, _ in found), password.name
        seen += 1
    assert seen or stack == "prod"


def test_a_rotation_has_the_passwords_of_before_where_the_server_reads_them() -> None:
    assert places("credentials-database-root-3", 3) == [("mariadb-credentials", "root-password"), ("mariadb-rotation-files", "login-03")]
    assert places("credentials-database-root-2", 3)[0] == ("mariadb-credentials", "previous-root-password")
    assert places("credentials-database-root-1", 3) == [("mariadb-rotation-files", "login-01")]
    assert places("credentials-secret-key-base-1", 2) == []
    assert places("registry-cache-password", 1) == places("registry-cache-password-2", 2) == [("registry-cache-credentials", "password")]
    assert set(PREVIOUS) | {LOGINS[0]} <= set(CURRENT)


def test_what_is_in_use_is_read_and_what_nothing_reads_is_made() -> None:
    wanted = [_password("credentials-secret-key-base-1", **HEX), _password("credentials-secret-key-base-2", **HEX)]
    texts = {("portus-credentials", "secret-key-base"): "f" * 128}
    made, new = recovered([*wanted, _secret("credentials-secret-key-base-2")], lambda *place: texts.get(place))
    assert made[wanted[1]["urn"]]["outputs"]["result"] == Secret("f" * 128)
    assert new == ["credentials-secret-key-base-1"]
    assert re.fullmatch("[0-9a-f]{128}", made[wanted[0]["urn"]]["outputs"]["result"].value)


def test_a_password_in_use_that_is_nowhere_is_refused_with_its_place() -> None:
    wanted = [_password("credentials-administrator-1"), _secret("credentials-administrator-1")]
    with pytest.raises(OpsError, match=r"key administrator-password of Secret portus-credentials-\.\.\., and is not.*Nothing was changed"):
        recovered(wanted, lambda *_: None)
    with pytest.raises(OpsError, match="no Secret that this command knows"):
        recovered([_password("credentials-other-1"), _secret("credentials-other-1")], lambda *_: None)


def test_a_password_is_noted_as_the_plugin_notes_it() -> None:
    found = noted(LETTERS, "abc")
    outputs = found["outputs"]
    assert (found["id"], outputs["id"], found["inputs"]) == ("none", "none", LETTERS)
    assert outputs["__meta"] == '{"schema_version":"3"}'
    assert (outputs["number"], outputs["numeric"], outputs["lower"], outputs["minLower"]) == (False, False, True, 0)
    assert bcrypt.checkpw(b"abc", outputs["bcryptHash"].value.encode())


@pytest.mark.parametrize(("inputs", "form"), [(LETTERS, "[A-Za-z]{40}"), (HEX, "[0-9a-f]{128}")])
def test_a_new_password_has_the_form_that_the_program_asks_for(inputs: dict[str, Any], form: str) -> None:
    assert re.fullmatch(form, generated({"lower": True, "upper": True, "numeric": True, "special": True, **inputs}))
