"""Kubernetes' own shapes, as far as a stack file may have them: its names, its nesting, its types; an unknown key is an error.

What Kubernetes alone can judge (whether a label exists, whether a class does) is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from components.settings.types.base import Checked, KubernetesShape, Matching, broken
from components.settings.types.hosts import LABEL
from components.settings.types.values import Bytes, Cidr, ContainerPath, DnsLabel, IpAddress, ObjectName, Port

LabelName = Annotated[
    str,
    Matching(
        rf"({LABEL}(\.{LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?",
        "must be a label's or annotation's name: letters, digits, '-', '_' and '.', at most 63, after an optional DNS name and '/'",
        "write e.g. example.com/team",
    ),
]

LabelValue = Annotated[
    str,
    Matching(
        r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
        "must be a label's value: letters, digits, '-', '_' and '.', at most 63",
        "write e.g. registry-team; free text belongs in an annotation",
    ),
]

LabelMap = Mapping[LabelName, LabelValue]
AnnotationMap = Mapping[LabelName, str]


def shape(section: KubernetesShape) -> dict[str, Any]:
    """Return ``section`` as Kubernetes takes it: without what was not set."""
    return section.model_dump(mode="json", by_alias=True, exclude_none=True)


class MatchExpression(KubernetesShape):
    """One requirement of a selector."""

    key: LabelName
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How its value is compared."""
    values: tuple[LabelValue, ...] | None = None
    """For In and NotIn."""


class LabelSelector(KubernetesShape):
    """Objects by their labels; without a requirement all of them."""

    match_labels: LabelMap | None = None
    """Each label with its value."""
    match_expressions: tuple[MatchExpression, ...] | None = None
    """Further requirements; all must be met."""


class IpBlock(KubernetesShape):
    """A network."""

    cidr: Cidr
    """The network."""
    except_: tuple[Cidr, ...] | None = Field(default=None, alias="except")
    """Parts of it that are left out."""


class NetworkPolicyPeer(KubernetesShape):
    """The other side of a connection."""

    moved_keys: ClassVar[Mapping[str, str]] = {"namespace": "write 'namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ...}}'"}

    namespace_selector: LabelSelector | None = None
    """Namespaces; alone: every Pod in them."""
    pod_selector: LabelSelector | None = None
    """Pods, of the stack's own namespace where no namespaces are selected."""
    ip_block: IpBlock | None = None
    """Addresses outside the cluster, or of nodes; alone."""


class NetworkPolicyPort(KubernetesShape):
    """A port of the Pod that is connected to, which behind a Service is the Service's ``targetPort``."""

    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    """The transport."""
    port: Port
    """The port, or the first of them."""
    end_port: Port | None = None
    """The last one."""


ALL_RIGHTS: Final = 0o777

_DECIMAL: Final = frozenset({400, 440, 444, 500})
"""Modes without the 0 before them that are numbers of other modes; 420 is what YAML makes of 0644."""


def _mode(value: object) -> object:
    """Number, 0 to 511."""
    if isinstance(value, int) and (value in _DECIMAL or (value > ALL_RIGHTS and re.fullmatch("[0-7]{3}", str(value)))):
        raise broken("must be a mode in octal, with a 0 before it", f"write 0{value}")
    return value


FileMode = Annotated[int, Field(ge=0, le=ALL_RIGHTS), BeforeValidator(_mode)]
"""Kubernetes' mode of a file: YAML's 0444 is 292. 400 without the 0 would be 0620."""


class Toleration(KubernetesShape):
    """A taint that the Pods tolerate."""

    key: LabelName | None = None
    """The taint. Unset, with Exists: every taint is tolerated."""
    operator: Literal["Exists", "Equal"] | None = None
    """Kubernetes' default: Equal."""
    value: LabelValue | None = None
    """For Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Unset: every effect is tolerated."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """For NoExecute: how long."""


class NodeRequirement(KubernetesShape):
    """One requirement of a node."""

    key: LabelName
    """The label, or for ``matchFields`` the field."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How its value is compared."""
    values: tuple[LabelValue, ...] | None = None
    """For In, NotIn, and one number for Gt and Lt."""


