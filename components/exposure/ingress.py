"""An Ingress before the front proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.networking import v1 as networking

from components.common import apis, names
from components.common.base import ServiceComponent
from components.common.secrets import config_map, secret
from components.exposure import controllers
from components.settings.sections.exposure import IngressController, TlsMode

if TYPE_CHECKING:
    from pulumi_kubernetes.core import v1 as core

    from components.common.placement import Placement
    from components.settings.sections.exposure import IngressExposure
    from components.settings.stack import StackSettings
    from components.tls import Certificate


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
        placement: Placement,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("exposure:Ingress", name, opts)
        self._name = name
        self._exposure = exposure
        self._placement = placement
        self._labels = placement.labels(name=names.EDGE, component="ingress")
        self._hosts = stack.hosts
        if exposure.controller is IngressController.TRAEFIK:
            self._servers_transport(stack.host, certificate)
        networking.Ingress(
            f"{name}-ingress",
            metadata=meta.ObjectMetaArgs(
                name=names.EDGE,
                namespace=placement.namespace,
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
            trust = f"{self._placement.namespace}/{name}"
            told = controllers.ingress_annotations(exposure.controller, exposure.tls_mode, host=host, trust=trust)
            own = {key: value for key, value in exposure.annotations.items() if not controllers.is_for_service(key)}
            return {**told, **own, **skip}

        return authority.apply(annotations)

    def _authority(self, certificate: Certificate) -> pulumi.Output[str]:
        """Return the name of a Secret with the CA alone: ingress-nginx looks for ``ca.crt``, haproxytech's controller for ``tls.crt``."""
        content = {"ca.crt": certificate.trust, "tls.crt": certificate.trust}
        after = self.child(after=self._placement.after)
        return secret(f"{self._name}-authority", content, self._labels, self._placement, after).metadata.name

    def _servers_transport(self, host: str, certificate: Certificate) -> None:
        from pulumi_kubernetes.apiextensions import CustomResource  # noqa: PLC0415 - only Traefik needs it

        definition = apis.served("serverstransports.traefik.io", self._placement, self.child())
        after = [*self._placement.after, *definition]
        authority = config_map(
            f"{self._name}-authority", {"ca.crt": certificate.trust}, self._labels, self._placement, self.child(after=self._placement.after)
        )
        CustomResource(
            f"{self._name}-transport",
            api_version="traefik.io/v1alpha1",
            kind="ServersTransport",
            metadata=self._placement.metadata(self._labels, controllers.TRANSPORT),
            spec={"serverName": host, "rootCAs": [{"configMap": authority.metadata.name}]},
            opts=self.child(after=after),
        )


def _rule(host: str) -> networking.IngressRuleArgs:
    backend = networking.IngressBackendArgs(
        service=networking.IngressServiceBackendArgs(name=names.EDGE_PUBLIC, port=networking.ServiceBackendPortArgs(name="https"))
    )
    path = networking.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)
    return networking.IngressRuleArgs(host=host, http=networking.HTTPIngressRuleValueArgs(paths=[path]))
