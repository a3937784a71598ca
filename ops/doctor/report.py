"""How findings are shown: one line a check, then what failed and what to do; or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from ops.doctor.catalog import Finding
from ops.doctor.verdicts import Failed, Ok, Skipped

OK: Final = "ok"
FAILED: Final = "failed"
NOT_CHECKED: Final = "not checked"
SKIPPED: Final = "skipped"
NOTE: Final = "Pushes in the OCI format never show in Portus, and no check can see them: docs/operate/pushes.md#oci-pushes-vanish"
"""The last line: the one loss with every check ok."""
SHOWN: Final = {OK: "[green]✓[/green]", FAILED: "[red]✗[/red]", NOT_CHECKED: "[yellow]?[/yellow]", SKIPPED: "[dim]-[/dim]"}


def state(finding: Finding) -> str:
    """Return ok, failed, not checked or skipped."""
    if finding.has_failed:
        return FAILED
    if not finding.was_checked:
        return NOT_CHECKED
    return SKIPPED if isinstance(finding.verdict, Skipped) else OK


def passed(findings: Sequence[Finding]) -> bool:
    """Whether every check that was not skipped passed."""
    return all(state(finding) in {OK, SKIPPED} for finding in findings)


def as_json(stack: str, findings: Sequence[Finding]) -> str:
    """Return the findings for machines."""
    checks = [_entry(finding) for finding in findings]
    return json.dumps({"stack": stack, "passed": passed(findings), "checks": checks, "note": NOTE}, indent=2)


def _entry(finding: Finding) -> Mapping[str, Any]:
    entry: dict[str, Any] = {"check": finding.check.name, "says": finding.check.says, "state": state(finding), "seen": _seen(finding)}
    if finding.has_failed and isinstance(finding.verdict, Failed):
        entry |= {"why": finding.check.why, "fix": finding.verdict.fix, "page": finding.check.page}
    if finding.blocked_by:
        entry["blocked_by"] = list(finding.blocked_by)
    return entry


def _seen(finding: Finding) -> str:
    if finding.blocked_by:
        return f"because of {', '.join(finding.blocked_by)}"
    verdict = finding.verdict
    return verdict.seen if isinstance(verdict, Ok | Failed) else verdict.reason


def show(stack: str, findings: Sequence[Finding], console: Console, seconds: float) -> None:
    """Print a line a check, then each failed one with what to do about it and the page that explains it, then what no check can see."""
    width = max(len(finding.check.name) for finding in findings)
    for finding in findings:
        first, *more = _seen(finding).splitlines() or [""]
        seen = f"{first} ..." if more else first
        console.print(f"{SHOWN[state(finding)]} {finding.check.name:<{width}}  {escape(finding.check.says)} [dim]({escape(seen)})[/dim]")
    failed = [finding for finding in findings if finding.has_failed]
    for finding in failed:
        assert isinstance(finding.verdict, Failed)
        console.print(f"\n[red]✗ {finding.check.name}[/red]: failed: {escape(finding.check.says)}")
        details = {"seen": finding.verdict.seen, "effect": finding.check.why, "fix": finding.verdict.fix, "page": finding.check.page}
        for label, text in details.items():
            first, *more = text.splitlines()
            console.print(f"    {label:<7} {escape(first)}", *(f"            {escape(line)}" for line in more), sep="\n")
    unchecked = sum(state(finding) == NOT_CHECKED for finding in findings)
    console.print(f"\n{_summary(stack, len(failed), unchecked)} [dim]({seconds:.1f} s)[/dim]")
    console.print(NOTE)


def _summary(stack: str, failed: int, unchecked: int) -> str:
    if not failed and not unchecked:
        return f"Stack {escape(stack)}: every check passes."
    return f"Stack {escape(stack)}: {failed} failed, {unchecked} not checked."
