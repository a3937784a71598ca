"""The main job, on both image families, with skopeo as the real client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kubernetes.client import CoreV1Api

from ops.check import wait_for_record
from ops.deployment import Tag
from ops.sample_image import write_sample
from tests.cluster.conftest import Deployed, until

pytestmark = pytest.mark.cluster


def _manifest(folder: Path) -> bytes:
    return (folder / "manifest.json").read_bytes()


def _uid_and_readiness(api: CoreV1Api, namespace: str) -> tuple[str, bool]:
    for pod in api.list_namespaced_pod(namespace, field_selector="metadata.name=mariadb-0").items:
        assert pod.metadata is not None
        conditions = (pod.status.conditions if pod.status else None) or []
        return str(pod.metadata.uid), any(each.type == "Ready" and each.status == "True" for each in conditions)
    return "", False


def test_a_user_logs_in_with_the_password_that_the_stack_made(deployed: Deployed) -> None:
    with deployed.client() as anybody:
        outputs = deployed.deployment.outputs
        answer = anybody.login(outputs["administrator"], outputs["administrator_password"])
        assert answer.code == 0, answer.output
        assert "Login Succeeded" in answer.output


def test_a_pushed_image_comes_back_the_same_and_is_recorded_for_its_user_within_five_seconds(
    deployed: Deployed, user: tuple[str, str]
) -> None:
    with deployed.client(*user) as alice:
        digest = write_sample(alice.folder / "pushed", text="an image of alice's", layers=4, layer_bytes=300_000)
        pushed = alice.push("pushed", f"{user[0]}/app:1.0")
        assert pushed.code == 0, pushed.output
        wait_for_record(deployed.deployment, Tag(namespace=user[0], repository="app", tag="1.0", user=user[0], digest=digest), seconds=5)
        pulled = alice.pull(f"{user[0]}/app:1.0", "pulled")
        assert pulled.code == 0, pulled.output
        assert _manifest(alice.folder / "pulled") == _manifest(alice.folder / "pushed")
        layers = json.loads(_manifest(alice.folder / "pulled"))["layers"]
        assert len(layers) == 4
        assert all((alice.folder / "pulled" / layer["digest"].removeprefix("sha256:")).is_file() for layer in layers)


def test_a_push_without_a_login_is_refused(deployed: Deployed) -> None:
    with deployed.client() as anybody:
        write_sample(anybody.folder / "pushed", text="nobody's image")
        answer = anybody.push("pushed", "admin/nobodys:1.0")
        assert answer.code != 0
        assert "denied" in answer.output or "unauthorized" in answer.output or "authentication required" in answer.output, answer.output


def test_a_wrong_password_is_refused(deployed: Deployed, user: tuple[str, str]) -> None:
    with deployed.client() as anybody:
        answer = anybody.login(user[0], "not-the-password")
        assert answer.code != 0
        assert "unauthorized" in answer.output or "invalid username/password" in answer.output, answer.output


def test_no_user_pushes_to_the_namespace_of_another_user(deployed: Deployed, user: tuple[str, str]) -> None:
    with deployed.client(*user) as alice:
        write_sample(alice.folder / "pushed", text="alice's image in admin's namespace")
        answer = alice.push("pushed", "admin/stolen:1.0")
        assert answer.code != 0
        assert "denied" in answer.output or "unauthorized" in answer.output, answer.output
    assert not [tag for tag in deployed.deployment.tags() if tag.repository == "stolen"]


def test_the_database_keeps_what_it_has_when_its_pod_is_killed(deployed: Deployed, user: tuple[str, str]) -> None:
    with deployed.client(*user) as alice:
        digest = write_sample(alice.folder / "pushed", text="pushed just before the kill")
        assert alice.push("pushed", f"{user[0]}/kept:1.0").code == 0
        kept = Tag(namespace=user[0], repository="kept", tag="1.0", user=user[0], digest=digest)
        wait_for_record(deployed.deployment, kept)
        before = sorted(map(str, deployed.deployment.tags()))
        api, namespace = deployed.deployment.api(), deployed.deployment.namespace
        killed = _uid_and_readiness(api, namespace)[0]
        api.delete_namespaced_pod("mariadb-0", namespace, grace_period_seconds=0)

        def is_back() -> bool:
            uid, ready = _uid_and_readiness(api, namespace)
            return uid != killed and ready

        until(is_back, "the database is ready again")
        assert sorted(map(str, deployed.deployment.tags())) == before
        digest = write_sample(alice.folder / "again", text="pushed after the kill")
        until(lambda: alice.push("again", f"{user[0]}/again:1.0").code == 0, "a push works again")
        wait_for_record(deployed.deployment, Tag(namespace=user[0], repository="again", tag="1.0", user=user[0], digest=digest))
