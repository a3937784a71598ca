"""The stack file, and its secrets, which Pulumi encrypts into it; each travels by standard input."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ops.adopt import keys
from ops.adopt.model import Findings


def sections(findings: Findings) -> dict[str, Any]:
    """Return the sections of the stack file, as nested data."""
    tree: dict[str, Any] = {}
    if findings.accepted:
        tree[keys.ACCEPT] = sorted(findings.accepted)
    for key, value in findings.settings.items():
        put(tree, key, value)
    order = {name: number for number, name in enumerate(keys.SECTIONS)}
    return dict(sorted(tree.items(), key=lambda pair: order.get(pair[0], len(order))))


def put(tree: dict[str, Any], key: str, value: Any) -> None:
    """Write ``value`` at the dotted ``key``."""
    *path, last = key.split(".")
    for step in path:
        tree = tree.setdefault(step, {})
    tree[last] = value


def render(findings: Findings, stack: str, origin: str) -> str:
    """Return the file's text."""
    config = {f"{keys.PREFIX}{name}": value for name, value in sections(findings).items()}
    body = yaml.safe_dump({"config": config}, sort_keys=False, allow_unicode=True, width=110)
    head = (
        "# yaml-language-server: $schema=stack.schema.json\n"
        f"# {stack}: adopted from {origin}; adopt-{stack}/report.md says what became of each key.\n"
    )
    return head + body


TIMEOUT_SECONDS: Final = 60
"""Pulumi asks a backend that may be far away."""


def encrypt(secrets: Mapping[str, str], stack: str, folder: Path) -> str:
    """Encrypt ``secrets`` into the stack file; return "" when all are in it, else why not."""
    if not secrets:
        return ""
    program = shutil.which("pulumi")
    if program is None:
        return "pulumi is not on PATH"
    for key, value in secrets.items():
        command = [program, "config", "set", "--non-interactive", "--stack", stack, "--secret", "--path", f"{keys.PREFIX}{key}"]
        try:
            done = subprocess.run(command, input=value, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return "pulumi did not answer"
        if done.returncode:
            message = next((line for line in done.stderr.splitlines() if line.strip()), "no reason given")
            return "pulumi could not encrypt" if value in message else f"pulumi says: {message.strip()}"
    return ""


def commands(secrets: Mapping[str, str], stack: str, again: str) -> list[str]:
    """Return the commands that encrypt ``secrets``: ``again`` is this command, which prints one secret into a pipe."""
    lines = [f"pulumi stack select --create {stack}"]
    for key in secrets:
        path = shlex.quote(f"{keys.PREFIX}{key}")
        lines.append(f"{again} --secret {key} \\\n  | pulumi config set --stack {stack} --secret --path {path}")
    return lines
