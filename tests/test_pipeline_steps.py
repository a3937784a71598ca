"""The steps of the example pipelines, run as written, with programs in place of make, gh, curl and the doctor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.doctor.catalog import examine
from ops.doctor.report import as_json
from ops.kube.http import NoAnswer
from tests.ops.doctor.stage import healthy
from tests.test_pipelines import GITHUB, GITLAB

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


def _github(job: str, step: str) -> str:
    jobs: Any = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))["jobs"]
    (script,) = (each["run"] for each in jobs[job]["steps"] if each.get("name") == step)
    return str(script)


def _gitlab(job: str) -> str:
    content: Any = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))
    return "\n".join(content[job]["script"])


def test_github_shows_which_objects_a_pull_request_changes(place: Path) -> None:
    done = _run(place, _github("verify", "Show what changes in the objects"), {"BASE": _base(place)}, "-e")
    assert done.returncode == 0, done.stderr
    summary = (place / "summary").read_text(encoding="utf-8").splitlines()
    assert summary[:2] == ["### Objects of prod", "```diff"]
    assert summary[-3:] == ["-replicas: 1", "+replicas: 2", "```"]


def test_github_shows_a_new_stacks_objects_as_new(place: Path) -> None:
    shutil.move(place / "checkout" / "objects", place / "kept")
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y.z", "commit", "-qam", "x"], cwd=place / "checkout", check=True)
    base = subprocess.run(["git", "rev-parse", "HEAD"], cwd=place / "checkout", capture_output=True, text=True, check=True).stdout.strip()
    shutil.move(place / "kept", place / "checkout" / "objects")
    done = _run(place, _github("verify", "Show what changes in the objects"), {"BASE": base}, "-e")
    assert done.returncode == 0, done.stderr
    assert "+replicas: 2" in (place / "summary").read_text(encoding="utf-8")


def test_gitlab_keeps_which_objects_a_merge_request_changes(place: Path) -> None:
    remote = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": _base(place)}
    subprocess.run(["git", "remote", "add", "origin", str(place / "checkout")], cwd=place / "checkout", check=True)
    script = _gitlab("verify").replace('make verify STACK="$STACK"\n', "")
    done = _run(place, script, remote, "-eo", "pipefail")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["-replicas: 1", "+replicas: 2"]


@pytest.mark.parametrize("code", [0, 1])
def test_github_comments_a_preview_whether_it_ends_well_or_not(code: int, place: Path) -> None:
    _program(place, "gh", 'echo "$*" > "$HOME/words"; cp comment.md "$HOME/comment"')
    assert _run(place, _github("preview", "Preview"), {"PREVIEW_CODE": str(code)}, "-e").returncode == code
    assert _run(place, _github("preview", "Comment on the pull request"), {"NUMBER": "7"}, "-e").returncode == 0
    assert (place / "words").read_text(encoding="utf-8").startswith("pr comment 7 --repo team/portus ")
    assert "3 to create, `x` and $(y)" in (place / "comment").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [0, 1])
def test_gitlab_comments_a_preview_and_ends_as_it_did(code: int, place: Path) -> None:
    _program(place, "curl", 'echo "$*" > "$HOME/words"; cat > "$HOME/config"')
    more = {"PREVIEW_CODE": str(code), "COMMENT_TOKEN": "glpat-secret", "CI_API_V4_URL": "https://gitlab.example.com/api/v4"}
    done = _run(place, _gitlab("preview"), {**more, "CI_PROJECT_ID": "1", "CI_MERGE_REQUEST_IID": "7"}, "-eo", "pipefail")
    assert done.returncode == code, done.stderr
    words = (place / "words").read_text(encoding="utf-8")
    assert words.endswith("https://gitlab.example.com/api/v4/projects/1/merge_requests/7/notes\n")
    assert "glpat-secret" not in words + done.stdout + done.stderr
    assert (place / "config").read_text(encoding="utf-8") == 'header = "PRIVATE-TOKEN:glpat-secret"\n'
    assert "3 to create" in (place / "checkout" / "comment.md").read_text(encoding="utf-8")


def test_the_kubeconfig_is_the_runners_alone(place: Path) -> None:
    for job in ("preview", "up", "drift"):
        (place / "temp" / "kubeconfig").unlink(missing_ok=True)
        assert _run(place, _github(job, "Write the kubeconfig"), {"CONTENT": "apiVersion: v1"}, "-e").returncode == 0
        assert (place / "temp" / "kubeconfig").read_text(encoding="utf-8") == "apiVersion: v1\n"
        assert (place / "temp" / "kubeconfig").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(shutil.which("jq") is None, reason="the runner needs jq, this machine does not")
def test_the_nightly_job_shows_each_failed_check_and_fails(place: Path) -> None:
    report = as_json("prod", examine(healthy(database=NoAnswer("gone"))))
    (place / "temp" / "doctor.json").write_text(report, encoding="utf-8")
    (failed,) = (each for each in json.loads(report)["checks"] if each["state"] == "failed")
    done = _run(place, _github("drift", "Show what is broken"), {}, "-e")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"- {failed['check']}: {failed['seen']}. Fix: {failed['fix']} ({failed['page']})\n"
    assert (place / "summary").read_text(encoding="utf-8") == done.stdout

    python = place / "checkout" / ".venv" / "bin"
    python.mkdir(parents=True)
    (place / "bin" / "python").write_text(f'#!/bin/bash\ncat "{place}/temp/doctor.json"; exit 1\n', encoding="utf-8")
    (place / "bin" / "python").chmod(0o755)
    (python / "python").symlink_to(place / "bin" / "python")
    _program(place, "make", "exit 0")
    done = _run(place, _gitlab("drift"), {}, "-eo", "pipefail")
    assert done.returncode == 1
    assert failed["seen"] in done.stdout
