"""What keeps a workload answering while nodes and versions change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from pulumi_kubernetes.autoscaling import v1 as autoscaling
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.policy import v1 as policy

if TYPE_CHECKING:
    from pulumi_kubernetes.apps import v1 as apps

    from components.common.base import ServiceComponent
    from components.common.stack_context import Labels, StackContext

MIN_READY_SECONDS: Final = 3
"""How long a new copy must stay ready before an old one ends. By then every node has its address, and a copy that ends at its first
requests stops the rollout."""

REVISIONS: Final = 2
"""Old ReplicaSets that are kept. Each names Secrets and ConfigMaps that the next ``pulumi up`` deletes, so ``kubectl rollout undo`` does
not help: go back by the stack file."""

FORGET_SECONDS: Final = 5
"""How long a container that must stop still serves: until then, nodes may send it new connections."""


def disruption_budget(name: str, labels: Labels, context: StackContext, parent: ServiceComponent) -> policy.PodDisruptionBudget:
    """Return a budget that lets a node's drain take one copy at a time, and a copy that is broken already at any time.

    With a single copy it allows every drain; a stricter budget would block them all. It has an effect with two copies or more.
    """
    return policy.PodDisruptionBudget(
        name,
        metadata=context.metadata(labels),
        spec=policy.PodDisruptionBudgetSpecArgs(
            max_unavailable=1,
            selector=meta.LabelSelectorArgs(match_labels=labels.selector),
            unhealthy_pod_eviction_policy="AlwaysAllow",
        ),
        opts=parent.child(after=context.after),
    )


class Bounds(Protocol):
    """What an autoscaler keeps to: copies, and the part of the requested processors that they use on average."""

    @property
    def min_replicas(self) -> int:
        """Copies that there are always."""

    @property
    def max_replicas(self) -> int:
        """Copies at most."""

    @property
    def target_cpu_utilization_percentage(self) -> int:
        """In per cent."""


def guard_copies(
    name: str, deployment: apps.Deployment, bounds: Bounds | None, *, labels: Labels, context: StackContext, parent: ServiceComponent
) -> None:
    """Give ``deployment`` its budget and, within ``bounds``, its autoscaler.

    The autoscaler comes once the first copy is up: before that there is nothing to measure.
    """
    disruption_budget(f"{name}-budget", labels, context, parent)
    if bounds is None:
        return
    target = autoscaling.CrossVersionObjectReferenceArgs(api_version="apps/v1", kind="Deployment", name=deployment.metadata.name)
    autoscaling.HorizontalPodAutoscaler(
        f"{name}-autoscaler",
        metadata=context.metadata(labels),
        spec=autoscaling.HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=target,
            min_replicas=bounds.min_replicas,
            max_replicas=bounds.max_replicas,
            target_cpu_utilization_percentage=bounds.target_cpu_utilization_percentage,
        ),
        opts=parent.child(after=(deployment,)),
    )
