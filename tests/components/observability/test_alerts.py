"""Alerts, monitor and dashboard: only where asked for, true to what is measured, and firing when they should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from components.common.versions import RegistryVersion
from components.observability import alerts
from components.observability.dashboard import dashboard, expressions
from components.tls.select import end_of
from lab.programs import promtool
from ops.paths import ROOT
from ops.sample_image import write_sample
from tests.components.network.test_policies import _ends, _policies, _with
from tests.components.registry.stage import Stage, push, settings, settled
from tests.network_evaluator import Endpoint, allowed
from tests.pages import anchors
from tests.recorder import STACKS, Programs
from tests.settings import authority

VERSIONS = [RegistryVersion.V2_8, RegistryVersion.V3_1]

ELSEWHERE = {
    "kube_deployment_status_replicas_available",
    "kube_statefulset_status_replicas_ready",
    "kube_pod_container_status_restarts_total",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "kube_cronjob_created",
    "kube_cronjob_status_last_schedule_time",
    "kube_cronjob_status_last_successful_time",
    "certmanager_certificate_expiration_timestamp_seconds",
}
"""Metrics of kube-state-metrics, the kubelet and cert-manager, by their own documentation."""


def _groups(version: RegistryVersion | None = RegistryVersion.V2_8) -> list[Mapping[str, Any]]:
    watched = alerts.Watched(
        namespace="portus",
        registry=version,
        worker=True,
        database=True,
        claims=["mariadb-data", "registry-data"],
        backups=alerts.WatchedBackups(longest_gap=3600, deadline=600),
    )
    return [*alerts.groups(watched), alerts.certificate_end(alerts.ends_at(2_000_000_000, 21), 21)]


def _expressions(version: RegistryVersion) -> list[str]:
    return [rule["expr"] for group in _groups(version) for rule in group["rules"]] + expressions("portus", version)


def _metrics(expression: str) -> set[str]:
    """Return the names of metrics: what stands before a selector."""
    return set(re.findall(r"([a-z_]+)\{", expression))


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_made_unless_asked_for(stack: str, programs: Programs) -> None:
    assert not [r.name for r in programs[stack].resources if "observability" in r.type or "monitoring.coreos.com" in r.type]


@pytest.mark.parametrize(
    ("monitor", "kind", "key"), [("service", "ServiceMonitor", "endpoints"), ("pod", "PodMonitor", "podMetricsEndpoints")]
)
def test_a_monitor_looks_at_the_registrys_debug_port_and_is_let_in(monitor: str, kind: str, key: str) -> None:
    program = _with("dev", observability={"monitor": monitor, "labels": {"release": "prom"}, "prometheusNamespace": "watch"})
    made = next(r for r in program.resources if r.type.endswith(f":{kind}"))
    assert made.spec[key] == [{"port": "debug", "path": "/metrics", "interval": "30s"}]
    assert made.inputs["metadata"]["labels"]["release"] == "prom"
    selector = made.spec["selector"]["matchLabels"].items()
    looked_at = [
        r for r in (program.all("Service") if monitor == "service" else program.workloads()) if _labels(r.inputs, r.type) >= selector
    ]
    assert [r.inputs["metadata"]["name"] for r in looked_at] == ["registry"]
    ends, policies = _ends(program), _policies(program)
    assert allowed(policies, Endpoint(name="prometheus", namespace="watch"), ends["registry"], 5001)
    assert not allowed(policies, Endpoint(name="prometheus", namespace="watch"), ends["registry"], 5000)
    assert not allowed(policies, ends["neighbour"], ends["registry"], 5001)


def _labels(inputs: Mapping[str, Any], kind: str) -> Any:
    return (inputs["metadata"] if kind.endswith(":Service") else inputs["spec"]["template"]["metadata"])["labels"].items()


def test_alerts_on_the_registrys_own_metrics_need_a_monitor() -> None:
    assert "portus-registry" in {group["name"] for group in _groups()}
    assert "portus-registry" not in {group["name"] for group in _groups(None)}


def test_what_a_stack_does_not_have_is_not_watched() -> None:
    watched = alerts.Watched(namespace="portus", registry=None, worker=False, database=False, claims=[])
    text = json.dumps(alerts.groups(watched))
    assert "worker" not in text
    assert "mariadb" not in text
    assert "persistentvolumeclaim" not in text
    assert "backup" not in text


@pytest.mark.parametrize("version", VERSIONS)
def test_waiting_notifications_have_an_alert_only_where_they_are_measured(version: RegistryVersion) -> None:
    found = [rule["alert"] for group in _groups(version) for rule in group["rules"]]
    assert ("PortusNotificationsWait" in found) is (version is RegistryVersion.V3_1)
    assert len(found) == len(set(found)) >= 11


def _rules() -> list[Mapping[str, Any]]:
    """Return every alert that there is."""
    return [rule for group in _groups(RegistryVersion.V3_1) for rule in group["rules"]]


def test_every_alert_says_what_it_means_and_where_it_is_explained() -> None:
    for rule in _rules():
        annotations = rule["annotations"]
        assert set(annotations) == {"summary", "description"}, "no address of a page that nobody has named"
        assert not annotations["summary"].endswith(".")
        assert len(annotations["summary"]) <= 60
        page, heading = re.fullmatch(r".*\. Page: (docs/operate/[\w-]+\.md)#([\w-]+)", annotations["description"]).groups()  # type: ignore[union-attr]
        assert heading in anchors(ROOT / page), f"{rule['alert']}: {page}#{heading}"


def test_the_manual_gives_each_alert_the_page_that_the_alert_names() -> None:
    manual = (ROOT / "docs" / "operate" / "observability.md").read_text(encoding="utf-8")
    for rule in _rules():
        (row,) = (line for line in manual.splitlines() if line.startswith("| Portus") and rule["alert"] in re.split(r"[ ,|]+", line))
        linked = re.search(r"\]\(([\w.#-]+)\) \|$", row)
        assert linked
        named = rule["annotations"]["description"].partition("docs/operate/")[2]
        assert linked[1] in (named, named.partition("#")[0]), rule["alert"]


def test_an_alert_has_the_address_of_its_page_where_the_stack_file_says_where_the_pages_are() -> None:
    base = "https://git.example.com/portus/blob/main"
    program = _with("dev", observability={"rules": True, "runbookBase": base})
    groups = next(r for r in program.resources if r.type.endswith(":PrometheusRule")).spec["groups"]
    found = {rule["alert"]: rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]}
    assert found["PortusClaimFills"] == f"{base}/docs/operate/disk.md#a-disk-is-full"
    assert found["PortusCertificateEnds"] == f"{base}/docs/operate/certificate.md#the-certificate-ends"


def test_the_certificates_alert_is_based_on_its_own_end() -> None:
    assert end_of(authority.made("chain.ending")) == authority.SOON.timestamp()
    program = _with("dev", observability={"rules": True})
    groups = next(r for r in program.resources if r.type.endswith(":PrometheusRule")).spec["groups"]
    (rule,) = next(group for group in groups if group["name"] == "portus-certificate")["rules"]
    assert rule["expr"] == f"vector(1893456000) - time() < {21 * 86400}"  # what the recorder's tls plugin says


@pytest.mark.parametrize(
    ("version", "hits"),
    [
        (RegistryVersion.V2_8, 'registry_storage_cache_total{namespace="portus",type="Hit"}'),
        (RegistryVersion.V3_1, "registry_storage_cache_hits_total"),
    ],
)
def test_the_dashboard_asks_for_hits_by_their_name_in_the_registrys_version(version: RegistryVersion, hits: str) -> None:
    assert [hits in expression for expression in expressions("portus", version) if "storage_cache" in expression] == [True]
    waiting = [expression for expression in expressions("portus", version) if "pending" in expression]
    assert len(waiting) == (1 if version is RegistryVersion.V3_1 else 0)


def test_the_dashboard_is_json_with_a_panel_for_each_expression() -> None:
    content = json.loads(dashboard("Portus", "portus", RegistryVersion.V3_1))
    shown = [target["expr"] for panel in content["panels"] for target in panel["targets"]]
    assert shown == expressions("portus", RegistryVersion.V3_1)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in content["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.images
@pytest.mark.parametrize("version", VERSIONS)
def test_every_metric_and_label_is_one_of_the_genuine_registrys(tmp_path: Path, version: RegistryVersion) -> None:
    write_sample(tmp_path / "sample")
    stage = Stage(tmp_path / "registry", settings(version=version.value))
    with stage.begun(), stage.client() as client:
        assert push(client, "team/app", tmp_path / "sample", "1").status_code == 201
        address = f"http://127.0.0.1:{stage.debug_port}"
        assert settled(lambda: '"Pending":' in httpx.get(f"{address}/debug/vars").text.replace(" ", ""))
        text = httpx.get(f"{address}/metrics").text
    measured = {line.partition("{")[0].partition(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    used = {name for expression in _expressions(version) for name in _metrics(expression)}
    assert {name for name in used if name.startswith("registry_")} >= {"registry_http_requests_total", "registry_http_in_flight_requests"}
    assert used - ELSEWHERE - measured == set()
    for expression in _expressions(version):
        for name, selector in re.findall(r"([a-z_]+)\{([^}]*)\}", expression):
            if name not in ELSEWHERE:
                given = set(re.findall(r"([a-z_]+)=", selector)) - {"namespace", "container"}  # Prometheus' own, of the target
                labels = {label.removeprefix("exported_") for label in given}  # what Prometheus calls one whose name the target has
                lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
                assert not labels or any(all(f'{label}="' in line for label in labels) for line in lines), (name, labels)


@pytest.mark.images
def test_a_registry_of_2_8_counts_waiting_notifications_where_the_stop_command_looks(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample")
    stage = Stage(tmp_path / "registry", settings(version="2.8"))
    with stage.begun(), stage.client() as client:
        push(client, "team/app", tmp_path / "sample", "1")
        address = f"http://127.0.0.1:{stage.debug_port}/debug/vars"
        assert settled(lambda: re.search(r'"Pending": *[1-9]', httpx.get(address).text) is not None)


@pytest.mark.images
class TestPromtool:
    """By the genuine promtool."""

    @pytest.mark.parametrize("version", VERSIONS)
    def test_alerts_and_dashboard_are_valid(self, tmp_path: Path, version: RegistryVersion) -> None:
        panels = [{"record": f"panel:{index}", "expr": expression} for index, expression in enumerate(expressions("portus", version))]
        content = {"groups": [*_groups(version), {"name": "dashboard", "rules": panels}]}
        assert "SUCCESS" in _promtool(tmp_path, content, "check", "rules", "--lint=all", "--lint-fatal")

    def test_alerts_fire_when_they_should_and_not_before(self, tmp_path: Path) -> None:
        done = _promtool(tmp_path, {"groups": _groups(RegistryVersion.V3_1)}, "test", "rules", tests=_tests())
        assert "SUCCESS" in done


def _promtool(folder: Path, rules: Mapping[str, Any], *words: str, tests: Mapping[str, Any] | None = None) -> str:
    (folder / "rules.yml").write_text(yaml.safe_dump(dict(rules)))
    file = "rules.yml"
    if tests is not None:
        file = "tests.yml"
        (folder / file).write_text(yaml.safe_dump({"rule_files": ["rules.yml"], **tests}))
    done = subprocess.run([promtool(), *words, file], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


HERE = 'namespace="portus"'
CRON = 'cronjob="portus-backup"'


def _tests() -> dict[str, Any]:
    """Return series and the alerts that fire on them; each series is one sample a minute."""
    requests = "registry_http_requests_total"
    volume = 'persistentvolumeclaim="registry-data"'
    return {
        "evaluation_interval": "1m",
        "tests": [
            _test(
                [(f'{requests}{{{HERE},code="200"}}', "0+100x30"), (f'{requests}{{{HERE},code="500"}}', "0+10x30")],
                [("PortusRegistryFails", "9m", False), ("PortusRegistryFails", "20m", True)],
            ),
            _test(
                [(f'{requests}{{{HERE},code="200"}}', "0+100x30"), (f'{requests}{{{HERE},code="404"}}', "0+90x30")],
                [("PortusRegistryFails", "20m", False)],
            ),
            _test([("up", "1x20")], [("PortusRegistryNotMeasured", "4m", False), ("PortusRegistryNotMeasured", "6m", True)]),
            *(
                _test(
                    [(f"registry_notifications_pending_total{{{HERE},{labels}}}", "3x40")],
                    [("PortusNotificationsWait", "3m", False), ("PortusNotificationsWait", "20m", True)],
                )
                for labels in ('endpoint="portus"', 'endpoint="debug",exported_endpoint="portus"')
            ),
            _test(
                [(f'registry_notifications_pending_total{{{HERE},endpoint="portus"}}', "0 4 0 4 0 4 0 4 0 4 0 4 0 4 0 4 0 4 0 4 0")],
                [("PortusNotificationsWait", "19m", False)],
            ),
            _test(
                [(f'kube_deployment_status_replicas_available{{{HERE},deployment="portus-worker"}}', "1 1 0x30")],
                [("PortusWorkerDown", "8m", False), ("PortusWorkerDown", "20m", True), ("PortusDown", "20m", False)],
            ),
            _test(
                [(f'kube_pod_container_status_restarts_total{{{HERE},container="worker"}}', "0+1x60")],
                [("PortusWorkerRestarts", "1m", False), ("PortusWorkerRestarts", "30m", True)],
            ),
            _test(
                [(f'kube_statefulset_status_replicas_ready{{{HERE},statefulset="mariadb"}}', "0x20")],
                [("PortusDatabaseDown", "10m", True)],
            ),
            _test(
                [
                    (f"kubelet_volume_stats_available_bytes{{{HERE},{volume}}}", "10x40"),
                    (f"kubelet_volume_stats_capacity_bytes{{{HERE},{volume}}}", "100x40"),
                ],
                [("PortusClaimFills", "10m", False), ("PortusClaimFills", "20m", True)],
            ),
            _test(  # of an hour's schedule, the second and all that follow fail
                [
                    (f"kube_cronjob_status_last_schedule_time{{{HERE},{CRON}}}", "0x59 3600x59 7200x59 10800x60"),
                    (f"kube_cronjob_status_last_successful_time{{{HERE},{CRON}}}", "300x240"),
                ],
                [
                    ("PortusBackupFailed", "59m", False),
                    ("PortusBackupFailed", "75m", False),
                    ("PortusBackupFailed", "90m", True),
                    ("PortusBackupOld", "130m", False),
                    ("PortusBackupOld", "150m", True),
                ],
            ),
            _test(  # none has ever ended well
                [
                    (f"kube_cronjob_status_last_schedule_time{{{HERE},{CRON}}}", "60x240"),
                    (f"kube_cronjob_created{{{HERE},{CRON}}}", "1x240"),
                ],
                [("PortusBackupFailed", "30m", True), ("PortusBackupOld", "150m", True)],
            ),
            _test([("up", "1x100")], [("PortusCertificateEnds", "90m", False)]),  # ends in 2033
        ],
    }


def _test(series: Sequence[tuple[str, str]], moments: Sequence[tuple[str, str, bool]]) -> dict[str, Any]:
    """Return one play: the alerts of ``moments`` fire, or do not, on ``series`` of one sample a minute."""
    rules = {rule["alert"]: rule for group in _groups(RegistryVersion.V3_1) for rule in group["rules"]}
    cases = []
    for alert, moment, fires in moments:
        labels = {**_kept(rules[alert]["expr"], series), **rules[alert]["labels"]}
        annotations = {name: _filled(text, labels) for name, text in rules[alert]["annotations"].items()}
        expected = {"exp_labels": labels, "exp_annotations": annotations}
        cases.append({"alertname": alert, "eval_time": moment, "exp_alerts": [expected] if fires else []})
    return {"interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series], "alert_rule_test": cases}


def _filled(text: str, labels: Mapping[str, str]) -> str:
    """Return an annotation with its labels, as Prometheus fills them in."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], text)


def _kept(expression: str, series: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the labels of what ``expression`` gives: a sum keeps none, an absent series those it was asked for by name."""
    if expression.startswith("sum("):
        return {}
    if expression.startswith("absent("):
        return {"namespace": "portus"}
    measured = [name for name, _ in series if name.partition("{")[0] in _metrics(expression)]
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', measured[0])) if measured else {}
