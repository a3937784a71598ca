"""Where a component's objects go and what they all share: the namespace, the labels, and what the stack file adds to each workload's Pods.

Selectors are immutable in Kubernetes, so they hold only what never changes (name, instance, component); version and the
rest are descriptive. Source: kubernetes.io "Recommended Labels".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
from pulumi_kubernetes.meta import v1 as meta

PART_OF: Final = "portus"
MANAGED_BY: Final = "pulumi"


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The labels of one workload.

    Args:
        name: the application (``mariadb``, ``portus``, ``registry``).
        instance: the stack's name, so that two stacks in one namespace never select each other's Pods.
        component: the role inside the whole (``database``, ``web``, ``worker``, ``registry``).
        version: the application's version; descriptive only, None where the object outlives versions.
    """

    name: str
    instance: str
    component: str
    version: str | None = None

    @property
    def selector(self) -> dict[str, str]:
        """The labels that select this workload's Pods."""
        return {
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/instance": self.instance,
            "app.kubernetes.io/component": self.component,
        }

    @property
    def all(self) -> dict[str, str]:
        """The whole recommended set."""
        version = {} if self.version is None else {"app.kubernetes.io/version": self.version}
        return {
            **self.selector,
            **version,
            "app.kubernetes.io/part-of": PART_OF,
            "app.kubernetes.io/managed-by": MANAGED_BY,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class PodExtras:
    """Additions to a Pod, each in Kubernetes' own shape.

    Args:
        spread: whether replicas of the Pod are kept apart if nothing else is set.
        spec: parts of the Pod's spec (``nodeSelector``, ``tolerations`` ...).
        env: more variables of the Pod's first container.
        volumes: more volumes.
        mounts: where the Pod's first container has them.
        service_account: name of the Pod's account; None: the namespace's default one.
    """

    spread: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    env: Sequence[Mapping[str, Any]] = ()
    volumes: Sequence[Mapping[str, Any]] = ()
    mounts: Sequence[Mapping[str, Any]] = ()
    service_account: pulumi.Input[str] | None = None


NONE = PodExtras()


@dataclass(frozen=True, kw_only=True, slots=True)
class StackContext:
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
    extras: Mapping[str, PodExtras] = field(default_factory=dict)
    after: tuple[pulumi.Resource, ...] = field(default=())

    def extras_of(self, component: str) -> PodExtras:
        """Return what the stack file adds to the Pods of ``component``."""
        return self.extras.get(component, self.extras.get("", NONE))

    def labels(self, *, name: str, component: str, version: str | None = None) -> Labels:
        """Return the labels of one workload of this stack."""
        return Labels(name=name, instance=self.instance, component=component, version=version)

    def metadata(self, labels: Labels, name: str | None = None, annotations: dict[str, str] | None = None) -> meta.ObjectMetaArgs:
        """Return an object's metadata; without ``name`` Pulumi names it, so that a replacement can exist beside the old one."""
        return meta.ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels.all, annotations=annotations)
