"""A new environment's stack file loads whatever was chosen, and nothing is ever overwritten."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from components.settings.load import sections
from components.settings.parse import parse
from components.settings.sections import exposure
from components.settings.stack import Profile, StackSettings
from ops import new_stack
from ops.__main__ import main as ops
from ops.new_stack import NewStack
from ops.paths import ROOT
from tests.settings.corpus import StackFile

FLAGS = ["--host", "portus.example.com", "--version", "2.5", "--exposure", "load_balancer", "--profile", "development"]


@pytest.fixture(autouse=True)
def stacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(new_stack, "STACKS", tmp_path / "stacks")
    return tmp_path / "stacks"


@pytest.mark.parametrize(
    ("version", "kind", "profile"), list(itertools.product(new_stack.VERSIONS, new_stack.EXPOSURES, new_stack.PROFILES))
)
def test_every_choice_makes_a_stack_file_that_loads(version: str, kind: str, profile: str, stacks: Path) -> None:
    image = "" if version >= "2.3" else f"images.example.com:5000/team/portus:{version}"
    gateway = "gateways/public" if kind == "gateway" else ""
    new_stack.write(
        NewStack(name="qa", host="portus.example.com", version=version, image=image, exposure=kind, gateway=gateway, profile=profile)
    )
    settings = StackFile(stacks / "Pulumi.qa.yaml").parse()
    assert (settings.host, settings.portus.version, settings.exposure.kind, settings.profile) == (
        "portus.example.com",
        version,
        kind,
        profile,
    )
    assert settings.protect is (profile == "production")


def test_every_kind_and_profile_of_the_settings_can_be_chosen() -> None:
    kinds = {member.model_fields["kind"].annotation for member in exposure.ExposureSettings.__origin__.__args__}  # type: ignore[attr-defined]
    assert {kind.__args__[0] for kind in kinds} == set(new_stack.EXPOSURES)
    assert set(new_stack.PROFILES) == set(Profile)


@pytest.mark.parametrize("host", ["a.b", "xn--bcher-kva.example", "portus.dev.test", f"{'a' * 63}.example.com", "1.example.com"])
def test_a_host_that_is_taken_is_one_that_the_program_takes(host: str) -> None:
    assert new_stack.problem_of_host(host) == ""
    stack = NewStack(name="qa", host=host, version="2.5", exposure="load_balancer", profile="development")
    assert _parsed(stack.render()).host == host


@pytest.mark.parametrize("image", ["portus:2.2", "a/b/c-d_e:1", "localhost:5000/portus:v1", f"example.com/portus@sha256:{'a' * 64}"])
def test_an_image_that_is_taken_is_one_that_the_program_takes(image: str) -> None:
    assert new_stack.problem_of_image(image, "2.2") == ""
    stack = NewStack(name="qa", host="portus.example.com", version="2.2", image=image, exposure="cluster_ip", profile="production")
    assert _parsed(stack.render()).images.portus == image


def _parsed(text: str) -> StackSettings:
    config = yaml.safe_load(text)["config"]
    return parse(sections(config, "portus:"), file="qa", encrypted=lambda _: False, name="qa")


def test_the_flags_alone_write_the_file_and_the_next_command_is_printed(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops(["new-stack", "qa", *FLAGS]) == 0
    assert (stacks / "Pulumi.qa.yaml").is_file()
    said = capsys.readouterr().out
    assert "Next: make verify STACK=qa, then make up STACK=qa KUBECONFIG=..." in said
    assert "certificate" not in said


def test_production_lists_what_it_still_needs(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops(["new-stack", "qa", *FLAGS[:-1], "production"]) == 0
    assert "replace the self-signed certificate" in capsys.readouterr().out
    assert "TODO: users must trust the certificate" in (stacks / "Pulumi.qa.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["new-stack", "q a", *FLAGS], "must have at most 63 letters"),
        (["new-stack", "../qa", *FLAGS], "must have at most 63 letters"),
        (["new-stack", "a" * 64, *FLAGS], "must have at most 63 letters"),
        (["new-stack", "lab2", *FLAGS], "must not begin with 'lab'"),
        (["new-stack", "qa"], "--host, --version, --exposure, --profile must be set"),
        (["new-stack", "qa", *FLAGS, "--host", "https://portus.example.com"], "--host must be a public DNS name"),
        (["new-stack", "qa", *FLAGS, "--host", "10.0.0.1"], "--host must be a public DNS name"),
        (["new-stack", "qa", *FLAGS, "--version", "2.2"], "--image must be an image with a version or digest, because Portus 2.2 has no"),
        (["new-stack", "qa", *FLAGS, "--image", "portus:latest"], "--image must be an image with a version or digest"),
        (["new-stack", "qa", *FLAGS, "--image", "portus"], "--image must be an image with a version or digest"),
        (["new-stack", "qa", *FLAGS, "--exposure", "gateway"], "--gateway must be NAME or NAMESPACE/NAME"),
        (["new-stack", "qa", *FLAGS, "--exposure", "gateway", "--gateway", "a/b/c"], "--gateway must be NAME or NAMESPACE/NAME"),
        (["new-stack", "qa", *FLAGS, "--exposure", "nodeport"], "'nodeport' is not one of"),
        (["new-stack", "qa", *FLAGS, "--gateway", "gateways/public"], "--gateway must not be set with --exposure load_balancer"),
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_is_written(
    words: list[str], told: str, stacks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops(words) != 0
    assert told in re.sub(r"\s+", " ", capsys.readouterr().err)
    assert not stacks.exists()


def test_a_stack_file_is_never_overwritten(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stacks.mkdir()
    (stacks / "Pulumi.qa.yaml").write_text("mine\n", encoding="utf-8")
    assert ops(["new-stack", "qa", *FLAGS]) == 1
    assert "Pulumi.qa.yaml must not exist" in capsys.readouterr().err
    assert (stacks / "Pulumi.qa.yaml").read_text(encoding="utf-8") == "mine\n"


def test_without_flags_it_asks_until_the_answer_is_valid(stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_stack, "_is_terminal", lambda: True)
    answers = "nonsense\nportus.example.com\n2.2\nportus:2.2\ngateway\ngateways/public\nproduction\n"
    done = CliRunner().invoke(new_stack.command, ["qa"], input=answers)
    assert done.exit_code == 0, done.output
    assert "It must be a public DNS name" in done.output
    assert StackFile(stacks / "Pulumi.qa.yaml").parse().exposure.kind == "gateway"


def test_enter_takes_the_defaults(stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_stack, "_is_terminal", lambda: True)
    done = CliRunner().invoke(new_stack.command, ["qa"], input="portus.example.com\n\n\n\n")
    assert done.exit_code == 0, done.output
    assert StackFile(stacks / "Pulumi.qa.yaml").parse().portus.version == "2.5"


def test_pulumi_news_defaults_and_a_host_make_a_stack_that_loads() -> None:
    """Pulumi writes each answer as a text; the program reads one that begins with '{' as JSON."""
    asked = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["template"]["config"]
    answers = {key: question.get("default", "portus.example.com") for key, question in asked.items()}
    assert [key for key, question in asked.items() if "default" not in question] == ["portus:host"]
    settings = _parsed(yaml.safe_dump({"config": answers}))
    assert (settings.profile, settings.portus.version, settings.exposure.kind) == ("development", "2.5", "load_balancer")
