"""The namespace and the Pods' resources."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.cluster import WorkloadResources
from components.settings.stack import StackSettings
from components.settings.types.base import Section, names_and_keys

SUFFIXES: Final[dict[str, Decimal]] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}
"""Of Kubernetes quantities."""


@rule(requires=("cluster.createNamespace",))
def namespace_is_the_stacks_own(stack: StackSettings) -> Iterator[Problem]:
    """A namespace goes with the stack that owns it, and everybody's objects in it."""
    namespace = stack.cluster.namespace
    if namespace.startswith("kube-"):
        yield Problem(
            key="cluster.namespace",
            value=namespace,
            rule="must not begin with 'kube-': Kubernetes reserves these names",
            remedy="choose another name, e.g. portus",
        )
    elif namespace == "default" and stack.cluster.create_namespace:
        yield Problem(
            key="cluster.namespace",
            value=namespace,
            rule="must not be 'default' if this stack creates its namespace: every cluster already has it",
            remedy="choose another name, or set cluster.createNamespace to false",
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
                    remedy="lower it, or raise the limit",
                )


def _resources(section: Section, key: str) -> Iterator[tuple[str, WorkloadResources]]:
    for name, step in names_and_keys(type(section)):
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
