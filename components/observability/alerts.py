"""The alerts, as groups of a PrometheusRule; pure.

Only metrics that exist: the registry's are held to the genuine registry's output by ``tests/components/observability``; the others are of
kube-state-metrics 2.x (``kube_*``), the kubelet (``kubelet_volume_stats_*``) and cert-manager. Notifications that wait are measured by 3.1;
2.8 counts them where Prometheus does not look (docs/operate/observability.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from components.common import names
from components.common.versions import RegistryVersion

DAY: Final = 86400
"""Seconds."""

ERROR_SHARE: Final = 0.05
"""Of the registry's answers, above which something behind it fails rather than a client."""
SLOW_SECONDS: Final = 5
"""For the slowest hundredth of the manifests: a pull waits for each."""
CLAIM_SHARE: Final = 0.15
"""Free part of a claim: there is still time to grow it. A full one stops pushes (registry) or everything (database)."""
WORKER_RESTARTS: Final = 2
"""In an hour. One is a deployment; more is an event that ends it (portus-images.md: a manifest list, an event without a repository)."""

RECEIVER: Final = ("endpoint", "exported_endpoint")
"""Labels that may name the receiver of notifications: a monitor of the Prometheus operator names its port by the first, and the
registry's own becomes the second."""

Group = Mapping[str, Any]


PAGES: Final = "docs/operate"
"""Folder of the pages for the person on call, from the repository's root."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """One alert.

    Args:
        expression: PromQL; text, or an output of Pulumi's.
        wait: how long it must hold.
        summary: one line for a list of alerts, without an end.
        description: what does not work because of it, and where to look.
        page: the page and section for the person on call, below `PAGES`.
    """

    name: str
    expression: Any
    wait: str
    severity: Literal["warning", "critical"]
    summary: str
    description: str
    page: str

    def rendered(self, runbook_base: str | None) -> Mapping[str, Any]:
        """Return it as a rule; with a ``runbook_url`` only if it is known where the pages are on the web."""
        page = f"{PAGES}/{self.page}"
        annotations = {"summary": self.summary, "description": f"{self.description} Page: {page}"}
        if runbook_base is not None:
            annotations["runbook_url"] = f"{runbook_base}/{page}"
        labels = {"severity": self.severity}
        return {"alert": self.name, "expr": self.expression, "for": self.wait, "labels": labels, "annotations": annotations}


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
        runbook_base: address under which the repository's files are on the web; None if it is not known.
    """

    namespace: str
    registry: RegistryVersion | None
    worker: bool
    database: bool
    claims: Sequence[str]
    backups: WatchedBackups | None = None
    runbook_base: str | None = None


def groups(watched: Watched) -> list[Group]:
    """Return every group but the certificate's."""
    registry = _registry(watched) if watched.registry is not None else []
    groups = {
        "portus-registry": registry,
        "portus-workloads": _workloads(watched),
        "portus-claims": _claims(watched),
        "portus-backups": _backups(watched),
    }
    return [{"name": name, "rules": [rule.rendered(watched.runbook_base) for rule in rules]} for name, rules in groups.items() if rules]


def _registry(watched: Watched) -> list[Alert]:
    here = f'namespace="{watched.namespace}"'
    requests = f"registry_http_requests_total{{{here}}}"
    failed = f'registry_http_requests_total{{{here},code=~"5.."}}'
    durations = f'registry_http_request_duration_seconds_bucket{{{here},handler="manifest"}}'
    rules = [
        Alert(
            name="PortusRegistryNotMeasured",
            expression=f"absent(registry_http_in_flight_requests{{{here}}})",
            wait="5m",
            severity="critical",
            summary="The registry's metrics are missing",
            description="The registry is down, or Prometheus cannot reach its port 5001.",
            page="registry.md#the-registry-is-not-measured",
        ),
        Alert(
            name="PortusRegistryFails",
            expression=f"sum(rate({failed}[5m])) / sum(rate({requests}[5m])) > {ERROR_SHARE}",
            wait="10m",
            severity="critical",
            summary="More than 5 % of the registry's answers are errors",
            description="Pushes and pulls fail. The registry's log has the storage's own words.",
            page="registry.md#the-registry-answers-with-errors",
        ),
        Alert(
            name="PortusRegistrySlow",
            expression=f"histogram_quantile(0.99, sum by (le) (rate({durations}[5m]))) > {SLOW_SECONDS}",
            wait="15m",
            severity="warning",
            summary=f"Manifests take more than {SLOW_SECONDS} s",
            description="Each pull waits for its manifest. The storage is slow, or the registry has too little processor time.",
            page="registry.md#pulls-are-slow",
        ),
    ]
    if watched.registry is not RegistryVersion.V2_8:
        waits = (f'min_over_time(registry_notifications_pending_total{{{here},{label}="portus"}}[10m]) > 0' for label in RECEIVER)
        rules.append(
            Alert(
                name="PortusNotificationsWait",
                expression=" or ".join(waits),
                wait="5m",
                severity="critical",
                summary="Portus does not accept the registry's notifications",
                description="Pushes succeed and do not show in Portus. The notifications are lost when the registry stops.",
                page="pushes.md#notifications-wait",
            )
        )
    return rules


