"""Where a stack's objects go: its cluster, its own Namespace and ServiceAccounts, and the conventions that all objects share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from components.common.accounts import ServiceAccounts
from components.common.placement import Placement
from components.network import OwnedNamespace
from components.settings.derived.pod_extras import accounts, extensions

if TYPE_CHECKING:
    from components.settings.stack import StackSettings


def provider(stack: StackSettings) -> kubernetes.Provider:
    """Return the provider of everything that goes into the cluster.

    Secrets that are not marked immutable change in place: MariaDB's passwords, which must not restart it; every other one is replaced.
    """
    cluster = stack.cluster
    return kubernetes.Provider("kubernetes", context=cluster.context, cluster_identifier=cluster.identifier, enable_secret_mutable=True)


def place(stack: StackSettings, *, instance: str, opts: pulumi.ResourceOptions) -> Placement:
    """Return the placement of every object of ``stack``.

    Args:
        instance: the stack's name, for labels.
        opts: of the Namespace and the ServiceAccounts.
    """
    cluster = stack.cluster
    owned = None
    if cluster.create_namespace:
        owned = OwnedNamespace("namespace", namespace=cluster.namespace, protect=stack.protect, opts=opts)
    placement = Placement(
        namespace=cluster.namespace,
        instance=instance,
        protect=stack.protect,
        pull_policy=stack.images.pull_policy,
        pull_secrets=stack.images.pull_secrets,
        check_apis=cluster.check_apis,
        cpu_limits=stack.workloads.cpu_limits,
        extras=extensions(stack),
        after=(owned.resource,) if owned else (),
    )
    wanted = accounts(stack.workloads)
    return ServiceAccounts("accounts", wanted=wanted, placement=placement, opts=opts).placement if wanted else placement
