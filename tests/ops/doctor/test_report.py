"""The report: a line a check, what is broken with its fix, JSON for machines, and an exit code that says whether all holds."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab import __main__ as command
from lab.environment import Lab
from lab.images.build import build_images
from lab.images.rootfs import run
from ops import lifecycle
from ops.doctor import mounted
from ops.doctor.catalog import CHECKS, examine
from ops.doctor.command import _changes
from ops.doctor.expected import copies, objects
from ops.doctor.facts import Denied, Pod
from ops.doctor.report import NOTE, as_json, passed, show
from ops.doctor.servers import CONNECT_SECONDS, _from_registry
from ops.environment import Environment
from ops.kube.http import NoAnswer, NotChecked, late
from ops.pulumi.stack import EXCERPT
from tests.ops.doctor.stage import DATABASE, healthy


def shown(**changes: object) -> str:
    sink = io.StringIO()
    show("example", examine(healthy(**changes)), Console(file=sink, width=200, soft_wrap=True), 1.0)
    return sink.getvalue()


def test_a_healthy_stack_is_a_line_a_link_and_a_last_one() -> None:
    lines = shown().strip().splitlines()
    assert len(lines) == len(CHECKS) + 3
    assert lines[-2] == "Stack example: every check passes. (1.0 s)"


@pytest.mark.parametrize("database", [DATABASE, NoAnswer("gone")], ids=["healthy", "failed"])
def test_the_last_line_mentions_the_pushes_that_no_check_sees(database: object) -> None:
    assert shown(database=database).strip().splitlines()[-1] == NOTE
    assert json.loads(as_json("example", examine(healthy(database=database))))["note"] == NOTE


def test_a_failed_check_shows_what_was_seen_why_it_matters_and_the_fix() -> None:
    text = shown(database=Denied("Access denied for user 'portus'", 1045, has_account=True))
    told = text[text.index("✗ database: failed") :]
    assert "seen    it refuses Portus' account" in told
    assert "effect  every answer of Portus is an error" in told
    assert "fix     raise credentials.rotation.databaseApplication" in told
    assert "page    docs/operate/database.md#the-database-refuses-portus" in told
    assert "1 failed" in told


def test_what_pods_say_is_never_taken_for_markup() -> None:
    assert "[red]no[/red]" in shown(database=NoAnswer("[red]no[/red]"))


def test_json_says_the_same() -> None:
    told = json.loads(as_json("example", examine(healthy(database=NoAnswer("gone")))))
    checks = {check["check"]: check for check in told["checks"]}
    assert told["passed"] is False
    assert checks["database"]["state"] == "failed"
    assert checks["database"]["fix"]
    assert checks["database"]["page"] == "docs/operate/database.md#the-database-refuses-portus"
    assert checks["schema"] == {
        "check": "schema",
        "says": "its schema is the image's",
        "state": "not checked",
        "seen": "because of database",
        "blocked_by": ["database"],
    }


def test_all_passes_only_if_no_check_failed_or_was_left_out() -> None:
    assert passed(examine(healthy()))
    assert not passed(examine(healthy(database=NoAnswer("gone"))))


@pytest.mark.parametrize(("found", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_all_checks_pass(monkeypatch: pytest.MonkeyPatch, found: bool, code: int) -> None:  # noqa: FBT001
    asked: list[tuple[str, Environment, dict[str, bool]]] = []

    def doctor(name: str, environment: Environment, **options: bool) -> bool:
        asked.append((name, environment, options))
        return found

    monkeypatch.setattr(lifecycle, "known", lambda name, _: name)
    monkeypatch.setattr("ops.doctor.command.doctor", doctor)
    monkeypatch.setenv("KUBECONFIG", "/some/config")
    assert command.main(["doctor", "--stack", "prod", "--json", "--drift"]) == code
    assert asked == [("prod", Lab(Path("/some/config")), {"push": False, "drift": True, "as_data": True})]


def test_pulumis_state_says_which_objects_there_should_be() -> None:
    resources = [
        {"type": "pulumi:pulumi:Stack"},
        {"type": "kubernetes:core/v1:Namespace", "id": "portus"},
        {"type": "kubernetes:core/v1:Secret", "id": "portus/tls"},
        {"type": "kubernetes:core/v1:Secret", "id": "portus/old", "delete": True},
        {"type": "kubernetes:core/v1:Secret", "id": "elsewhere/tls"},
    ]
    assert list(objects({"deployment": {"resources": resources}}, "portus")) == [("kubernetes:core/v1:Secret", "tls")]


def test_pulumis_state_says_how_many_copies_there_should_be() -> None:
    """Its own number, or its autoscaler's least; that of the cluster itself is what somebody has made of it."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "registry"}
    resources = [
        {"type": "kubernetes:apps/v1:Deployment", "id": "portus/portus", "inputs": {"spec": {"replicas": 3}}},
        {"type": "kubernetes:apps/v1:StatefulSet", "id": "portus/mariadb", "inputs": {"spec": {"replicas": 1}}},
        {"type": "kubernetes:apps/v1:Deployment", "id": "portus/registry", "inputs": {"spec": {}}},
        {
            "type": "kubernetes:autoscaling/v1:HorizontalPodAutoscaler",
            "id": "portus/registry-autoscaler",
            "inputs": {"spec": {"scaleTargetRef": target, "minReplicas": 2}},
        },
        {"type": "kubernetes:core/v1:Secret", "id": "portus/tls", "inputs": {}},
    ]
    assert dict(copies({"deployment": {"resources": resources}}, "portus")) == {"portus": 3, "mariadb": 1, "registry": 2}


