"""One name for each server, the same inside and outside.

Portus, the registry and their clients all use the public names, so that one certificate, one token service and one registry record
fit everywhere. Inside the cluster those names must not leave it: the Pods that use them get them as host aliases of Service
addresses, and the Services listen on the public port. The Services exist before the Pods, which need their addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pulumi
from pulumi_kubernetes.core import v1 as core

from components.common import names
from components.common.base import ServiceComponent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.common.stack_context import Labels, StackContext
    from components.settings.stack import StackSettings


class Addresses(ServiceComponent):
    """The Services of Portus, the registry and, where one host serves both, of the front proxy.

    Args:
        plain_events: whether Portus takes the registry's notifications on port 80 (2.0-2.2).
    """

    for_portus: Mapping[str, pulumi.Output[str]]
    """Host aliases of Portus' own Pods."""
    for_registry: Mapping[str, pulumi.Output[str]]
    """Host aliases of the registry's Pods: Portus' name leads to Portus itself, because the front proxy refuses
    notifications."""
    servers: Mapping[str, pulumi.Output[str]]
    """Addresses of the Services of Portus and the registry by their names, for the front proxy."""

    def __init__(
        self, name: str, *, stack: StackSettings, plain_events: bool, context: StackContext, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("network:Addresses", name, opts)
        self._name = name
        self._context = context
        host, https_port = stack.host, stack.exposure.https_port  # of the public URLs
        ports = {"https": https_port, "http": names.HTTP_PORT} if plain_events else {"https": https_port}
        portus = self._service(names.PORTUS, names.WEB, ports)
        registry = self._service(names.REGISTRY, names.REGISTRY, {"https": https_port, "debug": names.REGISTRY_DEBUG_PORT})
        if stack.registry_name == host:  # one name serves both by path
            self.for_portus = {host: self._service(names.EDGE, names.EDGE, {"https": https_port})}
        else:
            self.for_portus = {host: portus, stack.registry_name: registry}
        self.for_registry = {host: portus}
        self.servers = {names.PORTUS: portus, names.REGISTRY: registry}
        self.register_outputs({"portus": portus, "registry": registry})

    def _service(self, application: str, component: str, ports: Mapping[str, int]) -> pulumi.Output[str]:
        labels: Labels = self._context.labels(name=application, component=component)
        service = core.Service(
            f"{self._name}-{application}",
            metadata=self._context.metadata(labels, application, annotations=names.SKIP_AWAIT),
            spec=core.ServiceSpecArgs(
                selector=labels.selector,
                ports=[core.ServicePortArgs(name=port, port=number, target_port=port) for port, number in ports.items()],
            ),
            opts=self.child(after=self._context.after),
        )
        return service.spec.apply(address)


def address(spec: core.outputs.ServiceSpec) -> str:
    """Return the address of a Service, unknown where a preview has none: Kubernetes refuses two host aliases whose addresses are empty.

    A plugin answers without it in the first preview (up to 4.31), and where it cannot ask the server what becomes of a changed port.
    """
    return spec.cluster_ip or cast("str", pulumi.UNKNOWN)
