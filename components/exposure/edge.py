"""The front proxy (HAProxy), through which every client connects, and its Service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common import availability, names, pods, sizes
from components.common.base import ServiceComponent
from components.common.objects import config_map
from components.exposure import haproxy
from components.settings.sections.exposure import (
    ClusterIpExposure,
    GatewayExposure,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from components.common.stack_context import StackContext
    from components.settings.stack import StackSettings
    from components.tls import Certificate

PRIVILEGES: Final = pods.Privileges(user=10700, group=10700)
PORTUS_ADDRESS: Final = "PORTUS_ADDRESS"
REGISTRY_ADDRESS: Final = "REGISTRY_ADDRESS"
"""Variables of the Pods that haproxy.cfg reads. With the addresses in it the file would be unknown in every first preview and render."""
YEAR: Final = 31_536_000
GRACE_SECONDS: Final = 75
"""Longer than the stop command and haproxy's ``hard-stop-after`` together: pushes under way can end."""


class Edge(ServiceComponent):
    """The front proxy and its public Service.

    Args:
        wildcards: whether Portus checks ``*`` in a repository.
        servers: addresses of Portus' and the registry's Service by their names. If a Service is made again, it has another address,
            and the Pods restart.
        annotations: of the Service, which a controller in front of it reads.
    """

    public: core.Service
    """What clients, or a controller in front of it, connect to."""

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        image: str,
        certificate: Certificate,
        wildcards: bool,
        servers: Mapping[str, pulumi.Input[str]],
        context: StackContext,
        annotations: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("exposure:Edge", name, opts)
        self._name = name
        self._stack = stack
        self._wildcards = wildcards
        self._servers = {PORTUS_ADDRESS: servers[names.PORTUS], REGISTRY_ADDRESS: servers[names.REGISTRY]}
        self._context = context
        self._labels = context.labels(name=names.EDGE, component=names.EDGE)
        deployment = self._deployment(image, self._volumes(certificate))
        availability.guard_copies(name, deployment, stack.exposure.edge.autoscaling, labels=self._labels, context=context, parent=self)
        self.public = self._public_service({**annotations})
        self.register_outputs({})

    def _volumes(self, certificate: Certificate) -> list[core.VolumeArgs]:
        texts: dict[str, pulumi.Input[str]] = {
            "haproxy.cfg": haproxy.haproxy_cfg(routes(self._stack, wildcards=self._wildcards)),
            "ca.crt": certificate.trust,
        }
        config = config_map(f"{self._name}-config", texts, self._labels, self._context, self.child(after=self._context.after))
        return [
            pods.secret_volume("tls", certificate.files.secret, haproxy.CERTIFICATE_FILES),
            pods.config_volume("config", config.metadata.name),
        ]

    def _deployment(self, image: str, volumes: list[core.VolumeArgs]) -> apps.Deployment:
        settings = self._stack.exposure.edge
        ports = {"https": haproxy.HTTPS, "http": haproxy.HTTP, "health": haproxy.HEALTH}
        if self._stack.exposure.speaks_proxy_protocol:
            ports |= {"proxied-https": haproxy.PROXIED_HTTPS, "proxied-http": haproxy.PROXIED_HTTP}
        container = pods.container(
            "haproxy",
            image,
            self._context,
            PRIVILEGES,
            resources=pods.merged(sizes.EDGE, settings.resources),
            ports=ports,
            environment=self._servers,
            mounts=[
                pods.mount("config", haproxy.CONFIGURATION),
                pods.mount("tls", haproxy.CERTIFICATE),
            ],
            probes=pods.Probes(
                readiness=pods.http_probe("health", "/healthz", scheme="HTTP", period=5, failures=3),
                liveness=pods.tcp_probe("https", period=20, failures=3),
            ),
            pre_stop=["/bin/sleep", str(availability.FORGET_SECONDS)],
            extras=self._context.extras_of(names.EDGE),
        )
        template = pods.pod_template(
            self._labels, self._context, PRIVILEGES, containers=[container], volumes=volumes, grace_seconds=GRACE_SECONDS
        )
        return apps.Deployment(
            f"{self._name}-deployment",
            metadata=self._context.metadata(self._labels, names.EDGE),
            spec=apps.DeploymentSpecArgs(
                replicas=settings.fixed_replicas,
                min_ready_seconds=availability.MIN_READY_SECONDS,
                revision_history_limit=availability.REVISIONS,
                selector=meta.LabelSelectorArgs(match_labels=self._labels.selector),
                strategy=apps.DeploymentStrategyArgs(
                    type="RollingUpdate", rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
                ),
                template=template,
            ),
            opts=self.child(),
        )

    def _public_service(self, annotations: dict[str, str]) -> core.Service:
        exposure = self._stack.exposure
        if isinstance(exposure, LoadBalancerExposure):
            annotations |= exposure.annotations
        return core.Service(
            f"{self._name}-public",
            metadata=self._context.metadata(self._labels, names.EDGE_PUBLIC, annotations=annotations or None),
            spec=self._public_spec(),
            opts=self.child(),
        )

    def _public_spec(self) -> core.ServiceSpecArgs:
        exposure = self._stack.exposure
        families = list(exposure.ip_families) or None
        match exposure:
            case NodePortExposure():
                http, https = exposure.http_node_port, exposure.https_node_port
                return core.ServiceSpecArgs(
                    type="NodePort",
                    selector=self._labels.selector,
                    ports=[self._port("https", names.HTTPS_PORT, https)] + ([self._port("http", names.HTTP_PORT, http)] if http else []),
                    external_traffic_policy=_unless_default(exposure.external_traffic_policy),
                    ip_family_policy=exposure.ip_family_policy,
                    ip_families=families,
                )
            case LoadBalancerExposure():
                return core.ServiceSpecArgs(
                    type="LoadBalancer",
                    selector=self._labels.selector,
                    ports=[self._port("https", exposure.public_port), self._port("http", names.HTTP_PORT)],
                    load_balancer_class=exposure.load_balancer_class,
                    load_balancer_ip=exposure.load_balancer_ip,
                    load_balancer_source_ranges=list(exposure.load_balancer_source_ranges) or None,
                    external_traffic_policy=_unless_default(exposure.external_traffic_policy),
                    ip_family_policy=exposure.ip_family_policy,
                    ip_families=families,
                )
            case ClusterIpExposure() | IngressExposure() | GatewayExposure():
                port = exposure.public_port if isinstance(exposure, ClusterIpExposure) else names.HTTPS_PORT
                return core.ServiceSpecArgs(
                    type="ClusterIP",
                    selector=self._labels.selector,
                    ports=[self._port("https", port)],
                    ip_family_policy=exposure.ip_family_policy,
                    ip_families=families,
                )
            case _:
                assert_never(exposure)

    def _port(self, name: str, port: int, node_port: int | None = None) -> core.ServicePortArgs:
        target = f"proxied-{name}" if self._stack.exposure.speaks_proxy_protocol else name
        return core.ServicePortArgs(name=name, port=port, target_port=target, node_port=node_port)