# What a Pod reads is known from its own specification, wherever it comes from.


CONTENT = mounted.texts(
    [{"metadata": {"name": "s"}, "data": {"password": base64.b64encode(b"p4ss").decode(), "tls.crt": base64.b64encode(b"PEM").decode()}}],
    [{"metadata": {"name": "c"}, "data": {"config.yml": "version: 0.1", "ca.crt": "CA"}}],
)


def pod(volumes: list[dict[str, Any]], mounts: list[dict[str, Any]], env: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"spec": {"volumes": volumes, "containers": [{"volumeMounts": mounts, "env": env}]}}


def test_a_secret_is_mounted_whole_or_by_items() -> None:
    whole = pod([{"name": "v", "secret": {"secretName": "s"}}], [{"name": "v", "mountPath": "/run/s"}])
    assert mounted.files(whole, CONTENT) == {"/run/s/password": "p4ss", "/run/s/tls.crt": "PEM"}
    items = {"secretName": "s", "items": [{"key": "tls.crt", "path": "edge.pem"}]}
    assert mounted.files(pod([{"name": "v", "secret": items}], [{"name": "v", "mountPath": "/tls"}]), CONTENT) == {"/tls/edge.pem": "PEM"}


def test_a_projected_volume_joins_its_sources() -> None:
    sources = [
        {"secret": {"name": "s", "items": [{"key": "password", "path": "portus-password"}]}},
        {"configMap": {"name": "c", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    joined = pod([{"name": "v", "projected": {"sources": sources}}], [{"name": "v", "mountPath": "/certificates"}])
    assert mounted.files(joined, CONTENT) == {"/certificates/portus-password": "p4ss", "/certificates/ca.crt": "CA"}


def test_a_sub_path_is_one_file() -> None:
    one = pod([{"name": "v", "configMap": {"name": "c"}}], [{"name": "v", "mountPath": "/etc/config.yml", "subPath": "config.yml"}])
    assert mounted.files(one, CONTENT) == {"/etc/config.yml": "version: 0.1"}


def test_what_is_not_there_gives_nothing() -> None:
    gone = pod([{"name": "v", "secret": {"secretName": "gone"}}], [{"name": "v", "mountPath": "/x"}])
    assert mounted.files(gone, CONTENT) == {}
    variable = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}
    assert mounted.variables(pod([], [], [variable]), CONTENT) == {}


def test_variables_are_read_where_they_refer_to() -> None:
    env: list[dict[str, Any]] = [
        {"name": "PLAIN", "value": "x"},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
        {"name": "SHOWN", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "ca.crt"}}},
    ]
    assert mounted.variables(pod([], [], env), CONTENT) == {"PLAIN": "x", "SECRET": "p4ss", "SHOWN": "CA"}


