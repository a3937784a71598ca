"""Where a stack's objects go: its cluster, its own Namespace and ServiceAccounts, and the conventions that all objects share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common.base import ServiceComponent
from components.common.objects import service_account
from components.common.stack_context import MANAGED_BY, PART_OF, StackContext
from components.settings.derived.pod_extras import accounts, extensions

if TYPE_CHECKING:
    from components.settings.stack import StackSettings


class ServiceAccounts(ServiceComponent):
    """One account for each workload, with its ``annotations``; ``context`` gives them to its Pods.

    Made only if a cloud must tell Pods apart by them. No Pod mounts their token.
    """

    context: StackContext

    def __init__(
        self, name: str, *, annotations: Mapping[str, Mapping[str, str]], context: StackContext, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("common:ServiceAccounts", name, opts)
        extras = dict(context.extras)
        for workload, marks in annotations.items():
            labels = context.labels(name="portus", component=workload)
            options = self.child(after=context.after)
            account = service_account(f"{name}-{workload}", f"portus-{workload}", labels, context, annotations=marks, opts=options)
            extras[workload] = replace(context.extras_of(workload), service_account=account.metadata.name)
        self.context = replace(context, extras=extras)
        self.register_outputs({})


POD_SECURITY: Final = {
    "pod-security.kubernetes.io/enforce": "baseline",
    "pod-security.kubernetes.io/warn": "baseline",
    "pod-security.kubernetes.io/audit": "restricted",
}
"""``baseline`` and not ``restricted``: Portus' images run as root (2.3-2.5) or need sudo (2.0-2.2)."""


class OwnedNamespace(ServiceComponent):
    """A Namespace with the Pod Security labels; ``resource`` comes before everything in it."""

    resource: core.Namespace

    def __init__(self, name: str, *, namespace: str, protect: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("network:Namespace", name, opts)
        labels = {"app.kubernetes.io/part-of": PART_OF, "app.kubernetes.io/managed-by": MANAGED_BY, **POD_SECURITY}
        self.resource = core.Namespace(
            f"{name}-namespace",
            metadata=meta.ObjectMetaArgs(name=namespace, labels=labels),
            opts=self.child(protect=protect, retain=protect),
        )
        self.register_outputs({})


def provider(stack: StackSettings) -> kubernetes.Provider:
    """Return the provider of everything that goes into the cluster.

    Secrets that are not marked immutable change in place: MariaDB's passwords, which must not restart it; every other one is replaced.

    The SDK writes KUBECONFIG into the provider's arguments, and so into the state. A machine with another path, such as a runner of a
    pipeline, then sees a change, or cannot read the old path. Where the identifier tells the cluster, the plugin reads KUBECONFIG itself.
    """
    cluster = stack.cluster
    return kubernetes.Provider(
        "kubernetes",
        kubeconfig="" if cluster.identifier else None,
        context=cluster.context,
        cluster_identifier=cluster.identifier,
        enable_secret_mutable=True,
    )


def stack_context(stack: StackSettings, *, instance: str, opts: pulumi.ResourceOptions) -> StackContext:
    """Return the context of every object of ``stack``.

    Args:
        instance: the stack's name, for labels.
        opts: of the Namespace and the ServiceAccounts.
    """
    cluster = stack.cluster
    owned = None
    if cluster.create_namespace:
        owned = OwnedNamespace("namespace", namespace=cluster.namespace, protect=stack.protect, opts=opts)
    context = StackContext(
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
    annotated = accounts(stack.workloads)
    return ServiceAccounts("accounts", annotations=annotated, context=context, opts=opts).context if annotated else context
