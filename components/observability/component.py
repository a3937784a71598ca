"""Monitor, alerts and dashboard; each only where the stack file asks for it.

The Service that is looked at belongs to ``network.Addresses``, the way to it to ``network.NetworkPolicies``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common import names, objects
from components.common.base import ServiceComponent
from components.observability import alerts
from components.observability.dashboard import dashboard
from components.settings.sections.database import InClusterDatabase
from components.settings.sections.storage.driver import ExistingClaim
from components.settings.sections.tls import CertManagerTls
from components.settings.types.cron import read

if TYPE_CHECKING:
    from components.common.stack_context import Labels, StackContext
    from components.settings.stack import StackSettings

MONITORING = "monitoring.coreos.com"


class Observability(ServiceComponent):
    """What the stack file asks for of monitor, alerts and dashboard.

    Args:
        certificate_ends: when, in seconds since 1970; None where Pulumi never sees it.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        certificate_ends: pulumi.Output[float] | None,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("observability:Observability", name, opts)
        self._name = name
        self._stack = stack
        self._context = context
        settings = stack.observability
        registry = context.labels(name=names.REGISTRY, component=names.REGISTRY)
        match settings.monitor:
            case "service":
                self._monitor("ServiceMonitor", {"endpoints": [self._endpoint()]}, registry)
            case "pod":
                self._monitor("PodMonitor", {"podMetricsEndpoints": [self._endpoint()]}, registry)
            case "none":
                pass
            case _:
                assert_never(settings.monitor)
        if settings.rules:
            self._custom("PrometheusRule", {"groups": self._groups(certificate_ends)})
        if settings.dashboard:
            self._dashboard()
        self.register_outputs({})

    def _endpoint(self) -> dict[str, Any]:
        return {"port": "debug", "path": "/metrics", "interval": self._stack.observability.interval}

    def _monitor(self, kind: str, endpoints: dict[str, Any], registry: Labels) -> None:
        self._custom(kind, {"selector": {"matchLabels": registry.selector}, **endpoints})

    def _custom(self, kind: str, spec: dict[str, Any]) -> None:
        from pulumi_kubernetes.apiextensions import CustomResource  # noqa: PLC0415 - only stacks with monitoring need it

        definition = objects.served(f"{kind.lower()}s.{MONITORING}", self._context, self.child())
        labels = self._labels()
        CustomResource(
            f"{self._name}-{kind.lower()}",
            api_version=f"{MONITORING}/v1",
            kind=kind,
            metadata=meta.ObjectMetaArgs(
                name=names.PORTUS, namespace=self._context.namespace, labels={**self._stack.observability.labels, **labels.all}
            ),
            spec=spec,
            opts=self.child(after=[*self._context.after, *definition]),
        )

    def _labels(self) -> Labels:
        return self._context.labels(name=names.PORTUS, component="observability")

    def _groups(self, certificate_ends: pulumi.Output[float] | None) -> list[Any]:
        stack, settings, namespace = self._stack, self._stack.observability, self._context.namespace
        database, volume = isinstance(stack.database, InClusterDatabase), stack.registry.storage.volume
        claims = [names.DATABASE_CLAIM] if database else []
        if volume is not None:
            claims.append(volume.name if isinstance(volume, ExistingClaim) else names.REGISTRY_CLAIM)
        if stack.backup.enabled:
            claims.append(stack.backup.existing_claim or names.BACKUP_CLAIM)
        watched = alerts.Watched(
            namespace=namespace,
            registry=None if settings.monitor == "none" else stack.registry.version,
            worker=stack.portus.version.is_puma,
            database=database,
            claims=claims,
            backups=self._backups(),
            runbook_base=settings.runbook_base,
        )
        found: list[Any] = list(alerts.groups(watched))
        if certificate_ends is not None:
            ends = certificate_ends.apply(lambda seconds: alerts.ends_at(seconds, settings.certificate_days))
            found.append(alerts.certificate_end(ends, settings.certificate_days, settings.runbook_base))
        elif isinstance(stack.tls, CertManagerTls):
            ends_then = alerts.ends_by_cert_manager(namespace, names.TLS, settings.certificate_days)
            found.append(alerts.certificate_end(ends_then, settings.certificate_days, settings.runbook_base))
        return found

    def _backups(self) -> alerts.WatchedBackups | None:
        backup = self._stack.backup
        if not backup.enabled:
            return None
        return alerts.WatchedBackups(longest_gap=read(backup.schedule).longest_gap(), deadline=backup.active_deadline_seconds)

    def _dashboard(self) -> None:
        settings, title = self._stack.observability, f"Portus ({self._context.instance})"
        text = dashboard(title, self._context.namespace, self._stack.registry.version)
        core.ConfigMap(
            f"{self._name}-dashboard",
            metadata=meta.ObjectMetaArgs(namespace=self._context.namespace, labels={**settings.dashboard_labels, **self._labels().all}),
            immutable=True,
            data={"portus.json": text},
            opts=self.child(after=self._context.after),
        )


def observe(
    name: str,
    *,
    stack: StackSettings,
    certificate_ends: pulumi.Output[float] | None,
    context: StackContext,
    opts: pulumi.ResourceOptions,
) -> None:
    """Make monitor, alerts and dashboard if the stack file asks for one of them; arguments as `Observability`'s."""
    if stack.observability.creates_objects:
        Observability(name, stack=stack, certificate_ends=certificate_ends, context=context, opts=opts)
