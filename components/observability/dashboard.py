"""The Grafana dashboard as code; pure. Its data source is chosen on the page, so that it fits every Grafana."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.common import names
from components.common.versions import RegistryVersion
from components.observability.alerts import RECEIVER

SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
WIDTH: Final = 12
HEIGHT: Final = 8
"""Of a panel, in Grafana's grid of 24 columns."""


def dashboard(title: str, namespace: str, version: RegistryVersion) -> str:
    """Return the dashboard's JSON.

    Args:
        title: shown in Grafana's list.
        namespace: of the stack.
        version: of the registry, whose series name some metrics differently.
    """
    panels = [_panel(index, *panel) for index, panel in enumerate(_panels(f'namespace="{namespace}"', version))]
    source = {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}
    content = {
        "title": title,
        "tags": ["portus"],
        "timezone": "browser",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [source]},
        "panels": panels,
    }
    return json.dumps(content, indent=1, sort_keys=True)


def expressions(namespace: str, version: RegistryVersion) -> list[str]:
    """Return every expression of the dashboard."""
    return [expression for _, _, targets in _panels(f'namespace="{namespace}"', version) for expression in targets.values()]


def _panels(here: str, version: RegistryVersion) -> Sequence[tuple[str, str, Mapping[str, str]]]:
    """Return title, unit and legend -> expression of each panel."""
    duration = f"sum by (le, handler) (rate(registry_http_request_duration_seconds_bucket{{{here}}}[5m]))"
    action = f"sum by (le, action) (rate(registry_storage_action_seconds_bucket{{{here}}}[5m]))"
    restarts = f"increase(kube_pod_container_status_restarts_total{{{here}}}[1h])"
    volume = "available_bytes", "capacity_bytes"
    free, size = (
        f'kubelet_volume_stats_{kind}{{{here},persistentvolumeclaim=~"{names.DATABASE_CLAIM}|{names.REGISTRY_CLAIM}"}}' for kind in volume
    )
    panels = [
        ("Registry: requests", "reqps", {"{{code}}": f"sum by (code) (rate(registry_http_requests_total{{{here}}}[5m]))"}),
        ("Registry: in flight", "short", {"{{handler}}": f"sum by (handler) (registry_http_in_flight_requests{{{here}}})"}),
        ("Registry: slowest hundredth", "s", {"{{handler}}": f"histogram_quantile(0.99, {duration})"}),
        ("Storage: slowest hundredth", "s", {"{{action}}": f"histogram_quantile(0.99, {action})"}),
        ("Registry: sent", "Bps", {"{{handler}}": f"sum by (handler) (rate(registry_http_response_size_bytes_sum{{{here}}}[5m]))"}),
        ("Descriptor cache: hits", "percentunit", {"hits": _hits(here, version)}),
        ("Memory", "bytes", {"{{pod}}": f'process_resident_memory_bytes{{{here},container="registry"}}'}),
        ("Restarts in an hour", "short", {"{{pod}}/{{container}}": restarts}),
        ("Claims: free", "percentunit", {"{{persistentvolumeclaim}}": f"{free} / {size}"}),
    ]
    if version is not RegistryVersion.V2_8:
        waiting = f"sum by ({', '.join(RECEIVER)}) (registry_notifications_pending_total{{{here}}})"
        panels.append(("Notifications that wait", "short", {"{{exported_endpoint}} {{endpoint}}": waiting}))
    return panels


def _hits(here: str, version: RegistryVersion) -> str:
    if version is RegistryVersion.V2_8:
        hits, asked = (f'registry_storage_cache_total{{{here},type="{kind}"}}' for kind in ("Hit", "Request"))
    else:
        hits, asked = (f"registry_storage_cache_{kind}_total{{{here}}}" for kind in ("hits", "requests"))
    return f"sum(rate({hits}[5m])) / sum(rate({asked}[5m]))"


def _panel(index: int, title: str, unit: str, targets: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"x": index % 2 * WIDTH, "y": index // 2 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + position), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for position, (legend, expression) in enumerate(targets.items())
        ],
    }
