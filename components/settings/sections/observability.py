"""What a monitoring system gets from the stack. Nothing is created unless it is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.settings.sections.kubernetes import LabelMap
from components.settings.types.base import Section
from components.settings.types.urls import BaseUrl
from components.settings.types.values import DnsLabel, WholeDuration


class ObservabilitySettings(Section):
    """Objects of the Prometheus operator and a Grafana dashboard. The registry always serves its metrics on port 5001."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "enabled": "write monitor: service, rules: true and dashboard: true, as you need them",
        "serviceMonitor": "write monitor: service",
        "podMonitor": "write monitor: pod",
        "grafana": "write dashboard: true",
        "prometheusRule": "write rules: true",
    }

    monitor: Literal["none", "service", "pod"] = "none"
    """How Prometheus finds the registry's metrics: a ServiceMonitor or a PodMonitor."""
    interval: WholeDuration = "30s"
    """Time between two scrapes."""
    prometheus_namespace: DnsLabel = "monitoring"
    """Namespace of the Prometheus that scrapes. Its Pods may connect to the registry's port 5001."""
    rules: bool = False
    """A PrometheusRule. Most of its alerts need kube-state-metrics and the kubelet's metrics, which kube-prometheus-stack brings; those on
    the registry's own metrics exist with ``monitor`` only."""
    certificate_days: Annotated[int, Field(ge=1, le=90)] = 21
    """How many days before the certificate's end ``rules`` warns."""
    runbook_base: BaseUrl | None = None
    """Where the files of your clone of this repository are on the web, e.g. https://git.example.com/portus/blob/main. Each alert then has
    its page as ``runbook_url``. Unset: no alert has one, and its description names the page's path in the repository."""
    labels: LabelMap = Field(default_factory=dict)
    """Labels of monitor and rules, by which a Prometheus selects them; with kube-prometheus-stack: release: <name of its Helm release>."""
    dashboard: bool = False
    """A dashboard for Grafana, in a ConfigMap."""
    dashboard_labels: LabelMap = Field(default_factory=lambda: {"grafana_dashboard": "1"})
    """Labels of that ConfigMap, by which Grafana's sidecar selects it."""

    @property
    def creates_objects(self) -> bool:
        """Whether any object is created."""
        return self.monitor != "none" or self.rules or self.dashboard
