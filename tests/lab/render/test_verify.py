"""``make verify`` judges any legal stack file of an operator, and tells what changed against the committed render."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import __main__ as command
from lab.render.render import rendered, write
from lab.render.stackfile import read
from lab.render.verify import verify
from ops.errors import LabError
from tests.recorder import ROOT
from tests.settings.corpus import HERE, StackFile

MINIMAL = {"portus:host": "portus.qa.example.com", "portus:portus": {"version": "2.5"}, "portus:exposure": {"kind": "load_balancer"}}
"""The README's first stack file, without its profile: production asks for a certificate."""

EXAMPLES = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stack files of an operator."""
    for module in ("ops.pulumi.stack", "lab.render.render", "lab.render.verify"):
        monkeypatch.setattr(f"{module}.STACKS", tmp_path)
    return tmp_path


def _say(folder: Path, name: str, config: Mapping[str, object]) -> None:
    (folder / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_in_stacks_is_verified(name: str) -> None:
    """An operator who changes or adds one runs the same check by its verb; a legal file passes."""
    verify(name)


def test_an_example_shows_an_encrypted_value() -> None:
    assert "secure: v1:" in (ROOT / "stacks" / "Pulumi.prod.yaml").read_text()


def test_a_stack_of_a_few_lines_is_verified_without_passphrase_cluster_or_engine(
    stacks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [each for each in os.environ if each.startswith(("PULUMI_", "KUBE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "")
    _say(stacks, "qa", {**MINIMAL, "portus:tls": {"source": "self_signed"}, "portus:accept": ["self_signed_certificate"]})
    assert command.main(["verify", "--stack", "qa"]) == 0
    assert "no committed render" in capsys.readouterr().out


def test_a_difference_from_the_committed_render_is_shown_and_fails(stacks: Path) -> None:
    said = {**MINIMAL, "portus:tls": {"source": "self_signed"}, "portus:accept": ["self_signed_certificate"]}
    _say(stacks, "qa", said)
    folder = stacks / "rendered" / "qa"
    write(rendered("qa"), "qa", folder)
    verify("qa")
    _say(stacks, "qa", {**said, "portus:host": "portus.other.example.com"})
    with pytest.raises(LabError) as raised:
        verify("qa")
    assert "portus.other.example.com" in raised.value.excerpt
    assert "make render STACK=qa" in raised.value.remedy
    write(rendered("qa"), "qa", folder)
    verify("qa")


@pytest.mark.parametrize("sample", sorted((HERE / "samples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_encrypted_secret_is_taken_unseen(sample: Path, stacks: Path) -> None:
    """No check of a secret's content may refuse a ciphertext: the samples set every secret there is."""
    file = StackFile(sample)
    config: dict[str, Any] = {key: json.loads(value) if value[:1] in "{[" else value for key, value in file.configuration.items()}
    for path in file.secrets:
        node: Any = config
        for step in (f"portus:{path[0]}", *path[1:-1]):
            node = node[step]
        node[path[-1]] = {"secure": f"v1:{'/'.join(map(str, path))}"}
    _say(stacks, "sample", config)
    assert rendered("sample")


def test_a_key_that_stands_twice_is_refused_as_pulumi_refuses_it(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.twice.yaml"
    file.write_text("config:\n  portus:host: a.example.com\n  portus:protect: true\n  portus:host: b.example.com\n")
    with pytest.raises(LabError) as refused:
        read(file)
    assert "line 2 sets it, too" in refused.value.excerpt
    assert "line 4" in refused.value.excerpt