def test_a_setting_comes_from_its_file_where_a_variable_names_one() -> None:
    read = Pod(name="p", ready=True, variables={"PORTUS_PASSWORD_FILE": "/run/s/password"}, files={"/run/s/password": "p4ss\n"})
    assert read.setting("PORTUS_PASSWORD") == "p4ss"
    assert read.setting("PORTUS_DB_HOST") == ""


def test_claims_are_found_where_they_are_mounted() -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "registry-data"}}]
    assert mounted.claims(pod(volumes, [{"name": "data", "mountPath": "/var/lib/registry"}])) == {"registry-data": "/var/lib/registry"}


def test_a_snapshot_shows_no_secret() -> None:
    read = Pod(name="p", ready=True, variables={"SECRET": "p4ss"}, files={"/run/s/password": "p4ss"})
    assert "p4ss" not in repr(read)


# The registry's way to Portus is looked at by a connection without data: Puma keeps a thread for each plain request on its TLS port.


LOOPBACK = "127.0.0.1"


@dataclass
class _Wire:
    """Runs a command in the registry's image instead of in its Pod."""

    def run(self, _pod: str, command: Sequence[str], seconds: float = 10) -> tuple[int, str]:
        (image,) = build_images(["registry-lab:2.8"])
        done = run(image.container(), command, seconds=seconds + 20)
        return done.returncode, done.stdout


def _reached(name: str, port: int) -> str | NotChecked:
    return _from_registry(_Wire(), Pod(name="registry-0", ready=True), name, port)  # type: ignore[arg-type]


@contextmanager
def _listening(backlog: int = 5) -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen(backlog)
        yield server


@pytest.mark.images
def test_a_server_that_says_nothing_is_reached_and_is_sent_nothing() -> None:
    with _listening() as server:
        assert _reached(LOOPBACK, server.getsockname()[1]) == ""
        server.settimeout(5)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b"", "a connection without data that was closed"


@pytest.mark.images
def test_a_server_that_takes_no_connection_gives_no_answer_in_time() -> None:
    with _listening(0) as server:
        waiting = [socket.socket() for _ in range(3)]
        try:
            for each in waiting:
                each.setblocking(False)  # noqa: FBT003 - the socket's own signature
                each.connect_ex(server.getsockname())
            assert _reached(LOOPBACK, server.getsockname()[1]) == late(CONNECT_SECONDS)
        finally:
            for each in waiting:
                each.close()


@pytest.mark.images
@pytest.mark.parametrize(("name", "why"), [(LOOPBACK, "Connection refused"), ("nobody.invalid", "bad address 'nobody.invalid'")])
def test_what_is_in_the_way_is_reported_with_its_own_error(name: str, why: str) -> None:
    found = _reached(name, 1)
    assert isinstance(found, str)
    assert why in found


class _WithoutNc:
    def run(self, *_: object) -> tuple[int, str]:
        return 127, "timeout: can't execute 'nc': No such file or directory"


def test_a_registry_image_without_the_tool_is_not_checked() -> None:
    found = _from_registry(_WithoutNc(), Pod(name="registry-0", ready=True), "portus.example.test", 443)  # type: ignore[arg-type]
    assert isinstance(found, NotChecked)


PREVIEW = """\
    ~ kubernetes:core/v1:Service: (refresh)
        [id=portus/mariadb]
        [urn=urn:pulumi:prod::portus::portus:index:PortusStack$kubernetes:core/v1:Service::mariadb-service]
    ~ kubernetes:policy/v1:PodDisruptionBudget: (update)
        [id=portus/edge-budget-1]
        [urn=urn:pulumi:prod::portus::portus:index:PortusStack$kubernetes:policy/v1:PodDisruptionBudget::edge-budget]
        [provider=urn:pulumi:prod::portus::pulumi:providers:kubernetes::kubernetes::1]
      ~ spec: {
          ~ maxUnavailable: 2 => 1
        }
"""
CHANGES = """\
    ~ kubernetes:policy/v1:PodDisruptionBudget: (update)
        [id=portus/edge-budget-1]
      ~ spec: {
          ~ maxUnavailable: 2 => 1
        }
"""


@pytest.mark.parametrize("before", ["", "cut off" + "." * EXCERPT + "\n"])
def test_a_report_of_a_preview_has_what_would_change_and_not_what_was_read(before: str) -> None:
    assert list(_changes((before + PREVIEW)[-EXCERPT:])) == CHANGES.splitlines()
