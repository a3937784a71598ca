"""The cluster, the images and what every workload shares."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import KubernetesSection, Section
from components.settings.types import DnsLabel, ImageRef, Quantity


class ClusterSettings(Section):
    """Where the stack is deployed."""

    context: str | None = None
    """Context of the kubeconfig (KUBECONFIG, else ~/.kube/config). None takes the current one, which is easily the wrong one."""

    identifier: str | None = None
    """Name of the cluster as the provider's ``clusterIdentifier``: only its change means another cluster, so that new addresses or
    credentials in the kubeconfig never replace everything."""

    namespace: DnsLabel = "portus"
    """Namespace of every object. A later change moves nothing: it is a new deployment."""

    create_namespace: bool = True
    """Whether this stack owns the Namespace (and labels it for Pod Security). Off where somebody else makes it: a namespace that is
    deleted takes the volumes' claims along."""


class ImageSettings(KubernetesSection):
    """Which images run; by default the ones of ``components/common/versions.py``."""

    mirror: Annotated[str, Field(pattern=r"^[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$")] | None = None
    """Prefix that replaces the registry host of the default images, e.g. registry.example.com/mirror."""

    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """Of every container."""

    pull_secrets: tuple[DnsLabel, ...] = ()
    """Secrets of the namespace that log the kubelet in to image registries."""

    portus: ImageRef | None = None
    """Portus; must be of the generation that ``portus.version`` names. Required for 2.0-2.2, whose images each team built itself."""

    registry: ImageRef | None = None
    mariadb: ImageRef | None = None
    edge: ImageRef | None = None
    """The front proxy (HAProxy)."""
    client: ImageRef | None = None
    """An image with sh and curl, for the first set-up."""


class ResourceAmounts(Section):
    """Amounts of one kind."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class WorkloadResources(Section):
    """Requests and limits of a container; what is not said keeps the default."""

    requests: ResourceAmounts = ResourceAmounts()
    limits: ResourceAmounts = ResourceAmounts()


class ClaimSettings(KubernetesSection):
    """A PersistentVolumeClaim of this stack, protected and kept when the stack goes."""

    size: Quantity = "10Gi"
    """Grows in place where the StorageClass allows; never shrinks."""

    storage_class_name: DnsLabel | None = None
    """None takes the cluster's default. A later change would replace the claim, which the protection refuses."""

    access_modes: tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...] = ("ReadWriteOnce",)
