"""The alerts, as groups of a PrometheusRule; pure.

Only metrics that exist: the registry's are held to the genuine registry's output by ``tests/components/observability``; the others are of
kube-state-metrics 2.x (``kube_*``), the kubelet (``kubelet_volume_stats_*``) and cert-manager. Notifications that wait are measured by 3.1;
2.8 counts them where Prometheus does not look (docs/operate/observability.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.common import names
from components.common.versions import RegistryVersion

DAY: Final = 86400
"""Seconds."""

ERROR_SHARE: Final = 0.05
"""Of the registry's answers, above which something behind it fails rather than a client."""
SLOW_SECONDS: Final = 5
"""For the slowest hundredth of the manifests: a pull waits for each."""
CLAIM_SHARE: Final = 0.15
"""Of a claim that is still free: time to grow it, for a full one stops pushes (registry) or everything (database)."""
WORKER_RESTARTS: Final = 2
"""In an hour. One is a deployment; more is an event that kills it (portus-images.md: a manifest list, an event without a repository)."""

RECEIVER: Final = ("endpoint", "exported_endpoint")
"""Labels that may name who is notified: a monitor of the Prometheus operator names its port by the first, and the registry's own becomes
the second."""

Group = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedBackups:
    """How often backups are made.

    Args:
        longest_gap: between two of them by their schedule, in seconds.
        deadline: how long one may take, in seconds.
    """

    longest_gap: int
    deadline: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What the stack has.

    Args:
        namespace: of the stack.
        registry: its series; None where Prometheus does not look at its metrics.
        worker: whether there is a background worker.
        database: whether MariaDB is the stack's own.
        claims: names of the stack's claims.
        backups: None where none are made.
    """

    namespace: str
    registry: RegistryVersion | None
    worker: bool
    database: bool
    claims: Sequence[str]
    backups: WatchedBackups | None = None


def groups(watched: Watched) -> list[Group]:
    """Return every group but the certificate's."""
    registry = _registry(watched.namespace, watched.registry) if watched.registry is not None else []
    found = {
        "portus-registry": registry,
        "portus-workloads": _workloads(watched),
        "portus-claims": _claims(watched),
        "portus-backups": _backups(watched),
    }
    return [{"name": name, "rules": rules} for name, rules in found.items() if rules]


def _registry(namespace: str, version: RegistryVersion) -> list[Mapping[str, Any]]:
    here = f'namespace="{namespace}"'
    requests = f"registry_http_requests_total{{{here}}}"
    failed = f'registry_http_requests_total{{{here},code=~"5.."}}'
    durations = f'registry_http_request_duration_seconds_bucket{{{here},handler="manifest"}}'
    rules = [
        _alert(
            "PortusRegistryNotMeasured",
            f"absent(registry_http_in_flight_requests{{{here}}})",
            "5m",
            "critical",
            "The registry's metrics are missing: it is down, or Prometheus may not reach its port 5001.",
        ),
        _alert(
            "PortusRegistryFails",
            f"sum(rate({failed}[5m])) / sum(rate({requests}[5m])) > {ERROR_SHARE}",
            "10m",
            "critical",
            "More than one in twenty of the registry's answers is an error of its own; its log says whether the storage fails.",
        ),
        _alert(
            "PortusRegistrySlow",
            f"histogram_quantile(0.99, sum by (le) (rate({durations}[5m]))) > {SLOW_SECONDS}",
            "15m",
            "warning",
            "Manifests take seconds: look at the storage, and at the registry's processor time.",
        ),
    ]
    if version is not RegistryVersion.V2_8:
        waits = (f'min_over_time(registry_notifications_pending_total{{{here},{label}="portus"}}[10m]) > 0' for label in RECEIVER)
        rules.append(
            _alert(
                "PortusNotificationsWait",
                " or ".join(waits),
                "5m",
                "critical",
                "Portus does not take the registry's notifications: pushes work and do not show up. They are lost when the registry stops.",
            )
        )
    return rules


