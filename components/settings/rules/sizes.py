"""The sizes of containers: every one has requests and limits by construction; these rules hold what a stack file says instead.

What a stack file does not set keeps its default, so no container is without (``components/common/sizes.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from components.common import sizes
from components.common.pods import Resources
from components.settings.report.problems import Problem
from components.settings.rules.cluster import amount
from components.settings.rules.rule import rule
from components.settings.sections.cluster import WorkloadResources
from components.settings.sections.database import InClusterDatabase
from components.settings.sections.registry import InClusterRedis
from components.settings.stack import Accepted, Profile, StackSettings

BUFFER_POOL_UNITS: Final = {"M": sizes.MIB, "G": 1024 * sizes.MIB}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sized:
    """One workload's container.

    Args:
        key: of its resources in the stack file.
        resources: the value in the stack file.
        default: the value if nothing is set.
        always: bytes of memory that it takes as soon as it works.
        at_most: bytes that what the stack file allows may make of it.
        because: where the latter comes from.
    """

    key: str
    resources: WorkloadResources
    default: Resources
    always: int
    at_most: int
    because: str


def sized(stack: StackSettings) -> Iterator[Sized]:
    """Yield the containers whose sizes the stack file may set."""
    web, redis = stack.portus.web, stack.registry.redis
    further = (web.puma_workers - 1) * sizes.WEB_NEEDS_FOR_EACH_FURTHER if stack.portus.version.is_puma else 0
    yield Sized(
        key="portus.web.resources",
        resources=web.resources,
        default=sizes.WEB,
        always=sizes.WEB_NEEDS + further,
        at_most=sizes.WEB_NEEDS,  # forked processes share pages until Ruby touches them: how many stay shared is unknown
        because="measured with one Puma worker",
    )
    yield _fixed("portus.worker.resources", stack.portus.worker.resources, sizes.WORKER, sizes.WORKER_NEEDS)
    yield _fixed("registry.resources", stack.registry.resources, sizes.REGISTRY, sizes.REGISTRY_NEEDS)
    yield _fixed("exposure.edge.resources", stack.exposure.edge.resources, sizes.EDGE, sizes.EDGE_NEEDS)
    if isinstance(stack.database, InClusterDatabase):
        database = stack.database
        always = _buffer_pool(database.innodb_buffer_pool_size) + sizes.DATABASE_NEEDS
        yield Sized(
            key="database.resources",
            resources=database.resources,
            default=sizes.DATABASE,
            always=always,
            at_most=always + database.max_connections * sizes.DATABASE_NEEDS_FOR_A_CONNECTION,
            because=f"innodbBufferPoolSize {database.innodb_buffer_pool_size}, {database.max_connections} maxConnections, the server",
        )
    if isinstance(redis, InClusterRedis):
        default = sizes.redis(redis.max_memory_mb)
        entries = redis.max_memory_mb * sizes.MIB
        yield Sized(
            key="registry.redis.resources",
            resources=redis.resources,
            default=default,
            always=0,  # it begins empty, and the cluster may take what it does not use
            at_most=entries + sizes.REDIS_NEEDS_BESIDE_ENTRIES,
            because=f"maxMemoryMb {redis.max_memory_mb} and the server",
        )
    if stack.backup.enabled:
        yield _steps_of_a_backup(stack)


def _steps_of_a_backup(stack: StackSettings) -> Sized:
    """Return the steps as one, because one setting applies to all: the highest default request, the lowest default limit."""
    server = sizes.backup_server(stack.backup.scratch_size)
    return Sized(
        key="backup.resources",
        resources=stack.backup.resources,
        default=Resources(requests=server.requests, limits=sizes.BACKUP.limits),
        always=0,
        at_most=0,
        because="nobody measured it",
    )


def _fixed(key: str, resources: WorkloadResources, default: Resources, needs: int) -> Sized:
    return Sized(key=key, resources=resources, default=default, always=needs, at_most=needs, because="measured")


def _buffer_pool(size: str) -> int:
    return int(size[:-1]) * BUFFER_POOL_UNITS[size[-1]]


@rule(
    requires=(
        "portus.web.resources",
        "portus.worker.resources",
        "registry.resources",
        "registry.redis",
        "exposure.edge",
        "database",
        "backup",
        "workloads.cpuLimits",
    )
)
def requests_fit_into_default_limits(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses a Pod that asks for more than it may have, the default's too."""
    for each in sized(stack):
        for kind in ("cpu", "memory"):
            request, limit = getattr(each.resources.requests, kind), getattr(each.resources.limits, kind)
            if kind == "cpu" and not stack.workloads.cpu_limits:
                continue
            if request is not None and limit is None and amount(request) > amount(each.default.limits[kind]):
                yield Problem(
                    key=f"{each.key}.requests.{kind}",
                    value=request,
                    rule=f"must be at most {each.key}.limits.{kind}, whose default is {each.default.limits[kind]}",
                    fix="set that limit, too",
                )
            if kind == "memory" and limit is not None and amount(limit) < each.at_most:
                continue  # `limits_hold_what_a_workload_needs` speaks of it
            if limit is not None and request is None and amount(each.default.requests[kind]) > amount(limit):
                yield Problem(
                    key=f"{each.key}.limits.{kind}",
                    value=limit,
                    rule=f"must be at least {each.key}.requests.{kind}, whose default is {each.default.requests[kind]}",
                    fix="set that request, too",
                )


@rule(
    requires=(
        "portus.version",
        "portus.web",
        "portus.worker.resources",
        "registry.resources",
        "registry.redis",
        "exposure.edge",
        "database",
    )
)
def limits_hold_what_a_workload_needs(stack: StackSettings) -> Iterator[Problem]:
    """The kernel would end the process again and again, MariaDB in the middle of its work."""
    for each in sized(stack):
        limit = each.resources.limits.memory or each.default.limits["memory"]
        if amount(limit) < each.at_most:
            yield Problem(
                key=f"{each.key}.limits.memory",
                value=limit,
                rule=f"must be {_mebibytes(each.at_most)} or more ({each.because})",
                fix=_raised(each) if each.because.startswith("measured") else "raise it, or lower the others",
            )


@rule(
    requires=(
        "profile",
        "accept",
        "portus.version",
        "portus.web",
        "portus.worker.resources",
        "registry.resources",
        "exposure.edge",
        "database",
    )
)
def production_reserves_what_a_workload_needs(stack: StackSettings) -> Iterator[Problem]:
    """On a node whose memory is reserved twice, the Pod that uses more than it requested is evicted first."""
    if stack.profile is not Profile.PRODUCTION or Accepted.OVERCOMMITTED_MEMORY in stack.accept:
        return
    for each in sized(stack):
        request = each.resources.requests.memory or each.default.requests["memory"]
        if amount(request) < each.always:
            yield Problem(
                key=f"{each.key}.requests.memory",
                value=request,
                rule=f"must be {_mebibytes(each.always)} or more, which the workload uses from the start (profile production)",
                fix=f"raise it; to accept the risk add '{Accepted.OVERCOMMITTED_MEMORY}' to portus:accept",
            )


def _raised(each: Sized) -> str:
    """Return how to raise the limit of ``each``, to its request at least."""
    request = each.resources.requests.memory or each.default.requests["memory"]
    return f"write {request} or more, the request" if amount(request) > each.at_most else "raise it"


def _mebibytes(amount_of_bytes: int) -> str:
    return f"{-(-amount_of_bytes // sizes.MIB)}Mi"
