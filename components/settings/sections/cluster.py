"""The cluster, the images and what every workload shares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from components.settings.types.base import ChangeImpact, Section, broken
from components.settings.types.hosts import REGISTRY, REPOSITORY, has_port
from components.settings.types.values import Bytes, ClassName, Cpu, DnsLabel, ImageRef, ObjectName, Text


class ClusterSettings(Section):
    """Where the stack is deployed."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "name": "write 'identifier' for the cluster's name, or 'namespace' for that of the namespace",
        "kubeconfig": "remove it: the variable KUBECONFIG names the file, and 'context' the cluster in it",
    }

    context: Annotated[Text | None, ChangeImpact("nothing, as long as it leads to the same cluster")] = None
    """Context of the kubeconfig (KUBECONFIG, else ~/.kube/config). Unset: the current one, which may be the wrong one."""

    identifier: Text | None = None
    """Name of the cluster, as the provider's ``clusterIdentifier``. If it is set, only a change of it means another cluster: new addresses
    or credentials in the kubeconfig then replace nothing. The state then does not keep the kubeconfig's path, so machines with other
    paths, such as the runners of a pipeline, deploy the same stack."""

    namespace: DnsLabel = "portus"
    """Namespace of every object. A later change moves nothing: it is a new deployment."""

    check_apis: Annotated[bool, ChangeImpact("nothing that runs changes")] = True
    """Whether a preview looks up the kinds that a cluster may lack (cert-manager's, the Gateway API's), to name a missing one. Turn off
    if the deployer may not read CustomResourceDefinitions."""

    create_namespace: Annotated[
        bool, ChangeImpact("on: fails where the namespace exists. Off: would delete it with everything inside, which ``protect`` refuses")
    ] = True
    """Whether this stack owns the Namespace (and labels it for Pod Security). Turn off if another team creates it: a deleted namespace
    deletes its claims, too."""


_MIRROR: Final = rf"{REGISTRY}(/{REPOSITORY})?"


def _mirror(value: str) -> str:
    """A registry's host and, where it has one, a path."""
    if not re.fullmatch(_MIRROR, value) or not has_port(value):
        host, slash, path = re.sub(r"^[a-z]+://([^/@]*@)?", "", value.strip()).rstrip("/").partition("/")
        near = f"{host}{slash}{re.sub('/+', '/', path.lower())}"
        rule = "must be a registry's host, with its path if it has one, without scheme and without '/' at the end"
        raise broken(rule, f"write {near}" if re.fullmatch(_MIRROR, near) and has_port(near) else "write e.g. registry.example.com/mirror")
    return value


MirrorPrefix = Annotated[str, AfterValidator(_mirror), WithJsonSchema({"type": "string", "pattern": f"^({_MIRROR})$"})]


class ImageSettings(Section):
    """Which images run; by default the ones of ``components/common/versions.py``."""

    synonyms: ClassVar[Mapping[str, str]] = {**dict.fromkeys(("database", "db", "mysql"), "mariadb"), "proxy": "edge", "curl": "client"}
    moved_keys: ClassVar[Mapping[str, str]] = {
        "imagePullSecrets": "write 'pullSecrets: [NAME]'",
        **dict.fromkeys(("tag", "repository"), "write the whole image under the name of its program, e.g. portus: opensuse/portus:2.5"),
        "haproxy": "write edge",
    }

    mirror: Annotated[MirrorPrefix | None, ChangeImpact("every Pod restarts")] = None
    """Prefix that replaces the registry host of the default images, e.g. registry.example.com/mirror."""

    pull_policy: Annotated[Literal["Always", "IfNotPresent", "Never"], ChangeImpact("every Pod restarts")] = "IfNotPresent"
    """When a node pulls the image of a container."""

    pull_secrets: Annotated[tuple[ObjectName, ...], ChangeImpact("every Pod restarts")] = ()
    """Secrets of the namespace by which the kubelet logs in to image registries."""

    portus: ImageRef | None = None
    """Portus; must be of the family that ``portus.version`` names. Required for 2.0-2.2, whose images each team built itself."""

    registry: ImageRef | None = None
    """The registry (distribution)."""
    mariadb: Annotated[ImageRef | None, ChangeImpact("MariaDB restarts and upgrades its system tables; never to an older version")] = None
    """MariaDB, at the official image's paths."""
    edge: ImageRef | None = None
    """The front proxy (HAProxy)."""
    client: ImageRef | None = None
    """An image with sh and curl. The first set-up runs in it."""
    redis: ImageRef | None = None
    """Redis, if ``registry.redis`` runs one in the stack."""


class ResourceAmounts(Section):
    """Amounts of one kind."""

    cpu: Cpu | None = None
    """Processors."""
    memory: Bytes | None = None
    """Bytes."""


class WorkloadResources(Section):
    """Requests and limits of a container; what is not set keeps the default."""

    requests: ResourceAmounts = ResourceAmounts()
    """What is reserved on the node."""
    limits: ResourceAmounts = ResourceAmounts()
    """What may be used. A container that needs more processor time waits; one that needs more memory is ended."""


class Autoscaling(Section):
    """A HorizontalPodAutoscaler; the cluster needs metrics-server or its like."""

    min_replicas: Annotated[int, Field(ge=1, le=20)] = 2
    """The fewest copies: two, so that the loss of one is not an outage."""
    max_replicas: Annotated[int, Field(ge=2, le=20)]
    """The most copies."""
    target_cpu_utilization_percentage: Annotated[int, Field(ge=10, le=100, alias="targetCPUUtilizationPercentage")] = 75
    """In per cent of ``resources.requests.cpu``, on average over the copies. Below 100, so that new copies are ready before the old ones
    are full."""


class ScaledSection(Section):
    """A workload of one or more copies."""

    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    """Number of copies."""
    autoscaling: Annotated[
        Autoscaling | None,
        ChangeImpact("when you turn it on, there is one copy for a moment, Kubernetes' own default; then the autoscaler decides"),
    ] = None
    """In place of ``replicas``: the cluster decides, by the processor time used. Unset: ``replicas`` says how many."""

    @property
    def fixed_replicas(self) -> int | None:
        """The number of copies; None if the autoscaler decides, which the next ``pulumi up`` must not overrule."""
        return None if self.autoscaling else self.replicas

    @property
    def most_replicas(self) -> int:
        """How many copies there may be."""
        return self.autoscaling.max_replicas if self.autoscaling else self.replicas


class ClaimSettings(Section):
    """A PersistentVolumeClaim of this stack, protected and kept when the stack is deleted."""

    moved_keys: ClassVar[Mapping[str, str]] = {"resources": "write only size, the amount below resources.requests.storage"}

    size: Annotated[Bytes, ChangeImpact("grows in place where the StorageClass allows; Kubernetes refuses less")] = "10Gi"
    """Size of the volume. It grows in place if the StorageClass allows that; it never shrinks."""

    storage_class_name: Annotated[
        ClassName | None, ChangeImpact("would replace the claim and lose its data, which ``protect`` refuses")
    ] = None
    """Unset: the cluster's default. "" is none at all: then create the volume yourself. A later change would replace the claim, which
    the protection refuses."""

    access_modes: Annotated[
        tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...],
        Field(min_length=1),
        ChangeImpact("would replace the claim and lose its data, which ``protect`` refuses"),
    ] = ("ReadWriteOnce",)
    """ReadWriteMany if Pods on several nodes use it."""
