"""What is written: the secrets' way into the stack file, the plan, and nothing over what is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from ops.adopt.commands import adopt
from tests.ops.adopt import support

LDAP = support.COMPOSE / "ldap-inside" / "docker-compose.yml"
SECRET = "portus.config.ldap.authentication.password"


def fake_pulumi(folder: Path, script: str) -> dict[str, str]:
    """Return an environment whose pulumi is ``script``."""
    folder.mkdir(exist_ok=True)
    program = folder / "pulumi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{support.ENVIRONMENT['PATH']}"}


def project(tmp_path: Path) -> Path:
    """Return a program's folder."""
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "Pulumi.yaml").write_text("name: portus\n")
    return tmp_path / "program"


def test_pulumi_gets_each_secret_by_its_standard_input_and_never_as_an_argument(tmp_path: Path) -> None:
    folder = project(tmp_path)
    env = fake_pulumi(tmp_path / "bin", 'echo "$@" >> "$0.args"; cat >> "$0.stdin"')
    result = support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", folder, env=env)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "bin" / "pulumi.stdin").read_text() == "zebra-ldap"
    arguments = (tmp_path / "bin" / "pulumi.args").read_text()
    assert arguments.strip() == f"config set --non-interactive --stack prod --secret --path portus:{SECRET}"
    assert f"Encrypted in the stack file: `portus:{SECRET}`" in (folder / "adopt-prod" / "report.md").read_text()


def test_a_pulumi_that_refuses_leaves_the_commands_in_the_report(tmp_path: Path) -> None:
    folder = project(tmp_path)
    env = fake_pulumi(tmp_path / "bin", 'echo "error: no stack named prod" >&2; exit 1')
    result = support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", folder, env=env)
    assert result.exit_code == 0
    report = (folder / "adopt-prod" / "report.md").read_text()
    assert "no stack named prod" in report
    assert "pulumi stack select --create prod" in report
    assert f"pulumi config set --stack prod --secret --path portus:{SECRET}" in report


def test_a_secret_that_pulumi_repeats_does_not_reach_the_report(tmp_path: Path) -> None:
    folder = project(tmp_path)
    env = fake_pulumi(tmp_path / "bin", 'echo "error: $(cat)" >&2; exit 1')
    support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", folder, env=env)
    assert "zebra" not in (folder / "adopt-prod" / "report.md").read_text()


def test_the_command_in_the_report_prints_that_secret_alone_and_writes_nothing(tmp_path: Path) -> None:
    result = support.run(
        "compose", "--file", LDAP, "--stack", "prod", "--dir", tmp_path / "new", "--secret", SECRET, env=support.ENVIRONMENT
    )
    assert result.output == "zebra-ldap"
    assert not (tmp_path / "new").exists()


def test_an_unknown_secret_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    result = support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", tmp_path, "--secret", "x", env=support.ENVIRONMENT)
    assert result.exit_code == 1
    assert SECRET in result.output


def test_the_plan_has_every_step_in_order_with_its_commands(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "prod", "--dir", tmp_path, env=support.ENVIRONMENT)
    plan = (tmp_path / "adopt-prod" / "plan.md").read_text()
    steps = ["Prepare", "Freeze", "Database", "Blobs", "Check", "DNS", "The way back", "Afterwards"]
    places = [plan.index(f". {step}") for step in steps]
    assert places == sorted(places)
    commands = ["exec -T store sh -c", "| gzip > portus.sql.gz", "import-database --stack prod", "make check STACK=prod", "stop jobs"]
    commands += ["pulumi stack select --create prod", "ops check-images --stack prod", "export KUBECONFIG="]
    commands += ["exec -T images tar -C /var/lib/registry", "-f adopt-prod/freeze.yml up -d --no-deps images"]
    for command in commands:
        assert command in plan, command


def test_the_freeze_makes_the_old_registry_read_only(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "prod", "--dir", tmp_path, env=support.ENVIRONMENT)
    frozen = yaml.safe_load((tmp_path / "adopt-prod" / "freeze.yml").read_text())
    value = frozen["services"]["images"]["environment"]["REGISTRY_STORAGE_MAINTENANCE_READONLY"]
    assert yaml.safe_load(value) == {"enabled": True}


def test_the_freeze_has_the_form_of_the_file_that_it_is_merged_with(tmp_path: Path) -> None:
    file = support.COMPOSE / "version-1-own-image" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "old", "--dir", tmp_path, env=support.ENVIRONMENT)
    assert set(yaml.safe_load((tmp_path / "adopt-old" / "freeze.yml").read_text())) == {"images"}
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    support.run("compose", "--file", file, "--stack", "new", "--dir", tmp_path, env=support.ENVIRONMENT)
    assert yaml.safe_load((tmp_path / "adopt-new" / "freeze.yml").read_text())["version"] == "2"


def test_the_plan_quotes_a_path_with_a_space(tmp_path: Path) -> None:
    folder = tmp_path / "old portus"
    shutil.copytree(support.COMPOSE / "tls-and-nginx", folder)
    support.run("compose", "--file", folder / "docker-compose.yml", "--stack", "prod", "--dir", tmp_path, env=support.ENVIRONMENT)
    assert f"docker compose -f '{folder}/docker-compose.yml' exec" in (tmp_path / "adopt-prod" / "plan.md").read_text()


@pytest.mark.parametrize("option", ["--host", "--registry-host"])
@pytest.mark.parametrize("text", ["192.0.2.1", "https://portus.team.test", "portus.team.test:5000", "portus", "a b.test"])
def test_a_host_that_cannot_be_a_public_name_is_refused(option: str, text: str, tmp_path: Path) -> None:
    result = support.run("compose", "--file", LDAP, "--stack", "prod", "--dir", tmp_path / "new", option, text)
    assert result.exit_code == 1
    assert option in result.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("shape", ["s3-certbot", "bare", "clair-redis-external", "apache-2-2"])
def test_the_plan_of_every_kind_of_source_is_written(shape: str, tmp_path: Path) -> None:
    file = support.COMPOSE / shape / "docker-compose.yml"
    assert support.run("compose", "--file", file, "--stack", "prod", "--dir", tmp_path, env=support.ENVIRONMENT).exit_code == 0
    plan = (tmp_path / "adopt-prod" / "plan.md").read_text()
    assert ("the same s3 store" in plan) == (shape == "s3-certbot")
    assert ("hidden user" in plan) == (shape == "apache-2-2")


def test_every_command_has_its_help() -> None:
    for command in adopt.commands:
        assert support.run(command, "--help").exit_code == 0