def _workloads(watched: Watched) -> list[Alert]:
    here = f'namespace="{watched.namespace}"'
    rules = [
        _down("PortusDown", here, names.PORTUS, "Portus", "No client gets a token: no user can push or pull."),
        _down("PortusRegistryDown", here, names.REGISTRY, "the registry", "No user can push or pull."),
        _down("PortusEdgeDown", here, names.EDGE, "the front proxy", "No client outside the cluster reaches Portus or the registry."),
    ]
    if watched.worker:
        restarts = f'kube_pod_container_status_restarts_total{{{here},container="{names.WORKER}"}}'
        down = _down("PortusWorkerDown", here, names.PORTUS_WORKER, "the worker", "Pushes wait in the database and do not show in Portus.")
        rules += [
            replace(down, wait="10m", severity="warning", page="pushes.md#the-worker-does-not-run"),
            Alert(
                name="PortusWorkerRestarts",
                expression=f"increase({restarts}[1h]) > {WORKER_RESTARTS}",
                wait="0m",
                severity="warning",
                summary="Portus' worker restarts again and again",
                description="Usually one event ends it. That event stays in registry_events with status 1, and its image never shows.",
                page="pushes.md#the-worker-restarts",
            ),
        ]
    if watched.database:
        ready = f'kube_statefulset_status_replicas_ready{{{here},statefulset="{names.DATABASE}"}}'
        rules.append(
            Alert(
                name="PortusDatabaseDown",
                expression=f"{ready} < 1",
                wait="3m",
                severity="critical",
                summary="MariaDB is not ready",
                description="Portus answers every request with an error. Pushes and pulls with a valid token continue.",
                page="database.md#the-database-is-down",
            )
        )
    return rules


def _down(name: str, here: str, deployment: str, what: str, description: str) -> Alert:
    return Alert(
        name=name,
        expression=f'kube_deployment_status_replicas_available{{{here},deployment="{deployment}"}} < 1',
        wait="5m",
        severity="critical",
        summary=f"No replica of {what} is available",
        description=description,
        page="down.md#a-pod-does-not-start",
    )


def _claims(watched: Watched) -> list[Alert]:
    if not watched.claims:
        return []
    chosen = f'namespace="{watched.namespace}",persistentvolumeclaim=~"{"|".join(watched.claims)}"'
    share = f"kubelet_volume_stats_available_bytes{{{chosen}}} / kubelet_volume_stats_capacity_bytes{{{chosen}}}"
    return [
        Alert(
            name="PortusClaimFills",
            expression=f"{share} < {CLAIM_SHARE}",
            wait="15m",
            severity="warning",
            summary="Claim {{ $labels.persistentvolumeclaim }} is nearly full",
            description="Less than 15 % is free. A full claim stops pushes (registry), backups, or everything (database).",
            page="disk.md#a-disk-is-full",
        )
    ]


def _backups(watched: Watched) -> list[Alert]:
    """Return the alerts on backups: a failed Job's own metric stays for as long as the Job is kept, so the last success is compared."""
    if watched.backups is None:
        return []
    chosen = f'namespace="{watched.namespace}",cronjob="{names.BACKUP}"'
    success = f"(kube_cronjob_status_last_successful_time{{{chosen}}} or kube_cronjob_created{{{chosen}}})"
    deadline = watched.backups.deadline
    old = 2 * watched.backups.longest_gap + deadline
    return [
        Alert(
            name="PortusBackupFailed",
            expression=f"kube_cronjob_status_last_schedule_time{{{chosen}}} - {success} > 0",
            wait=f"{deadline // 60 + 10}m",
            severity="warning",
            summary="The last backup of Portus' database failed",
            description="The older backups are kept. The log of its Job has the reason.",
            page="backup.md#a-backup-failed",
        ),
        Alert(
            name="PortusBackupOld",
            expression=f"time() - {success} > {old}",
            wait="10m",
            severity="critical",
            summary="Portus' database has no recent backup",
            description="None succeeded for more than twice the interval of the schedule.",
            page="backup.md#a-backup-failed",
        ),
    ]


def certificate_end(expression: Any, days: int, runbook_base: str | None = None) -> Group:
    """Return the group of the certificate's alert; ``expression``: when it ends, as seconds since 1970."""
    alert = Alert(
        name="PortusCertificateEnds",
        expression=expression,
        wait="1h",
        severity="warning",
        summary=f"The certificate ends within {days} days",
        description="Portus, the registry and the front proxy present it. After its end, no client can log in, push or pull.",
        page="certificate.md#the-certificate-ends",
    )
    return {"name": "portus-certificate", "rules": [alert.rendered(runbook_base)]}


def ends_at(seconds: float, days: int) -> str:
    """Return the expression that holds in the last ``days`` before a moment that is known."""
    return f"vector({seconds:.0f}) - time() < {days * DAY}"


def ends_by_cert_manager(namespace: str, certificate: str, days: int) -> str:
    """Return the expression that holds in the last ``days`` of a certificate of cert-manager's."""
    labels = ("namespace", "exported_namespace")  # the second where its monitor does not honour labels, the chart's default
    ends = (f'certmanager_certificate_expiration_timestamp_seconds{{{label}="{namespace}",name="{certificate}"}}' for label in labels)
    return f"({' or '.join(ends)}) - time() < {days * DAY}"
