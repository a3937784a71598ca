"""The linters: kube-score from its Go module, checkov and kubernetes-validate in a virtualenv of their own; built once, in the cache."""

from __future__ import annotations

import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import cache, golang
from lab.golang import Program
from ops import process
from ops.console import Step
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
