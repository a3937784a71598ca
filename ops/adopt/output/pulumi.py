"""Secrets into the stack file, through Pulumi; each travels by standard input."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ops.adopt import keys

TIMEOUT_SECONDS: Final = 60
"""Pulumi asks a backend that may be far away."""


def encrypt(secrets: Mapping[str, str], stack: str, folder: Path) -> str:
    """Encrypt ``secrets`` into the stack file; return "" when all are in it, else why not."""
    if not secrets:
        return ""
    program = shutil.which("pulumi")
    if program is None:
        return "pulumi is not on PATH"
    if not (folder / "Pulumi.yaml").is_file():
        return f"{folder} has no Pulumi.yaml"
    for key, value in secrets.items():
        command = [program, "config", "set", "--non-interactive", "--stack", stack, "--secret", "--path", f"{keys.PREFIX}{key}"]
        try:
            done = subprocess.run(command, input=value, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return "pulumi did not answer"
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if line.strip()), "no reason given")
            return "pulumi could not encrypt" if value in said else f"pulumi says: {said.strip()}"
    return ""


def commands(secrets: Mapping[str, str], stack: str, again: str) -> list[str]:
    """Return the commands that encrypt ``secrets``: ``again`` is this command, which prints one secret into a pipe."""
    lines = [f"pulumi stack select --create {stack}"]
    for key in secrets:
        path = shlex.quote(f"{keys.PREFIX}{key}")
        lines.append(f"{again} --secret {key} \\\n  | pulumi config set --stack {stack} --secret --path {path}")
    return lines
