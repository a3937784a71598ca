"""How clients reach Portus and the registry. Every kind leads through the front proxy (docs/decisions/README.md#5-exposure)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from components.settings.sections.cluster import ScaledSection, WorkloadResources
from components.settings.sections.kubernetes import AnnotationMap, LabelName
from components.settings.types.base import ChangeImpact, Matching, Section, broken
from components.settings.types.values import Cidr, DnsLabel, GatewayDuration, IpAddress, NodePort, ObjectName, Port

PublicPort = Annotated[Port, ChangeImpact("changes every URL and every image's name")]

IpFamilyPolicy = Literal["SingleStack", "PreferDualStack", "RequireDualStack"]
IpFamily = Literal["IPv4", "IPv6"]


class EdgeSettings(ScaledSection):
    """The front proxy. It refuses the event path and the open token paths to clients outside, whatever is in front of it."""

    resources: WorkloadResources = WorkloadResources()
    shield_application_tokens: bool = True
    """Refuse the paths by which any user can make, list or delete another user's application tokens, an administrator's included
    (portus-images.md). From 2.4 on Portus' own page uses the same paths: users cannot make tokens there while this is on
    (docs/deploy/exposure.md says how to make them then). Turn off only if you trust every user with everything."""
    registry_passthrough: Annotated[bool, Field(alias="registryPassthrough"), ChangeImpact("open connections are closed")] = True
    """Pass connections for ``registry.host`` through to the registry without decrypting them, by the name in the TLS handshake. This saves
    a TLS hop. It needs two hosts, and no Ingress controller or Gateway that ends TLS. Off: the front proxy decrypts them, filters paths and
    headers, and adds the client's address (docs/deploy/exposure.md)."""
    hsts_max_age: Annotated[int | None, Field(ge=0, le=63_072_000), ChangeImpact("browsers keep the last value for as long as it says")] = (
        None
    )
    """Seconds for which browsers may only use HTTPS for Portus' host (Strict-Transport-Security). Unset: a year if the public URL
    has port 443. Otherwise no header, because browsers apply it to every port of the host: plain HTTP of other services there would end.
    It cannot be revoked before its end; 0 makes browsers delete it at their next visit."""


class _Exposure(Section):
    """What every kind has."""

    edge: EdgeSettings = EdgeSettings()
    ip_family_policy: Annotated[IpFamilyPolicy | None, ChangeImpact("the Service gets or loses an address")] = None
    """Unset: the cluster's default, one address family."""
    ip_families: Annotated[tuple[IpFamily, ...], ChangeImpact("Kubernetes refuses another first family: make a new Service")] = ()
    """Address families, in their order. Empty: the cluster's. The Pods' first address must be IPv4: the images of Portus 2.3 to 2.5 listen
    on no other (``docker/init``), so a cluster of IPv6 alone, or with IPv6 first, cannot run them."""

    @property
    def behind_proxy(self) -> bool:
        """Whether another proxy speaks HTTP to the front proxy and says who the client is."""
        return False

    @property
    def speaks_proxy_protocol(self) -> bool:
        """Whether connections begin with the PROXY protocol's header."""
        return False

    @property
    def speaks_ipv6(self) -> bool:
        """Whether the front proxy is reached by IPv6, too."""
        return "IPv6" in self.ip_families or self.ip_family_policy in {"PreferDualStack", "RequireDualStack"}


class _DirectExposure(_Exposure):
    """The front proxy's Service is what clients connect to."""

    external_traffic_policy: Annotated[Literal["Cluster", "Local"], ChangeImpact("open connections may break")] = "Cluster"
    """``Local`` keeps the client's address and answers only on nodes that run the front proxy."""
    proxy_protocol: Annotated[bool, ChangeImpact("connections without the header are refused at once")] = False
    """Whether what forwards to the node port, or the load balancer, begins each connection with the PROXY protocol's header, which has the
    client's address. Turn it on there, too: for a load balancer, usually by an annotation."""

    @property
    def speaks_proxy_protocol(self) -> bool:
        """Whether connections begin with the PROXY protocol's header."""
        return self.proxy_protocol


