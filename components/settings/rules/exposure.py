"""The hosts and the ports that clients use, and how clients reach them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.common.names import HTTP_PORT, REGISTRY_DEBUG_PORT
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.exposure import GatewayExposure, IngressController, IngressExposure, NodePortExposure, TlsMode
from components.settings.stack import StackSettings

UPSTREAM_PLACEHOLDER: Final = "portus.test.lan"
"""The default that Portus ships for its own name; tokens issued under it are refused everywhere (SUSE/Portus#1168)."""


@rule()
def host_is_not_the_upstream_placeholder(stack: StackSettings) -> Iterator[Problem]:
    """The shipped default name belongs to no host."""
    for key, host in (("host", stack.host), ("registry.host", stack.registry.host)):
        if host == UPSTREAM_PLACEHOLDER:
            yield Problem(
                key=key,
                value=host,
                rule="must be your own name, not the placeholder that Portus ships",
                fix="set the name that clients use",
            )


@rule()
def node_ports_differ(stack: StackSettings) -> Iterator[Problem]:
    """One node port serves one port."""
    exposure = stack.exposure
    if isinstance(exposure, NodePortExposure) and exposure.http_node_port == exposure.https_node_port:
        yield Problem(
            key="exposure.httpNodePort",
            value=str(exposure.http_node_port),
            rule="must differ from exposure.httpsNodePort",
            fix="choose another port, or remove it",
        )


@rule()
def https_is_not_on_port_80(stack: StackSettings) -> Iterator[Problem]:
    """Port 80 of the same Services is plain HTTP."""
    if stack.exposure.https_port == HTTP_PORT:
        yield Problem(
            key="exposure.publicPort",
            value=str(HTTP_PORT),
            rule="must not be 80: that port serves plain HTTP, for redirects and for the registry's notifications to Portus 2.0 to 2.2",
            fix="choose another port, or remove it",
        )


@rule()
def https_is_not_on_the_registrys_debug_port(stack: StackSettings) -> Iterator[Problem]:
    """Inside the cluster the registry's Service listens on the public port and on this one; Kubernetes refuses one port twice."""
    if stack.exposure.https_port == REGISTRY_DEBUG_PORT:
        yield Problem(
            key="exposure.publicPort",
            value=str(REGISTRY_DEBUG_PORT),
            rule=f"must not be {REGISTRY_DEBUG_PORT}: the registry's Service serves its metrics on that port",
            fix="choose another port, or remove it",
        )


@rule()
def ingress_passes_tls_where_it_can(stack: StackSettings) -> Iterator[Problem]:
    """Traefik passes encrypted connections through by its own kinds only."""
    exposure = stack.exposure
    if (
        isinstance(exposure, IngressExposure)
        and exposure.tls_mode is TlsMode.PASSTHROUGH
        and exposure.controller is IngressController.TRAEFIK
    ):
        yield Problem(
            key="exposure.tlsMode",
            value=exposure.tls_mode,
            rule="must be Terminate with controller: traefik, which cannot pass TLS through for an Ingress",
            fix="remove it, or use kind: gateway with tlsMode: Passthrough",
        )


@rule()
def unknown_controller_has_annotations(stack: StackSettings) -> Iterator[Problem]:
    """Without annotations every controller speaks plain HTTP to the front proxy and limits the size of a push."""
    exposure = stack.exposure
    if isinstance(exposure, IngressExposure) and exposure.controller is IngressController.OTHER and not exposure.annotations:
        yield Problem(
            key="exposure.annotations",
            value="",
            rule="must be set with controller: other: they enable HTTPS to the backend, unlimited bodies and long timeouts",
            fix="set the annotations that your controller documents",
        )


@rule()
def two_address_families_need_a_dual_stack(stack: StackSettings) -> Iterator[Problem]:
    """Kubernetes refuses the Service otherwise."""
    exposure = stack.exposure
    families = exposure.ip_families
    if len(set(families)) < len(families):
        yield Problem(key="exposure.ipFamilies", value=", ".join(families), rule="must name each family once", fix="remove one")
    elif len(families) > 1 and exposure.ip_family_policy not in {"PreferDualStack", "RequireDualStack"}:
        yield Problem(
            key="exposure.ipFamilyPolicy",
            value=exposure.ip_family_policy or "",
            rule="must be PreferDualStack or RequireDualStack if two ipFamilies are set",
            fix="set it to PreferDualStack",
        )


@rule()
def request_timeout_needs_requests(stack: StackSettings) -> Iterator[Problem]:
    """A Gateway that passes TLS through sees no requests."""
    exposure = stack.exposure
    if isinstance(exposure, GatewayExposure) and exposure.tls_mode is TlsMode.PASSTHROUGH and exposure.request_timeout is not None:
        yield Problem(
            key="exposure.requestTimeout",
            value=exposure.request_timeout,
            rule="has no effect while tlsMode is Passthrough: only an HTTPRoute has a request timeout",
            fix="remove it",
        )
