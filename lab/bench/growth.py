"""What one environment more costs: the time of a render and a verify where the checkout has ten stack files, against one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

from ops import paths
from ops.console import Step
from ops.errors import OpsError
from ops.pulumi.stack import STACKS

FILES: Final = 10
RENDERS: Final = 2
COPIED: Final = ("lab", "ops", "components")
LINKED: Final = ("Pulumi.yaml", "__main__.py", "requirements.txt", ".venv", ".lab", "tests")


def ratio(folder: Path, step: Step) -> float:
    """Return the time per environment at `FILES` stack files by that at one; 1 means no growth.

    Raises:
        OpsError: a render failed.
    """
    few, many = (_checkout(folder / str(count), count) for count in (1, FILES))
    seconds: dict[Path, list[float]] = {few: [], many: []}
    for number in range(RENDERS):
        for checkout in (few, many):
            step.say(f"render {number + 1} of {RENDERS}, {checkout.name} stack files")
            seconds[checkout].append(_render(checkout, f"env-{number % (1 if checkout is few else FILES)}"))
    return median(seconds[many]) / median(seconds[few])


def _checkout(folder: Path, count: int) -> Path:
    """Make a checkout of this program, as compiled as this one, with ``count`` stack files, each a copy of the lab's."""
    (folder / "stacks").mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(paths.ROOT / name, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(paths.ROOT / name)
    for number in range(count):
        shutil.copy(STACKS / "Pulumi.lab.yaml", folder / "stacks" / f"Pulumi.env-{number}.yaml")
    return folder


def _render(checkout: Path, stack: str) -> float:
    began = time.monotonic()
    for words in (("render", "--dir", str(checkout / "rendered" / stack)), ("verify",)):
        command = [sys.executable, "-m", "lab", *words, "--stack", stack]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OpsError(
                f"the {words[0]} of {stack} failed.", "correct what its output names:", f"{done.stdout}\n{done.stderr}".strip()[-2000:]
            )
    return time.monotonic() - began
