"""Which connections are allowed, and the proxy for those to the outside."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from components.settings.sections.kubernetes import LabelMap, NetworkPolicyPeer, NetworkPolicyPort
from components.settings.types.base import ChangeImpact, Checked, Matching, Section, broken
from components.settings.types.hosts import has_port, names_a_server
from components.settings.types.urls import Url
from components.settings.types.values import Cidr, DnsLabel, Port

WorkloadName = Literal["web", "worker", "bootstrap", "registry", "database", "edge", "backup"]


class DnsSettings(Section):
    """The DNS servers that Pods ask."""

    namespace: DnsLabel = "kube-system"
    """Namespace of the cluster's DNS; OpenShift: openshift-dns."""
    pod_labels: LabelMap = Field(default_factory=lambda: {"k8s-app": "kube-dns"})
    """Its Pods' labels, the same for CoreDNS and kube-dns everywhere; OpenShift: dns.operator.openshift.io/daemonset-dns: default."""
    port: Port = 53
    """Port of those Pods; OpenShift: 5353."""
    cidrs: tuple[Cidr, ...] = ()
    """Addresses of caches on the nodes (NodeLocal DNSCache: 169.254.20.10/32), in addition to those Pods."""


def _proxy(value: object) -> object:
    """A proxy's URL: Ruby speaks HTTP to every proxy."""
    if not isinstance(value, str) or re.fullmatch(r"http://[^/?]+/?", value):
        return value
    scheme, _, rest = value.strip().rpartition("://")
    host = re.split("[/?]", rest.lstrip("/"))[0].rpartition("@")[2]
    rule = "must be the URL of an HTTP proxy: http://, its host and its port"
    if scheme.startswith("socks"):
        raise broken(rule, "name a proxy that speaks HTTP: Portus does not support SOCKS")
    known = names_a_server(re.sub(r":[0-9]+$", "", host).strip("[]"))
    raise broken(rule, f"write http://{host}" if known else "write e.g. http://proxy.example.com:3128")


ProxyUrl = Annotated[Url, BeforeValidator(_proxy)]

_UNPROXIED: Final = "must be a host, a domain, an address or a network, one in each entry of the list"


def _fits(value: str) -> bool:
    """Whether port or network of an entry without proxy exist."""
    try:
        return has_port(value) and ("/" not in value or ipaddress.ip_network(value, strict=False).version == 4)  # noqa: PLR2004
    except ValueError:
        return False


Unproxied = Annotated[
    str,
    Matching(
        r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5}|/[0-9]{1,2})?",
        _UNPROXIED,
        lambda v: (
            f"write {v[1:]}, because Ruby reads no '*'"
            if re.fullmatch(r"\*\.[A-Za-z0-9.-]+", v)
            else "write e.g. [git.example.com, corp.example.com]"
        ),
    ),
    Checked(_fits, _UNPROXIED, "write a port up to 65535, or a network such as 10.0.0.0/8"),
]


class ProxySettings(Section):
    """HTTP proxy of Portus' web server, its worker and the registry."""

    http: ProxyUrl | None = None
    """HTTP_PROXY. Portus asks its scanners by this one, also where they speak HTTPS."""
    https: ProxyUrl | None = None
    """HTTPS_PROXY: of login by other sites, and of the object store."""
    no_proxy: tuple[Unproxied, ...] = ()
    """Hosts, domains and addresses that are reached without it, beside all that this stack needs: its own hosts, names inside the cluster,
    private addresses that settings name. Networks (10.0.0.0/8) are for the registry alone: Ruby does not read them."""


class Destinations(Section):
    """Networks of the services in the other sections.

    Their ports follow from there. Without a network, the port is open to every address: a policy has no host names.
    """

    database: tuple[Cidr, ...] = ()
    """Networks of an external ``database``."""
    ldap: tuple[Cidr, ...] = ()
    """Networks of ``portus.config.ldap``."""
    smtp: tuple[Cidr, ...] = ()
    """Networks of ``portus.config.email.smtp``."""
    oauth: tuple[Cidr, ...] = ()
    """Networks of the sites under ``portus.config.oauth``."""
    scanner: tuple[Cidr, ...] = ()
    """Networks of ``portus.config.security``."""
    object_store: tuple[Cidr, ...] = ()
    """Networks of ``registry.storage`` and its token server. For a store behind a Service of the cluster, the port is that of its Pods."""
    redis: tuple[Cidr, ...] = ()
    """Networks of an external ``registry.redis``."""
    notifications: tuple[Cidr, ...] = ()
    """Networks of ``registry.notifications.extraEndpoints``."""
    proxy: tuple[Cidr, ...] = ()
    """Networks of ``network.proxy``."""


class ExtraEgress(Section):
    """Connections that a workload may open, in addition to those that the stack needs."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("cidr", "cidrs", "ip"), "write 'to: [{ipBlock: {cidr: ...}}]'"),
        **dict.fromkeys(("host", "hosts", "name"), "write the addresses of the host: 'to: [{ipBlock: {cidr: ...}}]'"),
    }

    workloads: Annotated[tuple[WorkloadName, ...], Field(min_length=1)]
    """Workloads that open the connections."""
    to: tuple[NetworkPolicyPeer, ...] = ()
    """Peers that they may connect to. Empty: every address."""
    ports: Annotated[tuple[NetworkPolicyPort, ...], Field(min_length=1)]
    """Ports of the connections."""


class ExtraIngress(Section):
    """Connections that a workload may accept, in addition to those that the stack needs."""

    moved_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(("cidr", "cidrs", "ip"), "write 'from: [{ipBlock: {cidr: ...}}]'")

    workloads: Annotated[tuple[WorkloadName, ...], Field(min_length=1)]
    """Workloads that accept the connections."""
    from_: Annotated[tuple[NetworkPolicyPeer, ...], Field(alias="from", min_length=1)]
    """Peers that may connect."""
    ports: Annotated[tuple[NetworkPolicyPort, ...], Field(min_length=1)]
    """Ports of the connections."""


class NetworkSettings(Section):
    """NetworkPolicies: everything is denied both ways, and each flow that the stack needs is allowed by name and port."""

    policies: Annotated[bool, ChangeImpact("at once, for new connections")] = True
    """Whether the stack has NetworkPolicies. Turn off if the cluster's own rules do this. A network that enforces no policies ignores
    them."""
    dns: DnsSettings = DnsSettings()
    clients: Annotated[tuple[NetworkPolicyPeer, ...], ChangeImpact("other clients may connect, at once")] = ()
    """Clients that may connect to the front proxy: networks, or the Pods of an ingress controller. Empty: all. Behind a load balancer or
    node port a Pod often sees a node's address in place of the client's."""
    destinations: Destinations = Destinations()
    proxy: Annotated[ProxySettings, ChangeImpact("Portus and the registry restart")] = ProxySettings()
    extra_egress: tuple[ExtraEgress, ...] = ()
    """Further connections from workloads, e.g. to the receivers of Portus' webhooks: their addresses are in its database."""
    extra_ingress: tuple[ExtraIngress, ...] = ()
    """Further connections to workloads, e.g. from a monitoring system of your own."""
