"""How clients reach Portus and the registry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import KubernetesSection, Section
from components.settings.cluster import WorkloadResources
from components.settings.types import Cidr, IpAddress, NodePort, Port


class EdgeSettings(Section):
    """The front proxy of the exposures that cannot filter paths: it keeps the webhook and the open token paths from the outside."""

    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    resources: WorkloadResources = WorkloadResources()
    shield_application_tokens: bool = True
    """Refuse the paths by which any user can make, list or delete another user's application tokens (contract.md, "Hole"); off only
    where a program of yours manages tokens from outside."""


class NodePortExposure(KubernetesSection):
    """The front proxy on a port of every node."""

    kind: Literal["node_port"]
    https_node_port: NodePort
    http_node_port: NodePort | None = None
    """Redirects to HTTPS; None offers no plain HTTP."""
    public_port: Port | None = None
    """Port that clients use, where something forwards to the node port. None: the node port itself."""
    edge: EdgeSettings = EdgeSettings()

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port or self.https_node_port


class LoadBalancerExposure(KubernetesSection):
    """The front proxy behind the cluster's load balancer."""

    kind: Literal["load_balancer"]
    public_port: Port = 443
    load_balancer_source_ranges: tuple[Cidr, ...] = ()
    """Networks that may connect; empty lets everybody."""
    load_balancer_class: str | None = None
    load_balancer_ip: IpAddress | None = Field(default=None, alias="loadBalancerIP")
    annotations: dict[str, str] = Field(default_factory=dict)
    """Of the Service, for the cloud's controller."""
    edge: EdgeSettings = EdgeSettings()

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port


ExposureSettings = Annotated[NodePortExposure | LoadBalancerExposure, Field(discriminator="kind")]
