"""``make doctor``: examines a deployed stack and reports what it found."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from collections.abc import Iterator
from typing import Final

from ops.check import check, check_read_only
from ops.console import Step, console, step
from ops.credentials import NobodyError
from ops.doctor.catalog import Finding, by_name, examine
from ops.doctor.expected import expected_of
from ops.doctor.gather import gather
from ops.doctor.report import as_json, passed, show
from ops.doctor.snapshot import Snapshot
from ops.environment import Environment
from ops.errors import OpsError
from ops.kube.http import NoAnswer, NotChecked
from ops.pulumi.stack import EXCERPT, Stack


def doctor(stack: Stack, environment: Environment, *, push: bool = False, drift: bool = False, as_data: bool = False) -> bool:
    """Examine ``stack`` and print the findings; return whether every check passes. Changes nothing unless ``push``.

    Args:
        push: whether to push and pull an image if every check before passes.
        drift: whether to have Pulumi compare the cluster with the stack file, which takes as long as a preview.
        as_data: whether JSON is printed, and nothing else.

    Raises:
        OpsError: the stack was never deployed.
    """
    began = time.monotonic()
    findings = diagnose(stack, environment, push=push, drift=drift, quiet=as_data)
    if as_data:
        sys.stdout.write(as_json(stack.name, findings) + "\n")
    else:
        show(stack.name, findings, console, time.monotonic() - began)
    return passed(findings)


def diagnose(
    stack: Stack, environment: Environment | None = None, *, push: bool = False, drift: bool = False, quiet: bool = True
) -> list[Finding]:
    """Return the findings on ``stack``; arguments and errors as `doctor`'s."""
    expected = expected_of(stack)
    if quiet:
        snapshot = gather(expected, stack.kube, lambda _: None)
    else:
        with step(f"examining stack {stack.name}") as current:
            snapshot = gather(expected, stack.kube, current.say)
    if drift:
        snapshot = dataclasses.replace(snapshot, drift=_drift(stack))
    findings = examine(snapshot)
    if push and not by_name(findings)["round-trip"].blocked_by:
        findings = examine(dataclasses.replace(snapshot, round_trip=_round_trip(stack, environment, snapshot)))
    return findings


def _drift(stack: Stack) -> str:
    """Return what Pulumi would change; '' for nothing."""
    try:
        # With --diff Pulumi names what changes, and nothing else.
        stack.run("preview", "--refresh", "--diff", "--suppress-outputs", "--expect-no-changes", "--stack", stack.name)
    except OpsError as error:
        return "\n".join([error.problem, *_changes(error.excerpt)][:40])
    return ""


_READ: Final = re.compile(r"\s*~ \S+: \(refresh\)")
_PLACE: Final = re.compile(r"\s*\[(id|urn|provider)=")


def _changes(excerpt: str) -> Iterator[str]:
    """Yield the lines that tell what would change, without the objects that were only read, and URNs: the id names an object."""
    read = False
    for line in excerpt.splitlines()[len(excerpt) == EXCERPT :]:  # of a longer output, the first line is the rest of one
        place = _PLACE.match(line)
        if not place:
            read = bool(_READ.match(line))
        if line.strip() and not read and (not place or place[1] == "id"):
            yield line


def _round_trip(stack: Stack, environment: Environment | None, snapshot: Snapshot) -> str | NoAnswer | NotChecked:
    deployment = stack.deployment(environment)
    current = Step("round trip")
    try:
        if snapshot.is_read_only:
            check_read_only(deployment, current)
            return "the registry is read-only, and refuses a push"
        return f"{check(deployment, current)} was pushed, pulled and recorded"
    except NobodyError as error:
        return NotChecked(str(error))
    except OpsError as error:
        return NoAnswer(f"{error} {error.excerpt}".strip())