class NodePortExposure(_DirectExposure):
    """The front proxy on a port of every node."""

    synonyms: ClassVar[Mapping[str, str]] = dict.fromkeys(("nodePort", "port"), "httpsNodePort")
    moved_keys: ClassVar[Mapping[str, str]] = {"nodePorts": "write 'httpsNodePort: ...', and for plain HTTP 'httpNodePort: ...'"}

    kind: Annotated[Literal["node_port"], ChangeImpact("another address: clients lose the old one")]
    """How clients connect."""
    https_node_port: Annotated[NodePort, ChangeImpact("changes every URL and every image's name, unless ``publicPort`` is set")]
    """Port of every node for HTTPS."""
    http_node_port: NodePort | None = None
    """Port of every node for plain HTTP, which redirects to HTTPS. Unset: no plain HTTP."""
    public_port: Annotated[Port | None, ChangeImpact("changes every URL and every image's name")] = None
    """Port that clients use, if something forwards it to the node port. Unset: the node port itself."""

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port or self.https_node_port


class LoadBalancerExposure(_DirectExposure):
    """The front proxy behind the cluster's load balancer."""

    kind: Annotated[Literal["load_balancer"], ChangeImpact("another address: clients lose the old one")]
    """How clients connect."""
    public_port: PublicPort = 443
    """Port that clients use; 443 is in no URL."""
    load_balancer_source_ranges: Annotated[tuple[Cidr, ...], ChangeImpact("other clients may connect, at once")] = ()
    """Networks that may connect. Empty: all of them."""
    load_balancer_class: Annotated[LabelName | None, ChangeImpact("Kubernetes refuses it: make a new Service")] = None
    """Which of the cluster's controllers creates the load balancer. Unset: the cluster's default."""
    load_balancer_ip: Annotated[IpAddress | None, ChangeImpact("another address: clients lose the old one")] = Field(
        default=None, alias="loadBalancerIP"
    )
    """Address to request from the controller."""
    annotations: AnnotationMap = Field(default_factory=dict)
    """Annotations of the Service, which the cloud's controller reads."""

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port


class ClusterIpExposure(_Exposure):
    """The front proxy inside the cluster only, for ``kubectl port-forward`` and for proxies that this stack does not know."""

    kind: Annotated[Literal["cluster_ip"], ChangeImpact("another address: clients lose the old one")]
    """How clients connect."""
    public_port: PublicPort = 443
    """Port that clients use: of the Service, and of whatever forwards to it."""

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port


class IngressController(StrEnum):
    """The ingress controllers whose annotations this program knows."""

    NGINX = "nginx"
    TRAEFIK = "traefik"
    HAPROXY = "haproxy"
    OTHER = "other"


def _controller(value: object) -> object:
    names = {"ingress-nginx": "nginx", "haproxy-ingress": "other", "nginx-ingress": "other", "kong": "other", "contour": "other"}
    if isinstance(value, str) and (name := names.get(value)):
        rule = f"must be one of {', '.join(IngressController)}"
        raise broken(rule, f"write {name}" + ("; its own annotations go to annotations" if name == "other" else ""))
    return value


class TlsMode(StrEnum):
    """Where TLS ends; the Gateway API's names."""

    TERMINATE = "Terminate"
    PASSTHROUGH = "Passthrough"


