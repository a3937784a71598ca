"""The example pipelines: their form is right, what they run exists, nothing secret reaches a fork, and the steps do what they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import check_jsonschema
import click
import pytest
import yaml
from click.testing import CliRunner

from ops.commands import MODULES
from ops.doctor.catalog import examine
from ops.doctor.report import as_json
from ops.kube.http import NoAnswer
from ops.paths import ROOT
from tests.ops.doctor.stage import healthy

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
    result = CliRunner().invoke(check_jsonschema.main, words)
    assert result.exit_code == 0, result.output


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


# The steps, run as written, with programs in place of make, gh, curl and the doctor.


RENDER = """
while [ "$1" != render ] && [ "$1" != preview ]; do
  [ "$1" = -C ] && cd "$2" && shift
  shift
done
case "$1" in
  render) for word; do case "$word" in DIR=*) dir=${word#DIR=};; esac; done
    [ -f objects ] || exit 1; mkdir -p "$dir" && cp objects "$dir/deployment-portus.yaml";;
  preview) echo "previewing $2"; echo '3 to create, `x` and $(y)'; exit "${PREVIEW_CODE:-0}";;
esac
"""
"""A make whose render is the file ``objects`` of its folder, and whose preview ends as it is asked to."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository of two commits, beside it the programs and the runner's folder."""
    for name in ("checkout", "bin", "temp", "tmp"):
        (tmp_path / name).mkdir()
    _program(tmp_path, "make", RENDER)
    repository = tmp_path / "checkout"
    for text in ("replicas: 1\n", "replicas: 2\n"):
        (repository / "objects").write_text(text, encoding="utf-8")
        for words in (["init", "-q"], ["add", "objects"], ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"]):
            subprocess.run(["git", *words], cwd=repository, check=True)
    return tmp_path


def _program(place: Path, name: str, body: str) -> None:
    file = place / "bin" / name
    file.write_text(f"#!/bin/bash\n{body}", encoding="utf-8")
    file.chmod(0o755)


def _base(place: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD~"], cwd=place / "checkout", capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _run(place: Path, script: str, more: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "HOME": str(place),
        "TMPDIR": str(place / "tmp"),
        "STACK": "prod",
        "RUNNER_TEMP": str(place / "temp"),
        "GITHUB_STEP_SUMMARY": str(place / "summary"),
        "GITHUB_REPOSITORY": "team/portus",
        **more,
    }
    return subprocess.run(
        ["bash", *options, "-c", script], cwd=place / "checkout", env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def github_step(job: str, step: str) -> str:
    jobs: Any = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))["jobs"]
    (script,) = (each["run"] for each in jobs[job]["steps"] if each.get("name") == step)
    return str(script)


def gitlab_script(job: str) -> str:
    content: Any = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))
    return "\n".join(content[job]["script"])


def test_github_shows_which_objects_a_pull_request_changes(place: Path) -> None:
    done = _run(place, github_step("verify", "Show what changes in the objects"), {"BASE": _base(place)}, "-e")
    assert done.returncode == 0, done.stderr
    summary = (place / "summary").read_text(encoding="utf-8").splitlines()
    assert summary[:2] == ["### Objects of prod", "```diff"]
    assert summary[-3:] == ["-replicas: 1", "+replicas: 2", "```"]


def test_github_shows_a_new_stacks_objects_as_new(place: Path) -> None:
    shutil.move(place / "checkout" / "objects", place / "kept")
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y.z", "commit", "-qam", "x"], cwd=place / "checkout", check=True)
    base = subprocess.run(["git", "rev-parse", "HEAD"], cwd=place / "checkout", capture_output=True, text=True, check=True).stdout.strip()
    shutil.move(place / "kept", place / "checkout" / "objects")
    done = _run(place, github_step("verify", "Show what changes in the objects"), {"BASE": base}, "-e")
    assert done.returncode == 0, done.stderr
    assert "+replicas: 2" in (place / "summary").read_text(encoding="utf-8")


