"""What a check says of an object, the waivers, and the score that comes of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from ops.errors import OpsError


@dataclass(frozen=True, order=True, slots=True)
class Result:
    """One check of one tool on one object.

    Attributes:
        check: the tool's own name or id of it.
        reference: ``Kind/name`` of the object.
        problem: what is wrong, None where the object passes.
    """

    tool: str
    check: str
    reference: str
    problem: str | None = None

    @property
    def of(self) -> str:
        """``tool/check``, by which waivers name it."""
        return f"{self.tool}/{self.check}"


@dataclass(frozen=True, slots=True)
class Waiver:
    """Findings that are accepted, and why.

    Attributes:
        checks: ``tool/check``, exact.
        objects: ``Kind/name``, with ``*`` where it is for several.
    """

    reason: str
    checks: tuple[str, ...]
    objects: tuple[str, ...]

    def covers(self, finding: Result) -> bool:
        """Tell whether ``finding`` is waived."""
        return finding.of in self.checks and any(fnmatchcase(finding.reference, each) for each in self.objects)

    def unused(self, findings: Sequence[Result], tools: Iterable[str]) -> list[str]:
        """Return what of it waives none of ``findings``, looking only at checks of ``tools``."""
        tools = set(tools)
        own = [check for check in self.checks if check.partition("/")[0] in tools]
        covered = [finding for finding in findings if self.covers(finding)]
        lines = [f"{check} on {', '.join(self.objects)}" for check in own if not any(each.of == check for each in covered)]
        if len(own) == len(self.checks):
            lines += [each for each in self.objects if not any(fnmatchcase(finding.reference, each) for finding in covered)]
        return lines


def read_waivers(path: Path) -> list[Waiver]:
    """Return the waivers of a file.

    Raises:
        OpsError: an entry lacks its reason, checks or objects, or has something else.
    """
    waivers = []
    written = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    for number, entry in enumerate(written or [], start=1):
        if set(entry) != {"reason", "checks", "objects"} or not all(entry.values()):
            raise OpsError(f"waiver {number} of {path.name} is incomplete.", "write a reason, checks (tool/check) and objects (Kind/name).")
        waivers.append(Waiver(" ".join(str(entry["reason"]).split()), tuple(entry["checks"]), tuple(entry["objects"])))
    return waivers


@dataclass(frozen=True, slots=True)
class Score:
    """How the objects of one stack fare with one tool, in checks times objects."""

    passed: int
    waived: int
    failed: int

    def __str__(self) -> str:
        return f"{self.passed} / {self.waived} / {self.failed}"


def failures(results: Iterable[Result], waivers: Sequence[Waiver]) -> list[Result]:
    """Return the findings that no waiver covers, in order."""
    return sorted(result for result in results if result.problem and not any(waiver.covers(result) for waiver in waivers))


def scores(results: Iterable[Result], waivers: Sequence[Waiver]) -> Mapping[str, Score]:
    """Return the score of each tool."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        waived = any(waiver.covers(result) for waiver in waivers)
        kind = "passed" if result.problem is None else "waived" if waived else "failed"
        counts.setdefault(result.tool, Counter())[kind] += 1
    return {tool: Score(count["passed"], count["waived"], count["failed"]) for tool, count in sorted(counts.items())}


def unused(waivers: Sequence[Waiver], results: Iterable[Result], tools: Iterable[str]) -> list[str]:
    """Return one line for each part of a waiver that no finding of ``tools`` needs."""
    findings = [result for result in results if result.problem]
    tools = tuple(tools)
    return [f"{line} ({waiver.reason})" for waiver in waivers for line in waiver.unused(findings, tools)]
