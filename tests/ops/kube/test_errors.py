"""What is told of a cluster that answers and does not do what a verb asks; a server of the test's own refuses."""

from __future__ import annotations

import base64
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from components.common.names import BACKUP
from lab.images.servers import free_port
from ops.cli import kubeconfig_of
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.kube.client import require_cluster
from ops.kube.errors import cluster_errors, message_of
from tests.ops.api import kubeconfig, serving

FORBIDDEN = 'cronjobs.batch "portus-backup" is forbidden: User "me" cannot get resource "cronjobs" in API group "batch"'
SECRET = {"name": "theirs", "key": "password"}


def _cluster(folder: Path, code: int, body: dict[str, Any]) -> AbstractContextManager[Path]:
    """Run an API that answers everything with ``code`` and ``body``; give its kubeconfig."""
    return serving(folder, lambda *_: (code, body))


def _status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def _deployment(kubeconfig: Path) -> Deployment:
    return Deployment(stack="prod", outputs={"namespace": "portus", "administrator_secret": SECRET}, kubeconfig=kubeconfig)


@pytest.mark.parametrize("verb", ["backup", "backups", "restore"])
def test_a_user_without_the_right_is_told_which_the_verb_needs(tmp_path: Path, verb: str) -> None:
    with (
        _cluster(tmp_path, 403, _status(403, FORBIDDEN)) as kubeconfig,
        pytest.raises(OpsError) as raised,
        cluster_errors(verb, "do this and that"),
    ):
        _deployment(kubeconfig).jobs.start(BACKUP)
    assert raised.value.problem == f"the cluster refuses: {FORBIDDEN}"
    assert raised.value.fix.startswith(f"'{verb}' needs the rights to do this and that; or name another kubeconfig")


def test_a_login_that_has_expired_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    with (
        _cluster(tmp_path, 401, _status(401, "Unauthorized")) as kubeconfig,
        pytest.raises(OpsError, match=r"the cluster refuses: Unauthorized fix: log in again"),
    ):
        require_cluster(kubeconfig, None)


def test_a_refusal_of_another_kind_is_one_line_too(tmp_path: Path) -> None:
    with (
        _cluster(tmp_path, 500, _status(500, "etcdserver: request\ntimed out")) as kubeconfig,
        pytest.raises(OpsError, match="the cluster refuses: etcdserver: request") as raised,
        cluster_errors("backups"),
    ):
        _ = _deployment(kubeconfig).administrator_password
    assert "\n" not in raised.value.problem


def test_a_cluster_that_goes_away_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="the cluster does not answer: ") as raised, cluster_errors("backups"):
        _ = _deployment(kubeconfig(tmp_path, f"http://127.0.0.1:{free_port()}")).administrator_password
    assert "\n" not in raised.value.problem


def test_an_administrators_secret_that_is_gone_is_told_by_its_name(tmp_path: Path) -> None:
    with (
        _cluster(tmp_path, 404, _status(404, 'secrets "theirs" not found')) as kubeconfig,
        pytest.raises(OpsError, match="namespace portus has no Secret theirs, which holds the administrator's password"),
    ):
        _ = _deployment(kubeconfig).administrator_password


def test_an_administrators_secret_without_its_key_is_told_by_both(tmp_path: Path) -> None:
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "theirs"}, "data": {"other": base64.b64encode(b"x").decode()}}
    with (
        _cluster(tmp_path, 200, secret) as kubeconfig,
        pytest.raises(OpsError, match="Secret theirs of namespace portus has no key password"),
    ):
        _ = _deployment(kubeconfig).administrator_password


@pytest.mark.parametrize("text", ["", "a: [", "text", "- x\n", "a: b\n", "\tx: 1\n", "current-context: x\ncontexts: 3\n"])
def test_a_file_that_is_no_kubeconfig_is_told_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(OpsError, match=r"/kubeconfig cannot be used: ") as raised:
        _ = _deployment(file).administrator_password
    assert "\n" not in raised.value.problem


def test_the_words_of_a_handshake_that_was_refused_are_the_servers() -> None:
    reason = (
        'Handshake status 403 Forbidden -+-+- {\'audit-id\': \'x\'} -+-+- b\'{"kind":"Status","message":"pods \\"m\\" is forbidden"}\\n\''
    )
    assert message_of(client.ApiException(status=0, reason=reason)) == 'pods "m" is forbidden'


def test_of_a_list_of_kubeconfigs_the_first_that_is_there_is_taken(tmp_path: Path) -> None:
    there = kubeconfig(tmp_path, "http://127.0.0.1:1")
    assert kubeconfig_of(f"{tmp_path / 'absent'}:{there}") == there
    assert kubeconfig_of(f"{tmp_path / 'absent'}:{tmp_path / 'neither'}") == tmp_path / "absent"
    assert kubeconfig_of("") is None
