"""NetworkPolicies: everything denied both ways, and for each workload one policy with exactly the flows it needs.

The kubelet's probes need none: a node may always connect to its own Pods. A policy cannot distinguish two flows through one port:
what may reach Portus' port 3000 (2.3 on) may also post events to it (docs/deploy/network.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_kubernetes.networking import v1 as networking

from components.common.base import ServiceComponent
from components.network import flows
from components.settings.sections.tls import CertManagerTls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from components.common.stack_context import StackContext
    from components.settings.stack import StackSettings


class NetworkPolicies(ServiceComponent):
    """The policies of one stack."""

    def __init__(
        self, name: str, *, stack: StackSettings, parts: flows.Parts, context: StackContext, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("network:Policies", name, opts)
        self._name = name
        self._context = context
        self._policy("default", _denied(stack, context), ingress=(), egress=(flows.dns(stack),))
        table = flows.flows(stack, parts)
        for workload in flows.workloads(stack, parts):
            sides = flows.sides(workload, table, context.instance)
            self._policy(workload, flows.selector(workload, context.instance), ingress=sides.ingress, egress=sides.egress)
        self.register_outputs({})

    def _policy(
        self, role: str, pods: Mapping[str, Any], *, ingress: Sequence[Mapping[str, Any]], egress: Sequence[Mapping[str, Any]]
    ) -> None:
        labels = self._context.labels(name="network", component=role)
        spec: Any = {"podSelector": dict(pods), "policyTypes": ["Ingress", "Egress"]}  # Kubernetes' own shape, as the flows are
        rules = {"ingress": [dict(rule) for rule in ingress], "egress": [dict(rule) for rule in egress]}
        spec |= {side: allowed for side, allowed in rules.items() if allowed}
        metadata = self._context.metadata(labels)
        networking.NetworkPolicy(f"{self._name}-{role}", metadata=metadata, spec=spec, opts=self.child(after=self._context.after))


def _denied(stack: StackSettings, context: StackContext) -> dict[str, Any]:
    """Return what selects the Pods that are denied: every Pod of a namespace that this stack owns, else its own Pods.

    Its own Pods too where cert-manager may put a solver of HTTP-01 challenges beside them, which the ingress controller has to reach.
    """
    alone = stack.cluster.create_namespace and not isinstance(stack.tls, CertManagerTls)
    return {} if alone else {"matchLabels": flows.of_stack(context.instance)}


def restrict(name: str, *, stack: StackSettings, parts: flows.Parts, context: StackContext, opts: pulumi.ResourceOptions) -> None:
    """Make the policies, unless the stack file leaves them to the cluster's own rules."""
    if stack.network.policies:
        NetworkPolicies(name, stack=stack, parts=parts, context=context, opts=opts)
