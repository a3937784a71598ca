"""What a reader of a stack's state learns of its secrets: nothing, whatever the engine leaves unencrypted."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from lab.engine import Engine
from lab.repair import repair
from ops import paths
from ops.errors import OpsError
from ops.lifecycle import require_no_readable_secrets, unprotect_readable_secrets
from ops.pulumi.stack import Stack as LabStack
from tests.engine.harness import Stack
from tests.readable import readable

pytestmark = pytest.mark.engine

PROGRAM = """
from components.credentials import Credentials
from components.settings.sections.credentials import CredentialSettings, RotationSettings

rotation = RotationSettings(secretKeyBase=2, databaseApplication=2)
made = Credentials("credentials", settings=CredentialSettings(rotation=rotation), protect={protect})
ca = tls.PrivateKey("tls-ca-key", algorithm="RSA", rsa_bits=2048)
tls.SelfSignedCert("tls-ca", private_key_pem=ca.private_key_pem, is_ca_certificate=True, allowed_uses=["cert_signing"],
                   validity_period_hours=48, subject={{"common_name": "CA"}})
for role in {roles!r}:
    pulumi.export(role, getattr(made, role))
pulumi.export("previous_application", made.application_versions.previous)
pulumi.export("ca_key", ca.private_key_pem)
"""

ROLES = ("secret_key_base", "portus_password", "http_secret", "database_root", "database_application", "database_backup", "administrator")


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Stack:
    return Stack(engine, tmp_path, {"PYTHONPATH": str(paths.ROOT)})


def _as_the_verbs_see_it(project: Stack, monkeypatch: pytest.MonkeyPatch) -> LabStack:
    monkeypatch.setattr("ops.paths.ROOT", project.folder)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"):
        monkeypatch.setenv(name, project.environment[name])
    return LabStack(name="test", engine=project.engine, kubeconfig=project.folder / "kubeconfig")


def _program(*, protect: bool = False) -> str:
    return PROGRAM.format(protect=protect, roles=ROLES)


def test_a_state_shows_no_secret_in_any_form(project: Stack) -> None:
    project.program(_program())
    project.up()
    state = project.export()
    values = project.outputs()
    assert len(values) == len(ROLES) + 2
    for role, value in values.items():
        assert not readable(state, value), role
    assert readable([values["ca_key"].splitlines()[1]], values["ca_key"])
    assert readable({"id": base64.b64encode(bytes.fromhex(values["http_secret"])).decode()}, values["http_secret"])


def test_the_search_finds_what_a_genuine_id_shows(project: Stack) -> None:
    project.program('key = random.RandomBytes("key", length=64)\npulumi.export("hex", key.hex)\npulumi.export("base64", key.base64)\n')
    project.up()
    values = project.outputs()
    assert readable(project.export(), values["hex"])
    assert readable(project.export(), values["base64"])


def test_rails_secrets_are_128_hex_digits_and_passwords_40_letters(project: Stack) -> None:
    project.program(_program())
    project.up()
    values = project.outputs()
    for role in ("secret_key_base", "portus_password", "http_secret"):
        assert re.fullmatch("[0-9a-f]{128}", values[role]), role
    for role in ("database_root", "database_application", "database_backup", "administrator"):
        assert re.fullmatch("[A-Za-z]{40}", values[role]), role


BEFORE = """
class Credentials(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("portus:credentials:Credentials", "credentials")
        child, letters = pulumi.ResourceOptions(parent=self, protect=True), {"special": False, "numeric": False}
        for role, length in dict(secret_key_base=2, portus_password=1, http_secret=1).items():
            for number in range(1, length + 1):
                made = random.RandomBytes(f"credentials-{role.replace('_', '-')}-{number}", length=64, opts=child)
                pulumi.export(role, made.hex)
        for role, length in dict(database_root=1, database_application=2, database_backup=1, administrator=1).items():
            for number in range(1, length + 1):
                made = random.RandomPassword(f"credentials-{role.replace('_', '-')}-{number}", length=40, opts=child, **letters)
                pulumi.export(role, made.result)
Credentials()
ca = tls.PrivateKey("tls-ca-key", algorithm="RSA", rsa_bits=2048)
tls.SelfSignedCert("tls-ca", private_key_pem=ca.private_key_pem, is_ca_certificate=True, allowed_uses=["cert_signing"],
                   validity_period_hours=48, subject={"common_name": "CA"})
"""
"""The program as it made a stack's secrets when three of them were ``RandomBytes``."""

REPLACED = ("secret_key_base", "portus_password", "http_secret")


def test_an_older_stack_gets_new_secrets_for_those_that_its_state_shows_and_keeps_the_others(
    project: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.program(BEFORE)
    project.up()
    before = project.outputs()
    project.program(_program(protect=True))
    assert "protect" in project.preview(fails=True).diagnostics, "Pulumi itself refuses to delete them"
    stack = _as_the_verbs_see_it(project, monkeypatch)
    with pytest.raises(OpsError, match="4 protected secrets of stack test can be read in its state"):
        require_no_readable_secrets(stack)
    unprotect_readable_secrets(stack)
    require_no_readable_secrets(stack)
    shown = project.preview()
    assert (shown.count("create"), shown.count("delete"), shown.count("replace"), shown.count("update")) == (4, 4, 0, 0)
    project.up()
    after, state = project.outputs(), project.export()
    assert {role for role in ROLES if before[role] != after[role]} == set(REPLACED)
    for role in REPLACED:
        assert not readable(state, before[role]), f"the old {role} is out of the state"
        assert not readable(state, after[role])
    protected = [each["urn"] for each in state["deployment"]["resources"] if each.get("protect")]
    assert len(protected) == 9


def test_passwords_in_a_state_of_older_stand_ins_are_corrected_and_stay(project: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    project.program(_program(protect=True))
    project.up()
    before = project.outputs()
    state = project.export()
    for each in state["deployment"]["resources"]:
        if each["type"] == "random:index/randomPassword:RandomPassword":
            each["outputs"] = {key: value for key, value in each["outputs"].items() if key not in {"id", "__meta"}} | {"number": True}
    file = project.folder / "old.json"
    file.write_text(json.dumps(state), encoding="utf-8")
    project.run("stack", "import", "--file", str(file))
    assert "protect" in project.preview(fails=True).diagnostics, "as the genuine plugin, the stand-in wants to replace them"
    repair(_as_the_verbs_see_it(project, monkeypatch))
    project.preview("--expect-no-changes")
    project.up("--expect-no-changes")
    assert project.outputs() == before