def test_gitlab_keeps_which_objects_a_merge_request_changes(place: Path) -> None:
    remote = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": _base(place)}
    subprocess.run(["git", "remote", "add", "origin", str(place / "checkout")], cwd=place / "checkout", check=True)
    script = gitlab_script("verify").replace('make verify STACK="$STACK"\n', "")
    done = _run(place, script, remote, "-eo", "pipefail")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["-replicas: 1", "+replicas: 2"]


@pytest.mark.parametrize("code", [0, 1])
def test_github_comments_a_preview_whether_it_ends_well_or_not(code: int, place: Path) -> None:
    _program(place, "gh", 'echo "$*" > "$HOME/words"; cp comment.md "$HOME/comment"')
    assert _run(place, github_step("preview", "Preview"), {"PREVIEW_CODE": str(code)}, "-e").returncode == code
    assert _run(place, github_step("preview", "Comment on the pull request"), {"NUMBER": "7"}, "-e").returncode == 0
    assert (place / "words").read_text(encoding="utf-8").startswith("pr comment 7 --repo team/portus ")
    assert "3 to create, `x` and $(y)" in (place / "comment").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [0, 1])
def test_gitlab_comments_a_preview_and_ends_as_it_did(code: int, place: Path) -> None:
    _program(place, "curl", 'echo "$*" > "$HOME/words"; cat > "$HOME/config"')
    more = {"PREVIEW_CODE": str(code), "COMMENT_TOKEN": "glpat-secret", "CI_API_V4_URL": "https://gitlab.example.com/api/v4"}
    done = _run(place, gitlab_script("preview"), {**more, "CI_PROJECT_ID": "1", "CI_MERGE_REQUEST_IID": "7"}, "-eo", "pipefail")
    assert done.returncode == code, done.stderr
    words = (place / "words").read_text(encoding="utf-8")
    assert words.endswith("https://gitlab.example.com/api/v4/projects/1/merge_requests/7/notes\n")
    assert "glpat-secret" not in words + done.stdout + done.stderr
    assert (place / "config").read_text(encoding="utf-8") == 'header = "PRIVATE-TOKEN:glpat-secret"\n'
    assert "3 to create" in (place / "checkout" / "comment.md").read_text(encoding="utf-8")


def test_the_kubeconfig_is_the_runners_alone(place: Path) -> None:
    for job in ("preview", "up", "drift"):
        (place / "temp" / "kubeconfig").unlink(missing_ok=True)
        assert _run(place, github_step(job, "Write the kubeconfig"), {"CONTENT": "apiVersion: v1"}, "-e").returncode == 0
        assert (place / "temp" / "kubeconfig").read_text(encoding="utf-8") == "apiVersion: v1\n"
        assert (place / "temp" / "kubeconfig").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(shutil.which("jq") is None, reason="the runner needs jq, this machine does not")
def test_the_nightly_job_shows_each_failed_check_and_fails(place: Path) -> None:
    report = as_json("prod", examine(healthy(database=NoAnswer("gone"))))
    (place / "temp" / "doctor.json").write_text(report, encoding="utf-8")
    (failed,) = (each for each in json.loads(report)["checks"] if each["state"] == "failed")
    done = _run(place, github_step("drift", "Show what is broken"), {}, "-e")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"- {failed['check']}: {failed['seen']}. Fix: {failed['fix']} ({failed['page']})\n"
    assert (place / "summary").read_text(encoding="utf-8") == done.stdout

    python = place / "checkout" / ".venv" / "bin"
    python.mkdir(parents=True)
    (place / "bin" / "python").write_text(f'#!/bin/bash\ncat "{place}/temp/doctor.json"; exit 1\n', encoding="utf-8")
    (place / "bin" / "python").chmod(0o755)
    (python / "python").symlink_to(place / "bin" / "python")
    _program(place, "make", "exit 0")
    done = _run(place, gitlab_script("drift"), {}, "-eo", "pipefail")
    assert done.returncode == 1
    assert failed["seen"] in done.stdout