class IngressExposure(_Exposure):
    """An Ingress that leads to the front proxy."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("host", "hosts", "rules", "path"), "remove it: it follows from portus:host and portus:registry.host"),
        "tls": "remove it: it follows from portus:tls",
        "enabled": "remove it: kind: ingress makes an Ingress",
    }

    kind: Annotated[Literal["ingress"], ChangeImpact("another address: clients lose the old one")]
    """How clients connect."""
    ingress_class_name: Annotated[ObjectName | None, ChangeImpact("another controller, another address")] = None
    """Which controller serves it. Unset: the cluster's default class."""
    controller: Annotated[IngressController, BeforeValidator(_controller)] = IngressController.NGINX
    """Which controller's annotations are written: ``nginx`` (ingress-nginx), ``traefik``, ``haproxy`` (haproxytech). ``other`` writes none:
    then ``annotations`` must switch on HTTPS to the backend, bodies of any size and long timeouts."""
    tls_mode: TlsMode = TlsMode.TERMINATE
    """``Passthrough`` hands the encrypted connection to the front proxy; ``nginx`` (started with --enable-ssl-passthrough), ``haproxy``."""
    public_port: PublicPort = 443
    """Port that clients use; 443 is in no URL."""
    annotations: AnnotationMap = Field(default_factory=dict)
    """Annotations of the Ingress, in addition to those that this program writes. A key here replaces theirs."""
    await_address: Annotated[bool, ChangeImpact("nothing that runs changes")] = True
    """Whether ``pulumi up`` waits until the controller has written an address into the Ingress; off for controllers that write none."""

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port

    @property
    def behind_proxy(self) -> bool:
        """Whether the controller speaks HTTP to the front proxy."""
        return self.tls_mode is TlsMode.TERMINATE


class ParentRef(Section):
    """A Gateway, by the Gateway API's ``parentRefs``."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: DnsLabel | None = None
    """Its namespace. Unset: the stack's own. Its listener must allow routes from the stack's namespace."""
    section_name: ObjectName | None = None
    """Name of its listener. Unset: every one that fits."""


RouteVersion = Annotated[
    str,
    Matching(
        r"v1(alpha[0-9]+|beta[0-9]+)?",
        "must be a version of the Gateway API, e.g. v1 or v1alpha2",
        "write a version that the cluster serves",
    ),
]


class GatewayExposure(_Exposure):
    """A route of an existing Gateway that leads to the front proxy: HTTPRoute, or TLSRoute where TLS passes through."""

    moved_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("gateway", "gatewayRef", "gatewayName", "parentRef"), "write 'parentRefs: [{name: ...}]'"
    )

    kind: Annotated[Literal["gateway"], ChangeImpact("another address: clients lose the old one")]
    """How clients connect."""
    parent_refs: Annotated[tuple[ParentRef, ...], Field(min_length=1), ChangeImpact("another address: clients lose the old one")]
    """The Gateways' HTTPS listeners (for ``Passthrough``: TLS). They hold a certificate of their own for the hosts."""
    redirect_parent_refs: tuple[ParentRef, ...] = ()
    """The Gateways' plain HTTP listeners, which then redirect to HTTPS. Empty: plain HTTP is not changed."""
    tls_mode: TlsMode = TlsMode.TERMINATE
    """``Terminate``: the Gateway decrypts, and encrypts again to the front proxy by a BackendTLSPolicy (Gateway API 1.4 on).
    ``Passthrough``: it hands the encrypted connection on by a TLSRoute."""
    tls_route_version: RouteVersion = "v1"
    """API version of TLSRoute: ``v1`` from Gateway API 1.5 on, before that ``v1alpha2`` of its experimental channel."""
    request_timeout: GatewayDuration | None = None
    """HTTPRoute's ``timeouts.request``, if the Gateway's own is too short to push a large layer. "0s" means no timeout."""
    public_port: PublicPort = 443
    """Port that clients use; 443 is in no URL."""
    annotations: AnnotationMap = Field(default_factory=dict)
    """Annotations of the route."""

    @property
    def https_port(self) -> int:
        """The port in every public URL."""
        return self.public_port

    @property
    def behind_proxy(self) -> bool:
        """Whether the Gateway speaks HTTP to the front proxy."""
        return self.tls_mode is TlsMode.TERMINATE


ExposureSettings = Annotated[
    NodePortExposure | LoadBalancerExposure | ClusterIpExposure | IngressExposure | GatewayExposure, Field(discriminator="kind")
]
