from __future__ import annotations

import base64
import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.engine import Engine
from lab.errors import LabError
from lab.render import preview
from lab.render.preview import render, rendered
from lab.stack import STACKS as FOLDER
from tests.golden import FOLDER as GOLDEN
from tests.recorder import ROOT, STACKS

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", autouse=True)
def _no_cluster(engine: Engine) -> None:
    """The engine is there; a cluster is not asked: the render names a kubeconfig that does not exist."""
    assert engine.pulumi.is_file()


@pytest.mark.parametrize("stack", STACKS)
def test_the_engine_renders_what_the_golden_render_holds(stack: str) -> None:
    text = "---\n".join(each.to_yaml() for each in rendered(stack))
    assert text == (GOLDEN / "render" / f"{stack}.yaml").read_text(encoding="utf-8")


def test_a_render_leaves_one_file_per_object_and_what_it_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "deployment-gone.yaml").write_text("# Rendered from stack lab for review\n")
    before = (FOLDER / "Pulumi.prod.yaml").read_bytes()
    render("prod", tmp_path)
    assert (FOLDER / "Pulumi.prod.yaml").read_bytes() == before
    files = {path.name: yaml.safe_load(path.read_text()) for path in tmp_path.glob("*.yaml")}
    assert files.pop("kustomization.yaml") == {"resources": []}
    assert "deployment-gone.yaml" not in files
    assert files["deployment-portus.yaml"]["metadata"]["name"] == "portus"
    assert all(name == f"{each['kind'].lower()}-{each['metadata']['name']}.yaml" for name, each in files.items())


def test_a_render_that_cannot_be_says_what_the_program_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "Pulumi.broken.yaml"
    broken.write_text("config:\n  portus:host: https://portus.example.com\n")
    monkeypatch.setattr(preview, "STACKS", tmp_path)
    monkeypatch.setattr(preview, "stack_names", lambda: ["broken"])
    monkeypatch.setattr("lab.stack.STACKS", tmp_path)
    with pytest.raises(LabError) as raised:
        rendered("broken")
    assert "portus:host" in raised.value.excerpt
    assert broken.read_text() == "config:\n  portus:host: https://portus.example.com\n"


def test_a_render_asks_no_cluster_and_keeps_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    os.mkfifo(kubeconfig, stat.S_IRUSR)  # whoever reads it waits for ever
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'no-backend'}")
    assert rendered("dev")
    assert not (tmp_path / "no-backend").exists()


def test_what_is_only_looked_up_in_the_cluster_is_not_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = yaml.safe_load((FOLDER / "Pulumi.dev.yaml").read_text())["config"]
    config["portus:exposure"] = {"kind": "gateway", "parentRefs": [{"name": "public", "namespace": "gateways"}]}
    (tmp_path / "Pulumi.gateway.yaml").write_text(yaml.safe_dump({"config": config}))
    monkeypatch.setattr(preview, "STACKS", tmp_path)
    monkeypatch.setattr(preview, "stack_names", lambda: ["gateway"])
    monkeypatch.setattr("lab.stack.STACKS", tmp_path)
    found = {each.reference for each in rendered("gateway")}
    assert "HTTPRoute/edge" in found
    assert not [reference for reference in found if reference.startswith("CustomResourceDefinition/")]


def test_an_unknown_stack_is_told_with_the_known_ones() -> None:
    with pytest.raises(LabError, match="lab-apache"):
        rendered("nowhere")


def test_a_secret_of_the_stack_file_is_read_with_the_users_passphrase_and_shown_nowhere(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unlike a generated secret it is known at preview."""
    secret = "directory-account-password"
    file = tmp_path / "stacks" / "Pulumi.encrypted.yaml"
    file.parent.mkdir()
    config = yaml.safe_load((FOLDER / "Pulumi.dev.yaml").read_text())["config"]
    authentication = {"enabled": True, "bind_dn": "cn=portus,dc=example,dc=com"}
    ldap = {"enabled": True, "hostname": "ldap.example.com", "base": "dc=example,dc=com", "authentication": authentication}
    config["portus:portus"]["config"] = {"ldap": ldap}
    file.write_text(yaml.safe_dump({"config": config}))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "the user's own")
    (tmp_path / "state").mkdir()
    for name in ("Pulumi.yaml", "__main__.py", "components", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = {**os.environ, **engine.environment(), "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}"}
    key = "portus:portus.config.ldap.authentication.password"
    for words in (("stack", "init", "encrypted", "--no-select"), ("config", "set", "--stack", "encrypted", "--secret", "--path", key)):
        command = [str(engine.pulumi), *words, "--cwd", str(tmp_path), "--non-interactive"]
        subprocess.run(command, env=environment, input=secret, text=True, check=True, capture_output=True)
    assert secret not in file.read_text()
    monkeypatch.setattr(preview, "STACKS", file.parent)
    monkeypatch.setattr(preview, "stack_names", lambda: ["encrypted"])
    monkeypatch.setattr("lab.stack.STACKS", file.parent)

    found = {each.reference: each.to_yaml() for each in rendered("encrypted")}
    assert "ldap" in found["Secret/portus-credentials"]
    text = "".join(found.values())
    assert secret not in text
    assert base64.b64encode(secret.encode()).decode() not in text

    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    with pytest.raises(LabError) as raised:
        rendered("encrypted")
    assert "passphrase" in raised.value.excerpt
