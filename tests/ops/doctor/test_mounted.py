"""What a Pod reads is known from its own specification, wherever it comes from."""

from __future__ import annotations

import base64
from typing import Any

from ops.doctor import mounted
from ops.doctor.facts import Pod

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
