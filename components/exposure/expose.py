"""The one place that chooses how clients reach the front proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from components.exposure import haproxy
from components.exposure.edge import Edge
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
    from components.settings.sections.exposure import ExposureSettings
    from components.settings.stack import StackSettings
    from components.tls import Certificate


def client_ports(exposure: ExposureSettings) -> tuple[int, ...]:
    """Return the front proxy's ports that clients connect to: HTTPS, HTTP, then those of the PROXY protocol where it is spoken."""
    plain = (haproxy.HTTPS, haproxy.HTTP)
    return (*plain, haproxy.PROXIED_HTTPS, haproxy.PROXIED_HTTP) if exposure.speaks_proxy_protocol else plain


def expose(
    name: str,
    *,
    stack: StackSettings,
    image: str,
    certificate: Certificate,
    wildcards: bool,
    servers: Mapping[str, pulumi.Input[str]],
    context: StackContext,
    opts: pulumi.ResourceOptions,
) -> None:
    """Make the front proxy and what is in front of it.

    Args:
        image: of the front proxy.
        wildcards: whether Portus checks ``*`` in a repository; if not, no client may ask for it.
        servers: addresses of the Services behind the front proxy, by their names.
    """
    exposure = stack.exposure
    annotations: dict[str, str] = {}
    if isinstance(exposure, IngressExposure):
        from components.exposure.ingress import service_annotations  # noqa: PLC0415 - as below

        annotations = service_annotations(exposure, context.namespace)
    edge = Edge(
        name,
        stack=stack,
        image=image,
        certificate=certificate,
        wildcards=wildcards,
        servers=servers,
        context=context,
        annotations=annotations,
        opts=opts,
    )
    match exposure:
        case IngressExposure():
            from components.exposure.ingress import EdgeIngress  # noqa: PLC0415 - only these stacks pay for the import

            EdgeIngress(
                f"{name}-ingress", stack=stack, exposure=exposure, certificate=certificate, edge=edge.public, context=context, opts=opts
            )
        case GatewayExposure():
            from components.exposure.gateway import EdgeRoutes  # noqa: PLC0415 - only these stacks pay for the import

            EdgeRoutes(
                f"{name}-gateway", stack=stack, exposure=exposure, certificate=certificate, edge=edge.public, context=context, opts=opts
            )
        case NodePortExposure() | LoadBalancerExposure() | ClusterIpExposure():
            pass  # clients connect to the front proxy's own Service
        case _:
            assert_never(exposure)
