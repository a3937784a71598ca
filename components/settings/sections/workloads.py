"""What the Pods of each workload get in addition, under Kubernetes' own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from components.settings.sections.kubernetes import (
    Affinity,
    AnnotationMap,
    DnsConfig,
    EnvVar,
    LabelMap,
    Toleration,
    TopologySpreadConstraint,
    Volume,
    VolumeMount,
)
from components.settings.types.base import ChangeImpact, Section
from components.settings.types.values import ObjectName


class PodSettings(Section):
    """Labels and annotations of Pods, and where they run."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "env": "write it under the workload that needs it, e.g. portus:workloads.web; write an HTTP proxy under portus:network.proxy",
        **dict.fromkeys(("volumes", "volumeMounts"), "write it under the workload that needs it, e.g. portus:workloads.web"),
    }

    labels: LabelMap = Field(default_factory=dict)
    """Labels of the Pods, in addition to the recommended ones, which cannot be changed."""
    annotations: AnnotationMap = Field(default_factory=dict)
    """Annotations of the Pods."""
    node_selector: LabelMap = Field(default_factory=dict)
    """Labels that the node must have. A key replaces this program's default of that key: kubernetes.io/os: linux, and for the published
    images of Portus kubernetes.io/arch: amd64."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that the Pods tolerate."""
    priority_class_name: ObjectName | None = None
    """Which Pods are evicted first when nodes are full. Unset: the cluster's default."""
    runtime_class_name: ObjectName | None = None
    """Another container runtime, such as gVisor's."""
    dns_config: DnsConfig | None = None
    """Additions to resolv.conf."""


class WorkloadSettings(PodSettings):
    """One workload's Pods; what is set here overrides ``workloads.all``, and lists are added to it."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("resources", "replicas", "autoscaling"), "write it under portus.web, portus.worker, database or exposure.edge, where it exists"
        ),
        **dict.fromkeys(
            ("livenessProbe", "readinessProbe", "startupProbe", "securityContext", "podSecurityContext"), "remove it: this program sets it"
        ),
    }

    affinity: Affinity | None = None
    """Unset: copies of a workload run on different nodes if possible."""
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    """Empty: copies of a workload are spread over the zones if possible."""
    env: tuple[EnvVar, ...] = ()
    """More variables of the workload's container. A variable that this program sets is refused: a setting decides it."""
    volumes: tuple[Volume, ...] = ()
    """More volumes."""
    volume_mounts: tuple[VolumeMount, ...] = ()
    """Where they are mounted in the workload's container."""


class AccountSettings(Section):
    """The Pods' service account; its token is never mounted."""

    name: ObjectName | None = None
    """Name of an existing account. Unset, with annotations: this stack creates one."""
    annotations: AnnotationMap = Field(default_factory=dict)
    """Annotations of the account that this stack creates, for a cloud that distinguishes Pods by them."""


class AccountedWorkloadSettings(WorkloadSettings):
    """One workload's Pods."""

    service_account: AccountSettings | None = None
    """Unset: the namespace's default account."""


class RegistryWorkloadSettings(WorkloadSettings):
    """The registry's Pods."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "serviceAccount": "write registry.serviceAccount",
        "replicas": "write registry.replicas",
        "resources": "write registry.resources",
    }


class WorkloadsSettings(Section):
    """Every workload's Pods."""

    synonyms: ClassVar[Mapping[str, str]] = {
        "portus": "web",
        "background": "worker",
        **dict.fromkeys(("mariadb", "mysql", "db"), "database"),
        **dict.fromkeys(("haproxy", "proxy", "frontProxy"), "edge"),
    }

    cpu_limits: Annotated[bool, ChangeImpact("every Pod restarts")] = True
    """Off: no container has a CPU limit, so that none waits while its node is idle. Requests and the limits of memory stay."""
    all: Annotated[PodSettings, ChangeImpact("every Pod restarts")] = PodSettings()
    """Every Pod of the stack, Jobs included."""
    web: Annotated[AccountedWorkloadSettings, ChangeImpact("the web server restarts")] = AccountedWorkloadSettings()
    worker: Annotated[AccountedWorkloadSettings, ChangeImpact("the worker restarts; events wait")] = AccountedWorkloadSettings()
    registry: Annotated[RegistryWorkloadSettings, ChangeImpact("the registry restarts")] = RegistryWorkloadSettings()
    database: Annotated[WorkloadSettings, ChangeImpact("MariaDB restarts; Portus answers errors meanwhile")] = WorkloadSettings()
    edge: Annotated[AccountedWorkloadSettings, ChangeImpact("the front proxy restarts")] = AccountedWorkloadSettings()
    backup: Annotated[PodSettings, ChangeImpact("from the next backup on")] = PodSettings()
    """The Pods of backups and restores."""
