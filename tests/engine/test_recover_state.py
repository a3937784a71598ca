"""A lost state is made again with the real engine: the same passwords, keys and certificates, and nothing in clear.

The objects that hold them are the test's own here; tests/cluster/test_lost.py has the whole command.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from lab.engine import Engine
from ops import paths
from ops.pulumi.stack import Stack as LabStack
from ops.state import engine as pulumi
from ops.state.certificates import Certificates
from ops.state.document import document
from ops.state.passwords import CURRENT, PASSWORD, recovered
from ops.state.values import name_of
from tests.engine.harness import Stack
from tests.readable import readable

pytestmark = pytest.mark.engine

PROGRAM = """
import types
from components.credentials import Credentials
from components.settings.sections.credentials import CredentialSettings, RotationSettings
from components.settings.sections.tls import SelfSignedTls
from components.tls import SelfSignedCertificate
from components.tls.signing_key import SigningKey

made = Credentials("credentials", settings=CredentialSettings(rotation=RotationSettings(secretKeyBase=2)), protect=True)
served = SelfSignedCertificate("tls", stack=types.SimpleNamespace(protect=True), settings=SelfSignedTls(),
                               hosts=["portus.example.com", "registry.example.com"])
signer = SigningKey("served-tls-signing", host="portus.example.com", version=1, protect=True)
for role in {roles!r}:
    pulumi.export(role, getattr(made, role))
pulumi.export("chain", served.key_pair.chain)
pulumi.export("key", served.key_pair.private_key)
pulumi.export("trust", served.trust)
pulumi.export("key_id", served.signers[0].key_id)
pulumi.export("signing_key", signer.private_key)
pulumi.export("signer", signer.signer.certificate)
""".format(
    roles=("secret_key_base", "portus_password", "http_secret", "database_root", "database_application", "database_backup", "administrator")
)


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Stack:
    return Stack(engine, tmp_path, {"PYTHONPATH": str(paths.ROOT)})


@pytest.fixture
def stack(project: Stack, monkeypatch: pytest.MonkeyPatch) -> LabStack:
    monkeypatch.setattr("ops.paths.ROOT", project.folder)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PYTHONPATH"):
        monkeypatch.setenv(name, project.environment[name])
    return LabStack(name="test", engine=project.engine, kubeconfig=project.folder / "kubeconfig")


def _held(values: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return what the objects of the cluster would hold."""
    passwords = {
        place: values[role.removeprefix("credentials-").replace("-", "_")] for role, (place, *_) in CURRENT.items() if "cred" in role
    }
    return passwords | {
        ("served-tls-certificate", "tls.crt"): values["chain"],
        ("served-tls-certificate", "tls.key"): values["key"],
        ("served-tls-trust", "ca.crt"): values["trust"],
        ("served-tls-signing-key", "signing.key"): values["signing_key"],
        ("registry-config", "token-signers.crt"): values["signer"],
    }


def _lose(project: Stack) -> None:
    shutil.rmtree(project.folder / "state" / ".pulumi")


def _recover(stack: LabStack, values: dict[str, Any]) -> None:
    stack.select()
    wanted, held = pulumi.program(stack), _held(values)
    used = [str(each["urn"]) for each in wanted if each["type"] == PASSWORD and name_of(each) != "credentials-secret-key-base-1"]
    passwords, new = recovered([*wanted, {"type": "kubernetes:core/v1:Secret", "dependencies": used}], lambda *place: held.get(place))
    assert new == ["credentials-secret-key-base-1"]
    certificates = Certificates(wanted, lambda *place: held.get(place))
    pulumi.write(stack, document(stack.export(), wanted, passwords | certificates.recovered()))


def test_passwords_keys_and_certificates_come_back_as_they_were(project: Stack, stack: LabStack) -> None:
    project.program(PROGRAM)
    project.up()
    before, resources = project.outputs(), project.export()["deployment"]["resources"]
    _lose(project)
    project.run("stack", "init", "test")
    project.up()
    assert project.outputs() != before, "a deployment that was tried without the state"
    project.run("stack", "rm", "test", "--force", "--preserve-config", "--yes")
    _recover(stack, before)
    project.preview("--expect-no-changes")
    project.refresh("--expect-no-changes")
    project.up("--expect-no-changes")
    assert project.outputs() == before
    again = project.export()["deployment"]["resources"]
    assert {_noted(each) for each in again} == {_noted(each) for each in resources}
    secrets = [value for role, value in before.items() if role not in {"chain", "trust", "key_id", "signer"}]
    written = project.everything_written()
    for value in secrets:
        assert not readable(project.export(), value)
        assert json.dumps(value)[1:-1] not in written
    assert before["key_id"] in written, "the scan finds what is not secret"


def _noted(resource: dict[str, Any]) -> str:
    """Return what two states must have in common of a resource: its place, protection, and the keys of its values."""
    kept = {key: resource.get(key) for key in ("urn", "type", "custom", "parent", "protect", "additionalSecretOutputs")}
    related = {key: sorted(resource.get(key) or ()) for key in ("dependencies", "inputs", "outputs") if resource["custom"]}
    return json.dumps([kept, related, (resource.get("provider") or "").rpartition("::")[0]], sort_keys=True)


def test_no_certificate_is_issued_by_the_lost_ca_and_the_manuals_steps_make_a_new_one(project: Stack, stack: LabStack) -> None:
    project.program(PROGRAM)
    project.up()
    before = project.outputs()
    _lose(project)
    _recover(stack, before)
    project.program(PROGRAM.replace('"registry.example.com"', '"other.example.com"'))
    assert "tls-certificate" in project.up(fails=True).diagnostics
    project.program(PROGRAM)
    project.up()
    assert project.outputs() == before
    urns = {name_of(each): str(each["urn"]) for each in project.export()["deployment"]["resources"]}
    for name in ("tls-ca-key", "tls-ca"):
        project.run("state", "unprotect", urns[name], "--yes")
    project.up("--replace", urns["tls-ca-key"])
    after = project.outputs()
    assert {role for role in before if before[role] != after[role]} == {"chain", "trust"}
    leaf, authority = x509.load_pem_x509_certificates(after["chain"].encode())
    leaf.verify_directly_issued_by(authority)
    assert after["trust"] in after["chain"]
    project.run("state", "unprotect", "--all", "--yes")


def test_a_state_whose_passphrase_is_lost_is_made_again_under_a_new_one(
    project: Stack, stack: LabStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.program(PROGRAM)
    project.up()
    before = project.outputs()
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    project.environment["PULUMI_CONFIG_PASSPHRASE"] = "another"
    assert "passphrase" in project.preview(fails=True).text
    (file,) = (project.folder / "state" / ".pulumi" / "stacks").rglob("test.json")
    file.rename(project.folder / "kept.json")
    (project.folder / "Pulumi.test.yaml").write_text("config: {}\n", encoding="utf-8")  # without its encryptionsalt
    project.run("stack", "init", "test")
    _recover(stack, before)
    project.up("--expect-no-changes")
    assert project.outputs() == before


def test_the_backend_keeps_copies_of_the_state_as_the_manual_says(project: Stack) -> None:
    project.program(PROGRAM)
    project.up()
    before = project.outputs()
    kept = sorted((project.folder / "state" / ".pulumi" / "backups" / "engine-test" / "test").glob("*.json"))
    (file,) = (project.folder / "state" / ".pulumi" / "stacks").rglob("test.json")
    file.unlink()
    shutil.copyfile(kept[-1], file)
    project.up("--expect-no-changes")
    assert project.outputs() == before
