"""The fate of every key that a reader found, and the stack file that follows."""

from __future__ import annotations

from collections.abc import Iterator

from ops.adopt.classify import containers, helm_values, overview, portus, registry
from ops.adopt.model import Answers, Findings, Item, Source

__all__ = ["Answers", "classify", "items"]


def classify(source: Source, answers: Answers) -> Findings:
    """Return a verdict for every item of ``source``, and the settings of the stack file."""
    findings = Findings()
    findings.verdicts += source.decided
    findings.verdicts += [verdict for workload in source.workloads for verdict in workload.settled]
    overview.choose_version(source, answers, findings)
    overview.choose_hosts(source, answers, findings)
    portus.classify(source, findings)
    registry.classify(source, findings)
    containers.classify(source, findings)
    if source.kind == "helm":
        helm_values.classify(source, findings)
    overview.complete(source, findings)
    containers.complete(findings)
    _guard(source, findings)
    return findings


def _guard(source: Source, findings: Findings) -> None:
    """Ask about every item that no rule has judged: nothing is dropped in silence."""
    judged = {(verdict.item.place, verdict.item.key) for verdict in findings.verdicts}
    for item in items(source):
        if (item.place, item.key) not in judged:
            findings.ask(item, "no rule here knows this key: is it still needed?")


def items(source: Source) -> Iterator[Item]:
    """Yield every item of ``source`` that needs a fate."""
    yield from (item for _, item in (*source.portus_config, *source.registry_config, *source.values))
    for workload in source.workloads:
        if workload.image:
            yield workload.image
        yield from workload.environment.values()
        yield from (mount.item for mount in workload.mounts)
        yield from workload.rest