class NodeSelectorTerm(KubernetesShape):
    """Requirements of a node; all must be met."""

    match_expressions: tuple[NodeRequirement, ...] | None = None
    """By labels."""
    match_fields: tuple[NodeRequirement, ...] | None = None
    """By ``metadata.name``."""


class NodeSelector(KubernetesShape):
    """Nodes; one term must be met."""

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], Field(min_length=1)]
    """The terms."""


class PreferredNodes(KubernetesShape):
    """A preference among nodes."""

    weight: Annotated[int, Field(ge=1, le=100)]
    """Weight against the other preferences."""
    preference: NodeSelectorTerm
    """The nodes."""


class NodeAffinity(KubernetesShape):
    """On which nodes."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Required."""
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNodes, ...] | None = None
    """Preferred."""


class PodAffinityTerm(KubernetesShape):
    """Pods, and what counts as near to them."""

    topology_key: LabelName
    """Nodes with the same value of this label are one place."""
    label_selector: LabelSelector | None = None
    """The Pods."""
    namespace_selector: LabelSelector | None = None
    """Their namespaces. Unset: the stack's own."""
    namespaces: tuple[DnsLabel, ...] | None = None
    """Their namespaces by name."""


class PreferredPods(KubernetesShape):
    """A preference for or against the neighbourhood of Pods."""

    weight: Annotated[int, Field(ge=1, le=100)]
    """Weight against the other preferences."""
    pod_affinity_term: PodAffinityTerm
    """The Pods."""


class PodAffinity(KubernetesShape):
    """Near to, or far from, other Pods."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] | None = None
    """Required."""
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredPods, ...] | None = None
    """Preferred."""


class Affinity(KubernetesShape):
    """Where the Pods are placed; what is set here replaces the default, which keeps replicas of a workload apart."""

    node_affinity: NodeAffinity | None = None
    """By nodes."""
    pod_affinity: PodAffinity | None = None
    """Near to Pods."""
    pod_anti_affinity: PodAffinity | None = None
    """Far from Pods."""


class TopologySpreadConstraint(KubernetesShape):
    """How evenly the workload's own Pods are spread; the selector is theirs."""

    max_skew: Annotated[int, Field(ge=1)]
    """Greatest difference between two places."""
    topology_key: LabelName
    """Nodes with the same value of this label are one place."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What happens if no place fits: the Pod waits, or runs anyway."""


class DnsOption(KubernetesShape):
    """One option of resolv.conf."""

    name: Annotated[str, Matching(r"[a-z0-9-]{1,40}", "must be an option of resolv.conf", "write e.g. ndots")]
    """The option."""
    value: str | None = None
    """Its value, where it has one."""


class DnsConfig(KubernetesShape):
    """Additions to resolv.conf."""

    nameservers: tuple[IpAddress, ...] | None = None
    """Addresses of servers, asked after the cluster's."""
    searches: tuple[str, ...] | None = None
    """Search domains."""
    options: tuple[DnsOption, ...] | None = None
    """Options such as ndots."""


class KeyRef(KubernetesShape):
    """One key of a Secret or ConfigMap."""

    name: ObjectName
    """Name of the Secret or ConfigMap, in the stack's namespace."""
    key: Annotated[
        str, Matching(r"[-._a-zA-Z0-9]{1,253}", "must be a key of a Secret: letters, digits, '-', '_' and '.'", "write e.g. tls.key")
    ]
    """The key inside it."""
    optional: bool | None = None
    """Whether the Pod starts without it."""


class FieldRef(KubernetesShape):
    """A field of the Pod."""

    field_path: Literal["metadata.name", "metadata.namespace", "spec.nodeName", "status.hostIP", "status.podIP"]
    """The field."""


