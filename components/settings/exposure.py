"""How clients reach Portus and the registry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import KubernetesSection, Later, Section
from components.settings.cluster import WorkloadResources
from components.settings.types import Cidr, IpAddress, NodePort, Port


class EdgeSettings(Section):
    """The front proxy of the exposures that cannot filter paths: it keeps the webhook and the open token paths from the outside."""

    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    """Copies of the proxy."""
    resources: WorkloadResources = WorkloadResources()
    shield_application_tokens: bool = True
    """Refuse the paths by which any user can make, list or delete another user's application tokens (contract.md, "Hole"); off only
    where a program of yours manages tokens from outside."""


class NodePortExposure(KubernetesSection):
    """The front proxy on a port of every node."""

    kind: Annotated[Literal["node_port"], Later("another address: clients lose the old one")]
    """How clients get in."""
    https_node_port: Annotated[NodePort, Later("in every URL and image's name, unless ``publicPort`` is set")]
    """Port of every node for HTTPS."""
    http_node_port: NodePort | None = None
    """Redirects to HTTPS; None offers no plain HTTP."""
    public_port: Annotated[Port | None, Later("in every URL and image's name")] = None
    """Port that clients use, where something forwards to the node port. None: the node port itself."""
    edge: EdgeSettings = EdgeSettings()

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port or self.https_node_port


class LoadBalancerExposure(KubernetesSection):
    """The front proxy behind the cluster's load balancer."""

    kind: Annotated[Literal["load_balancer"], Later("another address: clients lose the old one")]
    """How clients get in."""
    public_port: Annotated[Port, Later("in every URL and image's name")] = 443
    """Port that clients use; 443 is in no URL."""
    load_balancer_source_ranges: Annotated[tuple[Cidr, ...], Later("others are let in, at once")] = ()
    """Networks that may connect; empty lets everybody."""
    load_balancer_class: Annotated[str | None, Later("Kubernetes refuses it: make a new Service")] = None
    """Which of the cluster's controllers makes it; None takes the cluster's default."""
    load_balancer_ip: Annotated[IpAddress | None, Later("another address: clients lose the old one")] = Field(
        default=None, alias="loadBalancerIP"
    )
    """Address to ask the controller for."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Of the Service, for the cloud's controller."""
    edge: EdgeSettings = EdgeSettings()

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port


ExposureSettings = Annotated[NodePortExposure | LoadBalancerExposure, Field(discriminator="kind")]
