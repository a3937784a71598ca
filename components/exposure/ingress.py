"""An Ingress in front of the front proxy, and the annotations that each ingress controller needs.

All controllers get the same: bodies of any size, streamed; long timeouts; HTTPS to the front proxy, whose certificate is verified.
Sources: ingress-nginx "Annotations"; doc.traefik.io "Kubernetes Ressource: Ingress" and "ServersTransport"; haproxytech/kubernetes-ingress
documentation/annotations.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

import pulumi
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.networking import v1 as networking

from components.common import names, objects
from components.common.base import ServiceComponent
from components.common.objects import config_map, secret
from components.settings.sections.exposure import IngressController, IngressExposure, TlsMode

if TYPE_CHECKING:
    from pulumi_kubernetes.core import v1 as core

    from components.common.stack_context import StackContext
    from components.settings.stack import StackSettings
    from components.tls import Certificate


SECONDS: Final = 900
"""As the front proxy's own timeouts: a push of a large layer is one request."""

TRAEFIK: Final = "traefik.ingress.kubernetes.io"
TRANSPORT: Final = names.EDGE
"""Name of Traefik's ServersTransport."""


def ingress_annotations(controller: IngressController, mode: TlsMode, *, host: str, trust: str) -> dict[str, str]:
    """Return the Ingress' annotations.

    Args:
        host: the name that the front proxy's certificate must have.
        trust: ``namespace/name`` of the Secret with the CA that signed it.
    """
    passes = mode is TlsMode.PASSTHROUGH
    match controller:
        case IngressController.NGINX:
            return _under("nginx.ingress.kubernetes.io", {"ssl-passthrough": "true"} if passes else _nginx(host, trust))
        case IngressController.HAPROXY:
            return _under("haproxy.org", {"ssl-passthrough": "true"} if passes else _haproxy(trust))
        case IngressController.TRAEFIK:
            return _under(TRAEFIK, {"router.entrypoints": "websecure", "router.tls": "true"})
        case IngressController.OTHER:
            return {}
        case _:
            assert_never(controller)


def service_annotations(exposure: IngressExposure, namespace: str) -> dict[str, str]:
    """Return the annotations of the front proxy's Service; only Traefik reads those. The stack file's replace them."""
    if exposure.controller is not IngressController.TRAEFIK:
        return {}
    transport = f"{namespace}-{TRANSPORT}@kubernetescrd"
    own = _under(TRAEFIK, {"service.serversscheme": "https", "service.serverstransport": transport})
    return own | {key: value for key, value in exposure.annotations.items() if is_for_service(key)}


def is_for_service(annotation: str) -> bool:
    """Whether Traefik looks for ``annotation`` at the Service, not at the Ingress."""
    return annotation.startswith(f"{TRAEFIK}/service.")


def _nginx(host: str, trust: str) -> dict[str, str]:
    return {
        "backend-protocol": "HTTPS",
        "force-ssl-redirect": "true",
        "proxy-body-size": "0",
        "proxy-buffering": "off",
        "proxy-read-timeout": str(SECONDS),
        "proxy-request-buffering": "off",
        "proxy-send-timeout": str(SECONDS),
        "proxy-ssl-name": host,
        "proxy-ssl-secret": trust,
        "proxy-ssl-server-name": "on",
        "proxy-ssl-verify": "on",
    }


def _haproxy(trust: str) -> dict[str, str]:
    return {
        "forwarded-for": "true",
        "server-ca": trust,
        "server-ssl": "true",
        "ssl-redirect": "true",
        "timeout-server": f"{SECONDS}s",
    }


def _under(prefix: str, values: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}/{name}": value for name, value in values.items()}


class EdgeIngress(ServiceComponent):
    """The Ingress, and how its controller verifies the front proxy.

    Args:
        edge: the front proxy's Service.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        exposure: IngressExposure,
        certificate: Certificate,
        edge: core.Service,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("exposure:Ingress", name, opts)
        self._name = name
        self._exposure = exposure
        self._context = context
        self._labels = context.labels(name=names.EDGE, component="ingress")
        self._hosts = stack.hosts
        if exposure.controller is IngressController.TRAEFIK:
            self._servers_transport(stack.host, certificate)
        networking.Ingress(
            f"{name}-ingress",
            metadata=meta.ObjectMetaArgs(
                name=names.EDGE,
                namespace=context.namespace,
                labels=self._labels.all,
                annotations=self._annotations(stack.host, certificate),
            ),
            spec=networking.IngressSpecArgs(
                ingress_class_name=exposure.ingress_class_name,
                tls=self._tls(certificate),
                rules=[_rule(host) for host in self._hosts],
            ),
            opts=self.child(after=[edge]),  # without its Service the Ingress is an error in every controller's log
        )
        self.register_outputs({})

    def _tls(self, certificate: Certificate) -> list[networking.IngressTLSArgs]:
        passes = self._exposure.tls_mode is TlsMode.PASSTHROUGH
        return [networking.IngressTLSArgs(hosts=list(self._hosts), secret_name=None if passes else certificate.files.secret)]

    def _annotations(self, host: str, certificate: Certificate) -> pulumi.Output[dict[str, str]]:
        exposure = self._exposure
        skip = {} if exposure.await_address else names.SKIP_AWAIT
        verifies = exposure.controller in {IngressController.NGINX, IngressController.HAPROXY} and exposure.tls_mode is TlsMode.TERMINATE
        authority = self._authority(certificate) if verifies else pulumi.Output.from_input("")

        def annotations(name: str) -> dict[str, str]:
            trust = f"{self._context.namespace}/{name}"
            derived = ingress_annotations(exposure.controller, exposure.tls_mode, host=host, trust=trust)
            own = {key: value for key, value in exposure.annotations.items() if not is_for_service(key)}
            return {**derived, **own, **skip}

        return authority.apply(annotations)

    def _authority(self, certificate: Certificate) -> pulumi.Output[str]:
        """Return the name of a Secret with the CA alone: ingress-nginx looks for ``ca.crt``, haproxytech's controller for ``tls.crt``."""
        content = {"ca.crt": certificate.trust, "tls.crt": certificate.trust}
        after = self.child(after=self._context.after)
        return secret(f"{self._name}-authority", content, self._labels, self._context, after).metadata.name

    def _servers_transport(self, host: str, certificate: Certificate) -> None:
        from pulumi_kubernetes.apiextensions import CustomResource  # noqa: PLC0415 - only Traefik needs it

        definition = objects.served("serverstransports.traefik.io", self._context, self.child())
        after = [*self._context.after, *definition]
        authority = config_map(
            f"{self._name}-authority", {"ca.crt": certificate.trust}, self._labels, self._context, self.child(after=self._context.after)
        )
        CustomResource(
            f"{self._name}-transport",
            api_version="traefik.io/v1alpha1",
            kind="ServersTransport",
            metadata=self._context.metadata(self._labels, TRANSPORT),
            spec={"serverName": host, "rootCAs": [{"configMap": authority.metadata.name}]},
            opts=self.child(after=after),
        )


def _rule(host: str) -> networking.IngressRuleArgs:
    backend = networking.IngressBackendArgs(
        service=networking.IngressServiceBackendArgs(name=names.EDGE_PUBLIC, port=networking.ServiceBackendPortArgs(name="https"))
    )
    path = networking.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)
    return networking.IngressRuleArgs(host=host, http=networking.HTTPIngressRuleValueArgs(paths=[path]))
