"""Kubernetes' own shapes, as far as a stack file may hold them: its names, its nesting, its types; an unknown key is an error.

What Kubernetes alone can judge (whether a label exists, whether a class does) is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from components.settings.types.base import KubernetesShape, Matching
from components.settings.types.values import Cidr, Port

LabelName = Annotated[
    str,
    Matching(
        r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
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
    """Further requirements; all have to hold."""


class IpBlock(KubernetesShape):
    """A network."""

    cidr: Cidr
    """The network."""
    except_: tuple[Cidr, ...] | None = Field(default=None, alias="except")
    """Parts of it that are left out."""


class NetworkPolicyPeer(KubernetesShape):
    """The other side of a connection."""

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
