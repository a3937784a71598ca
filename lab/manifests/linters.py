"""The linters: kube-score from its Go module, checkov and kubernetes-validate in a virtualenv of their own; built once, in the cache.

They run over a folder of rendered objects.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab import cache, golang
from lab.golang import Program
from lab.manifests.results import Result
from lab.versions import KUBERNETES
from ops import process
from ops.console import Step
from ops.errors import OpsError
from ops.paths import LOGS

_REQUIREMENTS: Final = Path(__file__).parent / "linters.txt"
_KUBE_SCORE: Final = Program(
    name="kube-score",
    source=Path(__file__).parent / "go" / "kube-score",
    package="github.com/zegl/kube-score/cmd/kube-score",
)
_BUILD_GIB: Final = 1.0


@dataclass(frozen=True, slots=True)
class Programs:
    """What lints.

    Attributes:
        kube_score: the program.
        python: an interpreter that has checkov and kubernetes-validate.
    """

    kube_score: Path
    python: Path


def ensure_programs(step: Step) -> Programs:
    """Return the linters, building what the cache does not hold yet (about two minutes once).

    Raises:
        OpsError: no ``go``, too little disk, or a registry did not give a package.
    """
    return Programs(kube_score=golang.ensure([_KUBE_SCORE])["kube-score"] / "kube-score", python=_virtualenv(step))


def _virtualenv(step: Step) -> Path:
    key = cache.key(_REQUIREMENTS.read_bytes(), sys.version)

    def make(folder: Path) -> None:
        venv.create(folder, with_pip=True, clear=True)
        install: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            _REQUIREMENTS,
        ]
        process.run(install, log=LOGS / "install-linters.log", step=step)

    return cache.build("linters", key, make, needs_gib=_BUILD_GIB) / "bin" / "python"


Words = Sequence[str | Path]
References = Mapping[str, str]
"""``Kind/name`` of the object in each file of the folder."""

SCHEMAS: Final = (".".join(KUBERNETES.split(".")[:2]), "1.37")
"""Kubernetes versions whose schemas the objects must keep: the lab's, and the newest that kubernetes-validate ships."""

FINE: Final = 10
"""kube-score's grade of a check that has nothing to say."""

_VALIDATED: Final = re.compile(r"^(?P<level>INFO|WARN|ERROR|FATAL) (?P<file>\S+) (?P<text>.*)$")


def kube_score(programs: Programs, folder: Path, references: References) -> Iterator[Result]:
    """Yield the results of every check of kube-score, the optional ones too."""
    words: Words = [programs.kube_score, "score", "--output-format", "json", "--all-default-optional"]
    for scored in json.loads(_run([*words, "--kubernetes-version", f"v{SCHEMAS[0]}", *references], folder)):
        reference = f"{scored['type_meta']['kind']}/{scored['object_meta']['name']}"
        for check in scored["checks"]:
            if not check["skipped"]:
                problem = None if check["grade"] == FINE else "; ".join(map(_comment, check["comments"] or []))
                yield Result("kube-score", check["check"]["id"], reference, problem)


def kubernetes_validate(programs: Programs, folder: Path, references: References) -> Iterator[Result]:
    """Yield whether each object keeps Kubernetes' own schema; strictly, so that a misspelt field is a finding."""
    for version in SCHEMAS:
        words: Words = [programs.python, "-m", "kubernetes_validate", "--kubernetes-version", version, "--strict"]
        for line in _run([*words, *references], folder).splitlines():
            found = _VALIDATED.match(line)
            if found is None or found["file"] not in references:
                raise OpsError("kubernetes-validate has an unexpected output.", "correct what its output names:", line)
            problem = None if found["level"] == "INFO" else found["text"]
            yield Result("kubernetes-validate", f"schema-{version}", references[found["file"]], problem)


def checkov(programs: Programs, folder: Path, references: References) -> Iterator[Result]:
    """Yield the results of every Kubernetes check of checkov, the graph checks too; nothing is downloaded or sent."""
    words: Words = [programs.python, "-m", "checkov.main", "--directory", ".", "--framework", "kubernetes", "--output", "json"]
    found = json.loads(_run([*words, "--compact", "--skip-download"], folder))
    for entry in [*found["results"]["passed_checks"], *found["results"]["failed_checks"]]:
        problem = entry["check_name"] if entry["check_result"]["result"] == "FAILED" else None
        yield Result("checkov", entry["check_id"], references[entry["file_path"].removeprefix("/")], problem)


LINTERS: Final = {"kube-score": kube_score, "kubernetes-validate": kubernetes_validate, "checkov": checkov}
"""Every linter by name."""


def _comment(comment: Mapping[str, Any]) -> str:
    path = f"{comment['path']}: " if comment["path"] else ""
    return f"{path}{comment['summary']}"


def _run(words: Words, folder: Path) -> str:
    """Return what a linter wrote. Its exit code says no more than that there are findings."""
    environment = {**os.environ, "LOG_LEVEL": "ERROR"}
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if not done.stdout.strip():
        raise OpsError(f"'{Path(words[0]).name}' gave no results.", "correct what its output names:", done.stderr[-2000:])
    return done.stdout
