"""How many copies of a workload there may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.cluster import ScaledSection
from components.settings.sections.database import InClusterDatabase
from components.settings.stack import StackSettings

PASSENGER_POOL: Final = 6
"""Processes of one Apache image: Passenger's default of PassengerMaxPoolSize, which the images leave."""

BESIDE: Final = 10
"""Connections for the worker, set-up, backups, the server's own probes and an operator's shell."""


def _scaled(stack: StackSettings) -> Iterator[tuple[str, ScaledSection]]:
    yield "portus.web", stack.portus.web
    yield "registry", stack.registry
    yield "exposure.edge", stack.exposure.edge


@rule()
def one_decides_the_number_of_copies(stack: StackSettings) -> Iterator[Problem]:
    """Each ``pulumi up`` would take back what the autoscaler did."""
    for key, section in _scaled(stack):
        if section.autoscaling is not None and "replicas" in section.model_fields_set:
            yield Problem(
                key=f"{key}.replicas",
                value=str(section.replicas),
                rule="must not be set together with autoscaling, which decides the number of replicas",
                remedy="remove one of the two; the minimum is autoscaling.minReplicas",
            )


@rule(requires=("portus.web.autoscaling.minReplicas", "registry.autoscaling.minReplicas", "exposure.edge.autoscaling.minReplicas"))
def an_autoscaler_has_room(stack: StackSettings) -> Iterator[Problem]:
    """Between equal bounds there is nothing to decide."""
    for key, section in _scaled(stack):
        bounds = section.autoscaling
        if bounds is not None and bounds.max_replicas <= bounds.min_replicas:
            yield Problem(
                key=f"{key}.autoscaling.maxReplicas",
                value=str(bounds.max_replicas),
                rule=f"must be more than minReplicas, {bounds.min_replicas}",
                remedy="raise it, or set replicas instead",
            )


@rule(requires=("portus.version", "portus.web"))
def every_thread_has_a_database_connection(stack: StackSettings) -> Iterator[Problem]:
    """A thread that gets none answers 500, and only under load. During an update there is one more replica."""
    if not isinstance(stack.database, InClusterDatabase):
        return
    web = stack.portus.web
    of_one = web.puma_workers * web.puma_max_threads if stack.portus.version.is_puma else PASSENGER_POOL
    needed = (web.most_replicas + 1) * of_one + BESIDE
    if needed > stack.database.max_connections:
        yield Problem(
            key="database.maxConnections",
            value=str(stack.database.max_connections),
            rule=f"must be {needed} or more: {web.most_replicas} web servers and one more while they restart, {of_one} connections each, "
            f"plus {BESIDE}",
            remedy=f"set it to {needed} or more, or lower replicas, pumaWorkers or pumaMaxThreads of portus.web",
        )
