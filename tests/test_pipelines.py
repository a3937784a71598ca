"""The example pipelines: their form is right, what they run exists, and nothing secret reaches a fork."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click
import pytest
import yaml

from ops.commands import MODULES
from ops.paths import ROOT

PIPELINES = ROOT / "examples" / "pipelines"
GITHUB = PIPELINES / "github-actions.yml"
GITLAB = PIPELINES / "gitlab-ci.yml"
FORKS = {"verify"}
"""Jobs that run for what a fork proposes."""


def _github() -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))["jobs"]
    return jobs


def _gitlab() -> dict[str, Any]:
    content = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))
    return {name: job for name, job in content.items() if isinstance(job, dict) and "stage" in job}


def _scripts() -> Iterator[tuple[str, str]]:
    """Give each job's name and its shell text."""
    for name, job in _github().items():
        yield from ((f"github {name}", step["run"]) for step in job["steps"] if "run" in step)
    content = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))
    for name, job in _gitlab().items():
        before = content[job["extends"]]["before_script"] if "extends" in job else []
        yield f"gitlab {name}", "\n".join([*before, *job["script"]])


SCRIPTS = list(_scripts())


@pytest.mark.parametrize(
    "words",
    [
        ["--builtin-schema", "vendor.github-workflows", str(GITHUB)],
        ["--builtin-schema", "custom.github-workflows-require-timeout", str(GITHUB)],
        ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(GITLAB)],
    ],
    ids=lambda words: words[1],
)
def test_a_pipeline_has_the_form_of_its_service(words: list[str]) -> None:
    """The schemas are in the package of check-jsonschema: nothing is downloaded."""
    done = subprocess.run([sys.executable, "-m", "check_jsonschema", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("job", "script"), SCRIPTS)
def test_a_step_is_shell_that_bash_reads(job: str, script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{job}: {done.stderr}"


def test_every_target_and_variable_of_make_that_a_step_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {word for line in re.findall(r"(?m)^([a-z][a-z -]*):", makefile) for word in line.split()} | {".venv/.ready"}
    variables = set(re.findall(r"\b[A-Z]{3,}\b", makefile))
    calls = [call.split() for _, script in SCRIPTS for call in re.findall(r"\bmake (?:-C \S+ )?([^|;&>\n]+)", script)]
    assert {call[0] for call in calls} == {"verify", "render", "preview", "up", ".venv/.ready"}
    assert {call[0] for call in calls} <= targets
    assert {word.partition("=")[0] for call in calls for word in call[1:] if re.match("[A-Z]+=", word)} <= variables


def test_every_command_and_option_of_ops_that_a_step_names_exists() -> None:
    called = [call.split() for _, script in SCRIPTS for call in re.findall(r"python -m ops ([^|;&>\n]+)", script)]
    assert {call[0] for call in called} == {"doctor"}
    for name, *words in called:
        command = import_module(MODULES[name]).COMMANDS[name]
        options = {text for each in command.params if isinstance(each, click.Option) for text in each.opts}
        assert {word for word in words if word.startswith("--")} <= options


def test_the_engine_is_the_sdks_version() -> None:
    pinned = re.search(r"(?m)^pulumi==(.+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"))
    assert pinned is not None
    for file in (GITHUB, GITLAB):
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert (found.get("env") or found["variables"])["PULUMI_VERSION"] == pinned[1]


def test_a_forks_job_has_no_secret_and_every_other_job_shuts_forks_out() -> None:
    for name, job in _github().items():
        secret = "secrets." in yaml.safe_dump(job)
        assert secret is (name not in FORKS), name
        assert ("environment" in job) is secret, f"{name}: its secrets are of an environment"
        if secret and "pull_request" in job["if"]:
            assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
    for name, job in _gitlab().items():
        assert ("environment" in job) is (name not in FORKS), f"{name}: its variables are of an environment"
        rule = job["rules"][0]["if"]
        assert name in FORKS or "merge_request" not in rule or "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule
    triggers = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))[True]  # YAML 1.1 reads "on" as true
    assert "pull_request_target" not in triggers, "it gives secrets to what a fork wrote"


def test_what_changes_or_reads_a_whole_stack_runs_one_at_a_time_and_to_its_end() -> None:
    for name in ("up", "drift"):
        assert _github()[name]["concurrency"] == {"group": "portus-prod", "cancel-in-progress": False}
        assert _gitlab()[name]["resource_group"] == "portus-prod"


def test_production_waits_for_an_approval() -> None:
    assert _github()["up"]["environment"] == _gitlab()["up"]["environment"] == "production"
    assert _gitlab()["up"]["rules"][0]["when"] == "manual"


@pytest.mark.parametrize(("job", "script"), SCRIPTS)
def test_no_text_of_an_event_and_no_secret_is_written_into_a_steps_shell(job: str, script: str) -> None:
    """An expression would be replaced before the shell reads it: a branch's name could be a command."""
    assert "${{" not in script, job
    for secret in ("$PULUMI_CONFIG_PASSPHRASE", "$KUBECONFIG", "$GH_TOKEN"):
        assert secret not in script, job
    for line in script.splitlines():
        if re.search(r"\$(CONTENT|COMMENT_TOKEN)", line):
            assert line.lstrip().startswith("printf "), f"{job}: only the shell's own printf keeps it from the process list"
