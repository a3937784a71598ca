"""How findings are shown: one line a link, then what is broken and what to do; or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from ops.doctor.chain import Finding
from ops.doctor.verdicts import Broken, Holds, Inapplicable

OK: Final = "ok"
BROKEN: Final = "broken"
NOT_JUDGED: Final = "not judged"
NOT_THERE: Final = "no such link"
NOTE: Final = "Pushes in the OCI format never show in Portus, and no check can see them: docs/operate/pushes.md#oci-pushes-vanish"
"""The last line: the one loss with every check ok."""
SHOWN: Final = {OK: "[green]✓[/green]", BROKEN: "[red]✗[/red]", NOT_JUDGED: "[yellow]?[/yellow]", NOT_THERE: "[dim]-[/dim]"}


def state(finding: Finding) -> str:
    """Return ok, broken, not judged or no such link."""
    if finding.is_broken:
        return BROKEN
    if not finding.is_judged:
        return NOT_JUDGED
    return NOT_THERE if isinstance(finding.verdict, Inapplicable) else OK


def holds(findings: Sequence[Finding]) -> bool:
    """Whether every link holds that there is."""
    return all(state(finding) in {OK, NOT_THERE} for finding in findings)


def as_json(stack: str, findings: Sequence[Finding]) -> str:
    """Return the findings for machines."""
    links = [_entry(finding) for finding in findings]
    return json.dumps({"stack": stack, "holds": holds(findings), "links": links, "note": NOTE}, indent=2)


def _entry(finding: Finding) -> Mapping[str, Any]:
    entry: dict[str, Any] = {"link": finding.link.name, "says": finding.link.says, "state": state(finding), "seen": _seen(finding)}
    if finding.is_broken and isinstance(finding.verdict, Broken):
        entry |= {"why": finding.link.why, "remedy": finding.verdict.remedy, "page": finding.link.page}
    if finding.blocked_by:
        entry["blocked_by"] = list(finding.blocked_by)
    return entry


def _seen(finding: Finding) -> str:
    if finding.blocked_by:
        return f"because of {', '.join(finding.blocked_by)}"
    verdict = finding.verdict
    return verdict.seen if isinstance(verdict, Holds | Broken) else verdict.reason


def show(stack: str, findings: Sequence[Finding], console: Console, seconds: float) -> None:
    """Print the chain, then each broken link with what to do about it and the page that explains it, then what no check can see."""
    width = max(len(finding.link.name) for finding in findings)
    for finding in findings:
        first, *more = _seen(finding).splitlines() or [""]
        said = f"{first} ..." if more else first
        console.print(f"{SHOWN[state(finding)]} {finding.link.name:<{width}}  {escape(finding.link.says)} [dim]({escape(said)})[/dim]")
    broken = [finding for finding in findings if finding.is_broken]
    for finding in broken:
        assert isinstance(finding.verdict, Broken)
        console.print(f"\n[red]✗ {finding.link.name}[/red]: not so: {escape(finding.link.says)}")
        told = {"seen": finding.verdict.seen, "so": finding.link.why, "fix": finding.verdict.remedy, "page": finding.link.page}
        for label, text in told.items():
            first, *more = text.splitlines()
            console.print(f"    {label:<7} {escape(first)}", *(f"            {escape(line)}" for line in more), sep="\n")
    unjudged = sum(state(finding) == NOT_JUDGED for finding in findings)
    console.print(f"\n{_summary(stack, len(broken), unjudged)} [dim]({seconds:.1f} s)[/dim]")
    console.print(NOTE)


def _summary(stack: str, broken: int, unjudged: int) -> str:
    if not broken and not unjudged:
        return f"Stack {escape(stack)}: every link holds."
    return f"Stack {escape(stack)}: {broken} broken, {unjudged} not judged."