def routes(stack: StackSettings, *, wildcards: bool) -> haproxy.Routes:
    """Return what the front proxy serves; pure.

    Args:
        wildcards: whether Portus checks ``*`` in a repository.
    """
    port = stack.exposure.https_port
    return haproxy.Routes(
        host=stack.host,
        registry_name=stack.registry_name,
        public_port=port,
        portus=f"${{{PORTUS_ADDRESS}}}:{port}",
        registry=f"${{{REGISTRY_ADDRESS}}}:{port}",
        shield=stack.exposure.edge.shield_application_tokens,
        wildcards=wildcards,
        behind_proxy=stack.exposure.behind_proxy,
        proxy_protocol=stack.exposure.speaks_proxy_protocol,
        ipv6=stack.exposure.speaks_ipv6,
        hsts_max_age=_hsts(stack),
        passes_registry_through=stack.passes_registry_through,
        portus_threads=_threads(stack),
    )


def _hsts(stack: StackSettings) -> int | None:
    max_age = stack.exposure.edge.hsts_max_age
    if max_age is not None:
        return max_age
    return YEAR if stack.exposure.https_port == names.HTTPS_PORT else None


def _threads(stack: StackSettings) -> int | None:
    """Return how many requests Portus handles at once; Apache (2.0-2.2) queues by itself."""
    web = stack.portus.web
    return web.puma_workers * web.puma_max_threads * web.most_replicas if stack.portus.version.is_puma else None


def _unless_default(policy: str) -> str | None:
    return None if policy == "Cluster" else policy
