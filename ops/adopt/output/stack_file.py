"""The stack file, without its secrets: Pulumi encrypts those into it."""

from __future__ import annotations

from typing import Any

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
