"""The namespace, the Pods' resources, the sizes of claims, and how many copies of a workload there may be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.cluster import ClaimSettings, ScaledSection, WorkloadResources
from components.settings.sections.database import InClusterDatabase
from components.settings.stack import StackSettings
from components.settings.types.base import Section, names_and_keys_set

SUFFIXES: Final[dict[str, Decimal]] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}
"""Of Kubernetes quantities."""


@rule(requires=("cluster.createNamespace",))
def namespace_is_the_stacks_own(stack: StackSettings) -> Iterator[Problem]:
    """A namespace is deleted with the stack that owns it, and with it the objects of other teams in it."""
    namespace = stack.cluster.namespace
    if namespace.startswith("kube-"):
        yield Problem(
            key="cluster.namespace",
            value=namespace,
            rule="must not begin with 'kube-': Kubernetes reserves these names",
            fix="choose another name, e.g. portus",
        )
    elif namespace == "default" and stack.cluster.create_namespace:
        yield Problem(
            key="cluster.namespace",
            value=namespace,
            rule="must not be 'default' if this stack creates its namespace: every cluster already has it",
            fix="choose another name, or set cluster.createNamespace to false",
        )


@rule()
def requests_fit_into_limits(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses a Pod that asks for more than it may have."""
    for key, resources in _resources(stack, ""):
        for kind in ("cpu", "memory"):
            request, limit = getattr(resources.requests, kind), getattr(resources.limits, kind)
            if request is not None and limit is not None and amount(request) > amount(limit):
                yield Problem(
                    key=f"{key}.requests.{kind}",
                    value=request,
                    rule=f"must be at most {key}.limits.{kind} ({limit})",
                    fix="lower it, or raise the limit",
                )


def _resources(section: Section, key: str) -> Iterator[tuple[str, WorkloadResources]]:
    for name, step in names_and_keys_set(section):
        value = getattr(section, name)
        if isinstance(value, Section):
            inner = f"{key}.{step}".lstrip(".")
            if isinstance(value, WorkloadResources):
                yield inner, value
            else:
                yield from _resources(value, inner)


def amount(quantity: str) -> Decimal:
    """Return a Kubernetes quantity as a number, bytes or processors."""
    number = quantity.rstrip("".join(SUFFIXES))
    return Decimal(number) * SUFFIXES[quantity[len(number) :]]


DATABASE_NEEDS: Final = "512Mi"
"""An empty MariaDB takes about 180 MiB (redo log 96 MiB, system and undo tablespaces, Aria's log); the rest is room for Portus' tables
and for temporary ones."""
REGISTRY_NEEDS: Final = "1Gi"
"""One image of a usual size, and the upload that it comes by."""
BACKUP_NEEDS: Final = "100Mi"
"""A dump of a Portus in use is some MiB; there are ``backup.keep`` of them."""
SCRATCH_NEEDS: Final = "512Mi"
"""The throw-away server is a MariaDB, too."""


@rule(requires=("database", "registry.storage", "backup"))
def claims_have_room_for_their_content(stack: StackSettings) -> Iterator[Problem]:
    """A full volume stops MariaDB in the middle of its start, and each push."""
    for key, size, needed, what in _sizes(stack):
        if amount(size) < amount(needed):
            yield Problem(key=key, value=size, rule=f"must be {needed} or more: {what}", fix=f"write {needed} or more")


def _sizes(stack: StackSettings) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, size, least size and reason of each volume that this stack makes."""
    if isinstance(stack.database, InClusterDatabase):
        yield "database.claim.size", stack.database.claim.size, DATABASE_NEEDS, "an empty MariaDB needs about 180Mi"
    volume = stack.registry.storage.volume
    if isinstance(volume, ClaimSettings):
        yield "registry.storage.claim.size", volume.size, REGISTRY_NEEDS, "every layer of every image is stored here"
    if stack.backup.enabled:
        if stack.backup.existing_claim is None:
            yield "backup.claim.size", stack.backup.claim.size, BACKUP_NEEDS, f"{stack.backup.keep} backups are kept here"
        yield "backup.scratchSize", stack.backup.scratch_size, SCRATCH_NEEDS, "each backup is loaded into an empty MariaDB here"


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
    """Each ``pulumi up`` would undo what the autoscaler did."""
    for key, section in _scaled(stack):
        if section.autoscaling is not None and "replicas" in section.model_fields_set:
            yield Problem(
                key=f"{key}.replicas",
                value=str(section.replicas),
                rule="must not be set together with autoscaling, which decides the number of replicas",
                fix="remove one of the two; the minimum is autoscaling.minReplicas",
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
                fix="raise it, or set replicas instead",
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
            fix=f"set it to {needed} or more, or lower replicas, pumaWorkers or pumaMaxThreads of portus.web",
        )
