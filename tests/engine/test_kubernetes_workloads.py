"""Objects that run something: waiting, progress, failures in the Pods' own words, repair, cancel."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from lab.engine import Engine
from tests.engine.harness import ClusterStack

pytestmark = [pytest.mark.engine, pytest.mark.cluster]

SLEEP = '["sleep", "3600"]'
CRASH = '["sh", "-c", "echo the database is on fire; exit 3"]'


def test_every_workload_is_ready_when_the_update_ends(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(f"""
    apps = k8s.apps.v1
    claim = k8s.core.v1.PersistentVolumeClaim("claim", metadata=meta(), opts=options(),
        spec={{"accessModes": ["ReadWriteOnce"], "resources": {{"requests": {{"storage": "1Mi"}}}}}})
    deployment("web", pod({SLEEP}))
    labels = {{"app": "db"}}
    db = pod({SLEEP}, volumeMounts=[{{"name": "data", "mountPath": "/data"}}])
    db["volumes"] = [{{"name": "data", "persistentVolumeClaim": {{"claimName": claim.metadata.name}}}}]
    apps.StatefulSet("db", metadata=meta(), opts=options(),
        spec={{"serviceName": "db", "selector": {{"matchLabels": labels}}, "template": {{"metadata": {{"labels": labels}}, "spec": db}}}})
    k8s.core.v1.Service("web-service", metadata=meta("web"), opts=options(),
        spec={{"selector": {{"app": "web"}}, "ports": [{{"port": 80}}]}})
    k8s.core.v1.Service("db-service", metadata=meta("db"), opts=options(),
        spec={{"clusterIP": "None", "selector": labels, "ports": [{{"port": 80}}]}})
    k8s.batch.v1.Job("job", metadata=meta(), opts=options(), spec={{"template": {{"spec": {{**pod(["true"]), "restartPolicy": "Never"}}}}}})
    k8s.core.v1.Pod("pod", metadata=meta(), spec=pod({SLEEP}), opts=options())
    """)
    cluster_stack.up()
    found = core.list_namespaced_pod(cluster_stack.namespace).items
    assert sorted(pod.status.phase for pod in found) == ["Running", "Running", "Running", "Succeeded"]
    cluster_stack.refresh("--expect-no-changes")
    cluster_stack.up("--expect-no-changes")
    cluster_stack.destroy()
    assert core.list_namespaced_pod(cluster_stack.namespace).items == []


def test_a_failed_create_shows_the_pods_own_error_is_kept_and_repaired(cluster_stack: ClusterStack) -> None:
    """For two seconds, for a container without a probe is ready from its first instant to its last."""
    source = 'deployment("web", pod({command}), minReadySeconds=2, annotations={{"pulumi.com/timeoutSeconds": "{seconds}"}})\n'
    cluster_stack.program(source.format(command=CRASH, seconds=20))
    result = cluster_stack.up(fails=True)
    assert "the database is on fire" in result.diagnostics
    assert "exit code 3" in result.diagnostics
    assert "timed out after 20 s" in result.diagnostics
    assert cluster_stack.resource("web")["initErrors"]
    cluster_stack.program(source.format(command=SLEEP, seconds=60))
    assert cluster_stack.up().count("updated") == 1
    assert "initErrors" not in cluster_stack.resource("web")
    cluster_stack.up("--expect-no-changes")


def test_an_image_that_cannot_be_pulled_is_named(cluster_stack: ClusterStack) -> None:
    cluster_stack.program("""
    spec = pod(["true"])
    spec["containers"][0].update(image="localhost/no-such-image:1", imagePullPolicy="Never")
    deployment("web", spec, opts=options(custom_timeouts=pulumi.CustomTimeouts(create="20s")))
    """)
    result = cluster_stack.up(fails=True)
    assert "ErrImageNeverPull" in result.diagnostics
    assert "localhost/no-such-image:1" in result.diagnostics


def test_an_update_waits_for_the_new_pods_and_reports_progress(cluster_stack: ClusterStack, core: Any) -> None:
    source = 'deployment("web", pod({command}, env=[{{"name": "GENERATION", "value": "{generation}"}}]))\n'
    cluster_stack.program(source.format(command=SLEEP, generation=1))
    cluster_stack.up()
    cluster_stack.program(source.format(command=SLEEP, generation=2))
    result = cluster_stack.up()
    assert "waiting for its Pods" in result.text
    running = [pod for pod in core.list_namespaced_pod(cluster_stack.namespace).items if not pod.metadata.deletion_timestamp]
    assert [pod.spec.containers[0].env[0].value for pod in running] == ["2"]


def test_skip_await_does_not_wait(cluster_stack: ClusterStack) -> None:
    cluster_stack.program(f'deployment("web", pod({CRASH}), annotations={{"pulumi.com/skipAwait": "true"}})\n')
    began = time.monotonic()
    cluster_stack.up()
    assert time.monotonic() - began < 120
    cluster_stack.refresh("--expect-no-changes")


def test_wait_for_uses_the_user_s_own_condition(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program("""
    waits = {"pulumi.com/waitFor": "jsonpath={.data.ready}=yes", "pulumi.com/timeoutSeconds": "60"}
    k8s.core.v1.ConfigMap("flag", metadata=meta("flag", annotations=waits), data={"a": "b"}, opts=options())
    """)
    process = cluster_stack.popen("up", "--yes", "--skip-preview")
    assert process.stdout is not None
    for line in process.stdout:
        if "waiting for jsonpath" in line:
            break
    core.patch_namespaced_config_map("flag", cluster_stack.namespace, {"data": {"ready": "yes"}})
    rest = process.communicate(timeout=120)[0]
    assert process.returncode == 0, rest


def test_a_failed_job_fails_at_once(cluster_stack: ClusterStack) -> None:
    cluster_stack.program(f"""
    spec = {{**pod({CRASH}), "restartPolicy": "Never"}}
    k8s.batch.v1.Job("job", metadata=meta(), spec={{"backoffLimit": 0, "template": {{"spec": spec}}}}, opts=options())
    """)
    result = cluster_stack.up(fails=True)
    assert "the Job failed" in result.diagnostics
    assert "the database is on fire" in result.diagnostics


def test_a_failed_job_is_replaced_by_the_current_settings_and_a_completed_one_is_kept(cluster_stack: ClusterStack) -> None:
    """As components.common.jobs asks for it, with changes of the spec ignored; what only follows it is not replaced."""
    source = """
    how = options(replace_on_changes=["#initerror"], delete_before_replace=True, ignore_changes=["spec"])
    spec = {{**pod({command}), "restartPolicy": "Never"}}
    job = k8s.batch.v1.Job("job", metadata=meta(), spec={{"backoffLimit": 0, "template": {{"spec": spec}}}}, opts=how)
    k8s.core.v1.ConfigMap("before", metadata=meta(), data={{}}, opts=options())
    k8s.core.v1.ConfigMap("after", metadata=meta(), data={{}}, opts=options(depends_on=[job]))
    """
    cluster_stack.program(source.format(command=CRASH))
    assert "the Job failed" in cluster_stack.up(fails=True).diagnostics
    failed = cluster_stack.resource("job")["id"]
    cluster_stack.program(source.format(command='["true"]'))
    again = cluster_stack.up()
    assert (again.count("replaced"), again.count("created")) == (1, 1)
    ended_well = cluster_stack.resource("job")
    assert ended_well["id"] != failed
    assert "initErrors" not in ended_well
    cluster_stack.program(source.format(command=CRASH))
    cluster_stack.up("--expect-no-changes")
    cluster_stack.refresh("--expect-no-changes")


def test_a_service_without_any_pod_does_not_hold_up_what_comes_after_it(cluster_stack: ClusterStack) -> None:
    cluster_stack.program(f"""
    service = k8s.core.v1.Service("web", metadata=meta("web"), opts=options(),
        spec={{"selector": {{"app": "late"}}, "ports": [{{"port": 80}}]}})
    deployment("late", pod({SLEEP}), opts=options(depends_on=[service]))
    """)
    cluster_stack.up()


def test_a_service_waits_for_the_pods_that_it_selects(cluster_stack: ClusterStack) -> None:
    cluster_stack.program(f"""
    never = pod({SLEEP}, readinessProbe={{"exec": {{"command": ["false"]}}, "periodSeconds": 1}})
    web = deployment("web", never, annotations={{"pulumi.com/skipAwait": "true"}})
    k8s.core.v1.Service("service", metadata=meta("web", annotations={{"pulumi.com/timeoutSeconds": "8"}}), opts=options(depends_on=[web]),
        spec={{"selector": {{"app": "web"}}, "ports": [{{"port": 80}}]}})
    """)
    assert "waiting for" in cluster_stack.up(fails=True).diagnostics


def test_ctrl_c_ends_a_wait_quickly_and_keeps_the_object(cluster_stack: ClusterStack) -> None:
    as_ours = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"  # else Python itself prints a traceback
    cluster_stack.program(f'{as_ours}deployment("web", pod({CRASH}))\n')
    process = cluster_stack.popen("up", "--yes", "--skip-preview")
    assert process.stdout is not None
    for line in process.stdout:
        if "waiting for its Pods" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    began = time.monotonic()
    text = process.communicate(timeout=120)[0]
    assert process.returncode != 0
    assert time.monotonic() - began < 60
    assert "Traceback" not in text
    assert "web" in cluster_stack.names()
    cluster_stack.program("")
    cluster_stack.up()
    assert "web" not in cluster_stack.names()


def test_an_unreachable_cluster_is_reported_once_in_a_preview_and_stops_an_update(
    engine: Engine, tmp_path: Path, unused_kubeconfig: Path
) -> None:
    stack = ClusterStack(engine, tmp_path, unused_kubeconfig, "nowhere")
    stack.program("""
    for number in range(3):
        k8s.core.v1.ConfigMap(f"config-{number}", metadata=meta(), data={"a": "b"}, opts=options())
    """)
    began = time.monotonic()
    result = stack.preview()
    assert time.monotonic() - began < 60
    assert result.count("create") == 5
    assert result.diagnostics.count("configured Kubernetes cluster is unreachable") == 1
    result = stack.up(fails=True)
    assert "cannot be reached" in result.diagnostics


def test_a_kubeconfig_that_does_not_exist_is_named(engine: Engine, tmp_path: Path) -> None:
    stack = ClusterStack(engine, tmp_path, tmp_path / "missing.yaml", "nowhere")
    stack.program('k8s.core.v1.ConfigMap("config", metadata=meta(), data={"a": "b"}, opts=options())\n')
    result = stack.up(fails=True)
    assert "missing.yaml" in result.diagnostics
    assert "does not exist" in result.diagnostics
