"""Where a component's objects go and what they all share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.meta import v1 as meta

from components.common.labels import Labels
from components.common.pod_extras import NONE, Extras


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """The namespace and the conventions of one stack.

    Args:
        namespace: the namespace's name. Plain, because DNS names and checks are made of it.
        instance: the stack's name, for labels.
        protect: whether what cannot be made again (claims, generated secrets, keys) refuses deletion.
        pull_policy: of every container.
        pull_secrets: names of the Secrets that the kubelet logs in to image registries with.
        check_apis: whether kinds that the cluster may lack are looked up first.
        cpu_limits: whether containers have a limit of processors.
        extras: what the stack file adds to the Pods of each workload, by its component label; ``""`` for every other one.
        after: what must exist before anything in the namespace: the Namespace itself where this stack owns it.
    """

    namespace: str
    instance: str
    protect: bool
    pull_policy: str
    pull_secrets: tuple[str, ...]
    check_apis: bool = True
    cpu_limits: bool = True
    extras: Mapping[str, Extras] = field(default_factory=dict)
    after: tuple[pulumi.Resource, ...] = field(default=())

    def extras_of(self, component: str) -> Extras:
        """Return what the stack file adds to the Pods of ``component``."""
        return self.extras.get(component, self.extras.get("", NONE))

    def labels(self, *, name: str, component: str, version: str | None = None) -> Labels:
        """Return the labels of one workload of this stack."""
        return Labels(name=name, instance=self.instance, component=component, version=version)

    def metadata(self, labels: Labels, name: str | None = None, annotations: dict[str, str] | None = None) -> meta.ObjectMetaArgs:
        """Return an object's metadata; without ``name`` Pulumi names it, so that a replacement can exist beside the old one."""
        return meta.ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels.all, annotations=annotations)
