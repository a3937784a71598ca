"""The front proxy (HAProxy) of the exposures that cannot filter paths by themselves, and the Service that clients connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common import names, pods
from components.common.base import ServiceComponent
from components.common.secrets import config_map, secret
from components.exposure import haproxy
from components.settings.exposure import LoadBalancerExposure, NodePortExposure

if TYPE_CHECKING:
    from components.common.placement import Placement
    from components.settings.stack import StackSettings
    from components.tls import Certificate

PRIVILEGES: Final = pods.Privileges(user=10700, group=10700)
RESOURCES: Final = pods.Resources(
    requests={"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
    limits={"cpu": "1", "memory": "256Mi", "ephemeral-storage": "64Mi"},
)
GRACE_SECONDS: Final = 75
"""Longer than haproxy's ``hard-stop-after``: pushes under way may end."""


class Edge(ServiceComponent):
    """The front proxy and its public Service."""

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        image: str,
        certificate: Certificate,
        placement: Placement,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("exposure:Edge", name, opts)
        self._name = name
        self._stack = stack
        self._placement = placement
        self._labels = placement.labels(name=names.EDGE, component=names.EDGE)
        self._deployment(image, self._volumes(certificate))
        self._public_service()
        self.register_outputs({})

    def _volumes(self, certificate: Certificate) -> list[core.VolumeArgs]:
        in_namespace = self.child(after=self._placement.after)
        pem = {"edge.pem": pulumi.Output.concat(certificate.chain, certificate.private_key)}
        tls = secret(f"{self._name}-tls", pem, self._labels, self._placement, in_namespace)
        texts: dict[str, pulumi.Input[str]] = {"haproxy.cfg": haproxy.haproxy_cfg(self._routes()), "ca.crt": certificate.trust}
        config = config_map(f"{self._name}-config", texts, self._labels, self._placement, in_namespace)
        return [
            pods.secret_volume("tls", tls.metadata.name),
            pods.config_volume("config", config.metadata.name),
        ]

    def _routes(self) -> haproxy.Routes:
        stack, namespace, port = self._stack, self._placement.namespace, self._stack.exposure.https_port
        return haproxy.Routes(
            host=stack.host,
            registry_name=stack.registry_name,
            public_port=port,
            portus=f"{names.in_cluster(names.PORTUS, namespace)}:{port}",
            registry=f"{names.in_cluster(names.REGISTRY, namespace)}:{port}",
            shield=stack.exposure.edge.shield_application_tokens,
        )

    def _deployment(self, image: str, volumes: list[core.VolumeArgs]) -> None:
        settings = self._stack.exposure.edge
        container = pods.container(
            "haproxy",
            image,
            self._placement,
            PRIVILEGES,
            resources=pods.merged(RESOURCES, settings.resources),
            ports={"https": haproxy.HTTPS, "http": haproxy.HTTP, "health": haproxy.HEALTH},
            mounts=[
                pods.mount("config", haproxy.CONFIGURATION),
                pods.mount("tls", haproxy.CERTIFICATE),
            ],
            probes=pods.Probes(
                readiness=pods.http_probe("health", "/healthz", scheme="HTTP", period=5, failures=3),
                liveness=pods.tcp_probe("https", period=20, failures=3),
            ),
        )
        template = pods.pod_template(
            self._labels, self._placement, PRIVILEGES, containers=[container], volumes=volumes, grace_seconds=GRACE_SECONDS
        )
        apps.Deployment(
            f"{self._name}-deployment",
            metadata=self._placement.metadata(self._labels, names.EDGE),
            spec=apps.DeploymentSpecArgs(
                replicas=settings.replicas, selector=meta.LabelSelectorArgs(match_labels=self._labels.selector), template=template
            ),
            opts=self.child(),
        )

    def _public_service(self) -> None:
        core.Service(
            f"{self._name}-public",
            metadata=self._placement.metadata(self._labels, names.EDGE_PUBLIC, annotations=self._annotations()),
            spec=self._public_spec(),
            opts=self.child(),
        )

    def _annotations(self) -> dict[str, str] | None:
        exposure = self._stack.exposure
        return exposure.annotations or None if isinstance(exposure, LoadBalancerExposure) else None

    def _public_spec(self) -> core.ServiceSpecArgs:
        exposure = self._stack.exposure
        match exposure:
            case NodePortExposure():
                ports = [core.ServicePortArgs(name="https", port=names.HTTPS_PORT, target_port="https", node_port=exposure.https_node_port)]
                if exposure.http_node_port is not None:
                    ports.append(
                        core.ServicePortArgs(name="http", port=names.HTTP_PORT, target_port="http", node_port=exposure.http_node_port)
                    )
                return core.ServiceSpecArgs(type="NodePort", selector=self._labels.selector, ports=ports)
            case LoadBalancerExposure():
                return core.ServiceSpecArgs(
                    type="LoadBalancer",
                    selector=self._labels.selector,
                    ports=[
                        core.ServicePortArgs(name="https", port=exposure.public_port, target_port="https"),
                        core.ServicePortArgs(name="http", port=names.HTTP_PORT, target_port="http"),
                    ],
                    load_balancer_class=exposure.load_balancer_class,
                    load_balancer_ip=exposure.load_balancer_ip,
                    load_balancer_source_ranges=list(exposure.load_balancer_source_ranges) or None,
                )
            case _:
                assert_never(exposure)