def _workloads(watched: Watched) -> list[Mapping[str, Any]]:
    here = f'namespace="{watched.namespace}"'
    available = {
        "PortusDown": (names.PORTUS, "5m", "critical", "No copy of Portus is available: nobody gets a token, so nobody pushes or pulls."),
        "PortusRegistryDown": (names.REGISTRY, "5m", "critical", "No copy of the registry is available."),
        "PortusEdgeDown": (names.EDGE, "5m", "critical", "No copy of the front proxy is available: nobody gets in."),
    }
    if watched.worker:
        text = "The worker is not running: pushes are kept in the database and do not show up."
        available["PortusWorkerDown"] = (names.PORTUS_WORKER, "10m", "warning", text)
    rules = [
        _alert(alert, f'kube_deployment_status_replicas_available{{{here},deployment="{name}"}} < 1', wait, severity, text)
        for alert, (name, wait, severity, text) in available.items()
    ]
    if watched.database:
        ready = f'kube_statefulset_status_replicas_ready{{{here},statefulset="{names.DATABASE}"}}'
        rules.append(
            _alert("PortusDatabaseDown", f"{ready} < 1", "3m", "critical", "MariaDB is not ready: Portus answers nothing but errors.")
        )
    if watched.worker:
        restarts = f'kube_pod_container_status_restarts_total{{{here},container="{names.WORKER}"}}'
        text = "The worker keeps dying, usually of one event, which stays behind with status 1 in registry_events and is never handled."
        rules.append(_alert("PortusWorkerRestarts", f"increase({restarts}[1h]) > {WORKER_RESTARTS}", "0m", "warning", text))
    return rules


def _claims(watched: Watched) -> list[Mapping[str, Any]]:
    if not watched.claims:
        return []
    chosen = f'namespace="{watched.namespace}",persistentvolumeclaim=~"{"|".join(watched.claims)}"'
    share = f"kubelet_volume_stats_available_bytes{{{chosen}}} / kubelet_volume_stats_capacity_bytes{{{chosen}}}"
    text = "A claim is nearly full: raise its size in the stack file, or remove images and collect their blobs."
    return [_alert("PortusClaimFills", f"{share} < {CLAIM_SHARE}", "15m", "warning", text)]


def _backups(watched: Watched) -> list[Mapping[str, Any]]:
    """Return the alerts on backups: a failed Job's own metric stays for as long as the Job is kept, so the last success is compared."""
    if watched.backups is None:
        return []
    chosen = f'namespace="{watched.namespace}",cronjob="{names.BACKUP}"'
    success = f"(kube_cronjob_status_last_successful_time{{{chosen}}} or kube_cronjob_created{{{chosen}}})"
    deadline = watched.backups.deadline
    old = 2 * watched.backups.longest_gap + deadline
    failed = "The last backup of Portus' database did not end well; the ones before it are kept. The log of its Job says why."
    too_old = "Portus' database has not been backed up for more than twice as long as its schedule says."
    return [
        _alert(
            "PortusBackupFailed",
            f"kube_cronjob_status_last_schedule_time{{{chosen}}} - {success} > 0",
            f"{deadline // 60 + 10}m",
            "warning",
            failed,
        ),
        _alert("PortusBackupOld", f"time() - {success} > {old}", "10m", "critical", too_old),
    ]


def certificate_end(expression: Any, days: int) -> Group:
    """Return the group of the certificate's alert; ``expression``: when it ends, as seconds since 1970."""
    text = f"The certificate that Portus and the registry present ends within {days} days."
    return {"name": "portus-certificate", "rules": [_alert("PortusCertificateEnds", expression, "1h", "warning", text)]}


def ends_at(seconds: float, days: int) -> str:
    """Return the expression that holds in the last ``days`` before a moment that is known."""
    return f"vector({seconds:.0f}) - time() < {days * DAY}"


def ends_by_cert_manager(namespace: str, certificate: str, days: int) -> str:
    """Return the expression that holds in the last ``days`` of a certificate of cert-manager's."""
    labels = ("namespace", "exported_namespace")  # the second where its monitor does not honour labels, the chart's default
    ends = (f'certmanager_certificate_expiration_timestamp_seconds{{{label}="{namespace}",name="{certificate}"}}' for label in labels)
    return f"({' or '.join(ends)}) - time() < {days * DAY}"


def _alert(name: str, expression: Any, wait: str, severity: str, text: str) -> Mapping[str, Any]:
    return {"alert": name, "expr": expression, "for": wait, "labels": {"severity": severity}, "annotations": {"summary": text}}
