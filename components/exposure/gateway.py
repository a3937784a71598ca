"""Routes of an existing Gateway (Gateway API) that lead to the front proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from components.common import names, objects
from components.common.base import ServiceComponent
from components.settings.sections.exposure import TlsMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi
    from pulumi_kubernetes.core import v1 as core

    from components.common.stack_context import StackContext
    from components.settings.sections.exposure import GatewayExposure, ParentRef
    from components.settings.stack import StackSettings
    from components.tls import Certificate

GROUP: Final = "gateway.networking.k8s.io"


class EdgeRoutes(ServiceComponent):
    """HTTPRoute and BackendTLSPolicy, or TLSRoute where TLS passes through; and the redirect of plain HTTP.

    Args:
        edge: the front proxy's Service.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        exposure: GatewayExposure,
        certificate: Certificate,
        edge: core.Service,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("exposure:Gateway", name, opts)
        self._name = name
        self._exposure = exposure
        self._context = context
        self._labels = context.labels(name=names.EDGE, component="gateway")
        self._after: tuple[pulumi.Resource, ...] = (edge,)
        self._definitions: dict[str, tuple[pulumi.Resource, ...]] = {}
        hosts = stack.hosts
        if exposure.tls_mode is TlsMode.PASSTHROUGH:
            self._object("TLSRoute", "tlsroutes", "route", tls_route(exposure, hosts), version=exposure.tls_route_version)
        else:
            policy = backend_tls_policy(stack.host, certificate.files.trust)
            self._object("BackendTLSPolicy", "backendtlspolicies", "policy", policy)
            self._object("HTTPRoute", "httproutes", "route", http_route(exposure, hosts))
        if exposure.redirect_parent_refs:
            self._object("HTTPRoute", "httproutes", "redirect", redirect_route(exposure, hosts))
        self.register_outputs({})

    def _object(self, kind: str, plural: str, role: str, spec: Mapping[str, Any], *, version: str = "v1") -> None:
        from pulumi_kubernetes.apiextensions import CustomResource  # noqa: PLC0415 - its import takes time

        definition = self._definition(f"{plural}.{GROUP}")
        CustomResource(
            f"{self._name}-{role}",
            api_version=f"{GROUP}/{version}",
            kind=kind,
            metadata=self._context.metadata(
                self._labels,
                names.EDGE if role != "redirect" else f"{names.EDGE}-redirect",
                annotations=dict(self._exposure.annotations) or None,
            ),
            spec=dict(spec),
            opts=self.child(after=[*self._after, *definition]),
        )

    def _definition(self, kind: str) -> tuple[pulumi.Resource, ...]:
        if kind not in self._definitions:
            self._definitions[kind] = objects.served(kind, self._context, self.child())
        return self._definitions[kind]


def http_route(exposure: GatewayExposure, hosts: Sequence[str]) -> dict[str, Any]:
    """Return the ``spec`` of the route to the front proxy; pure."""
    rule: dict[str, Any] = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": _backends()}
    if exposure.request_timeout is not None:
        rule["timeouts"] = {"request": exposure.request_timeout}
    return {"parentRefs": _parents(exposure.parent_refs), "hostnames": list(hosts), "rules": [rule]}


def redirect_route(exposure: GatewayExposure, hosts: Sequence[str]) -> dict[str, Any]:
    """Return the ``spec`` of the route that sends plain HTTP to HTTPS, path and query kept; pure."""
    redirect = {"scheme": "https", "port": exposure.public_port, "statusCode": 301}
    rule = {"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}
    return {"parentRefs": _parents(exposure.redirect_parent_refs), "hostnames": list(hosts), "rules": [rule]}


def tls_route(exposure: GatewayExposure, hosts: Sequence[str]) -> dict[str, Any]:
    """Return the ``spec`` of the route that passes encrypted connections through; pure."""
    return {"parentRefs": _parents(exposure.parent_refs), "hostnames": list(hosts), "rules": [{"backendRefs": _backends()}]}


def backend_tls_policy(host: str, trust: pulumi.Input[str]) -> dict[str, Any]:
    """Return the ``spec`` by which a Gateway encrypts to the front proxy and verifies it.

    Args:
        host: in the front proxy's certificate.
        trust: name of the ConfigMap with ``ca.crt``.
    """
    return {
        "targetRefs": [{"group": "", "kind": "Service", "name": names.EDGE_PUBLIC}],
        "validation": {"hostname": host, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": trust}]},
    }


def _parents(references: Sequence[ParentRef]) -> list[dict[str, str]]:
    return [
        {
            key: value
            for key, value in (("name", reference.name), ("namespace", reference.namespace), ("sectionName", reference.section_name))
            if value is not None
        }
        for reference in references
    ]


def _backends() -> list[dict[str, Any]]:
    return [{"name": names.EDGE_PUBLIC, "port": names.HTTPS_PORT}]