class EnvVarSource(KubernetesShape):
    """Where the value of a variable comes from; exactly one of these."""

    secret_key_ref: KeyRef | None = None
    """In a Secret."""
    config_map_key_ref: KeyRef | None = None
    """In a ConfigMap."""
    field_ref: FieldRef | None = None
    """In the Pod itself."""


class EnvVar(KubernetesShape):
    """One environment variable."""

    name: Annotated[str, Matching(r"[A-Za-z_][A-Za-z0-9_]{0,252}", "must be the name of an environment variable", "write e.g. HTTPS_PROXY")]
    """The variable."""
    value: str | None = None
    """Its value. A secret belongs in a Secret and is named by ``valueFrom``."""
    value_from: EnvVarSource | None = None
    """Where its value comes from."""


class KeyToPath(KubernetesShape):
    """One key as a file."""

    key: str
    """The key."""
    path: str
    """The file, below the mount."""
    mode: FileMode | None = None
    """Mode of the file."""


class SecretVolumeSource(KubernetesShape):
    """A Secret's keys as files."""

    synonyms: ClassVar[Mapping[str, str]] = {"name": "secretName"}

    secret_name: ObjectName
    """Name of the Secret."""
    items: tuple[KeyToPath, ...] | None = None
    """Unset: every key under its own name."""
    default_mode: FileMode | None = None
    """Mode of the files."""
    optional: bool | None = None
    """Whether the Pod starts without it."""


class ConfigMapVolumeSource(KubernetesShape):
    """A ConfigMap's keys as files."""

    name: ObjectName
    """Of the ConfigMap."""
    items: tuple[KeyToPath, ...] | None = None
    """Unset: every key under its own name."""
    default_mode: FileMode | None = None
    """Mode of the files."""
    optional: bool | None = None
    """Whether the Pod starts without it."""


class ClaimVolumeSource(KubernetesShape):
    """A PersistentVolumeClaim."""

    synonyms: ClassVar[Mapping[str, str]] = {"name": "claimName"}

    claim_name: ObjectName
    """Name of the claim."""
    read_only: bool | None = None
    """Mounted for reading only."""


class EmptyDirVolumeSource(KubernetesShape):
    """A folder that is deleted with the Pod."""

    medium: Literal["", "Memory"] | None = None
    """Memory: in the Pod's memory."""
    size_limit: Bytes | None = None
    """A Pod that writes more is evicted."""


class CsiVolumeSource(KubernetesShape):
    """A volume of a CSI driver, such as the Secrets Store's."""

    driver: LabelName
    """The driver."""
    read_only: bool | None = None
    """Mounted for reading only."""
    volume_attributes: dict[str, str] | None = None
    """The driver's own parameters."""


class Volume(KubernetesShape):
    """One volume, of exactly one source. Host paths are refused: no Pod of the stack may see its node."""

    name: DnsLabel
    """Name that a mount refers to. In the Pod it is called ``extra-<name>``, so that it never is one of the stack's own."""
    secret: SecretVolumeSource | None = None
    """A Secret."""
    config_map: ConfigMapVolumeSource | None = None
    """A ConfigMap."""
    persistent_volume_claim: ClaimVolumeSource | None = None
    """A claim."""
    empty_dir: EmptyDirVolumeSource | None = None
    """A scratch folder."""
    csi: CsiVolumeSource | None = None
    """A volume of a driver."""


class VolumeMount(KubernetesShape):
    """Where a volume is mounted in the workload's container."""

    synonyms: ClassVar[Mapping[str, str]] = dict.fromkeys(("path", "target"), "mountPath")

    name: DnsLabel
    """Name of the volume."""
    mount_path: ContainerPath
    """Path in the container."""
    sub_path: (
        Annotated[
            str,
            Checked(
                lambda v: bool(v) and not v.startswith("/") and ".." not in v.split("/"),
                "must be a path inside the volume, without '/' before it and without '..'",
                "write e.g. certs/ca.crt",
            ),
        ]
        | None
    ) = None
    """One file or folder of it."""
    read_only: bool | None = None
    """Kubernetes' default: false."""
