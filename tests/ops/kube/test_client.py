"""The client of a cluster: kinds that it knows and kinds that it asks for; a server that refuses or never answers."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from components.common.names import BACKUP
from lab.images.servers import free_port
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.kube import client
from ops.kube.client import DEPLOYMENT, NAMESPACE, SECRET, Kind, Kube, UnknownKindError, require_cluster
from ops.kube.errors import cause_of, cluster_errors, message_of
from tests.ops.api import Answer, answering, failure, kubeconfig, serving

POLICIES = {"resources": [{"name": "networkpolicies", "kind": "NetworkPolicy", "namespaced": True}, {"name": "networkpolicies/status"}]}


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def cluster(tmp_path: Path, asked: list[str]) -> Iterator[Callable[[Answer], Kube]]:
    """Give a cluster whose API answers as a function of method and path says."""
    with ExitStack() as servers:

        def made(answer: Answer) -> Kube:
            def noted(method: str, path: str) -> tuple[int, dict[str, Any]]:
                asked.append(f"{method} {path}")
                return answer(method, path)

            return Kube(kubeconfig=servers.enter_context(serving(tmp_path, noted)))

        yield made


def test_a_known_kind_is_asked_for_without_a_look_at_what_the_server_has(cluster: Callable[[Answer], Kube], asked: list[str]) -> None:
    kube = cluster(lambda *_: (200, {"items": [{"kind": "x"}]}))
    assert kube.list(SECRET, "portus", labels="a=b", fields="metadata.name=c") == [{"kind": "x"}]
    kube.get(NAMESPACE, "", "portus")
    selected = "labelSelector=a%3Db&fieldSelector=metadata.name%3Dc"
    assert asked == [f"GET /api/v1/namespaces/portus/secrets?{selected}", "GET /api/v1/namespaces/portus"]


def test_another_kind_is_looked_up_once_for_its_version(cluster: Callable[[Answer], Kube], asked: list[str]) -> None:
    kube = cluster(lambda _, path: (200, POLICIES if path.endswith("/v1") else {"items": []}))
    policy = Kind.of_token("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    kube.list(policy, "portus")
    kube.list(policy, "portus")
    with pytest.raises(UnknownKindError, match=r"no kind 'Ingress' in apiVersion 'networking\.k8s\.io/v1'"):
        kube.list(Kind("networking.k8s.io/v1", "Ingress"), "portus")
    path = "GET /apis/networking.k8s.io/v1"
    assert asked == [path, *(f"{path}/namespaces/portus/networkpolicies",) * 2]


def test_a_version_that_the_server_does_not_have_has_no_kinds(cluster: Callable[[Answer], Kube]) -> None:
    kube = cluster(lambda *_: (404, {"message": "page not found"}))
    with pytest.raises(UnknownKindError):
        kube.get(Kind("monitoring.coreos.com/v1", "PodMonitor"), "portus", "x")
    assert kube.get(SECRET, "portus", "x") is None
    kube.delete(SECRET, "portus", "gone already")


def test_a_refusal_is_raised_with_the_servers_own_words(cluster: Callable[[Answer], Kube]) -> None:
    kube = cluster(lambda *_: (403, {"message": 'secrets is forbidden: User "me"'}))
    for refused in (
        lambda: kube.list(SECRET, "portus"),
        lambda: kube.create(SECRET, "portus", {}),
        lambda: kube.delete(SECRET, "portus", "x"),
    ):
        with pytest.raises(ApiException) as raised:
            refused()
        assert (raised.value.status, message_of(raised.value)) == (403, 'secrets is forbidden: User "me"')


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_by_every_request_that_may_be_repeated(cluster: Callable[[Answer], Kube], status: int) -> None:
    answers: list[tuple[int, dict[str, Any]]] = [(status, {}), (200, {"kind": "Deployment"})]
    kube = cluster(lambda *_: answers.pop(0))
    assert kube.get(DEPLOYMENT, "portus", "x") == {"kind": "Deployment"}
    answers += [(status, {}), (201, {"metadata": {}})]
    with pytest.raises(ApiException):
        kube.create(DEPLOYMENT, "portus", {})
    assert len(answers) == 1, "what makes an object is not sent twice"


def test_a_server_that_never_answers_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "REQUEST_SECONDS", 0.1)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        kube = Kube(kubeconfig=kubeconfig(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}"))
        for ask in (kube.version, lambda: kube.apps.read_namespaced_deployment("portus", "portus")):
            with pytest.raises(HTTPError) as raised:
                ask()
            assert "\n" not in cause_of(raised.value)


def test_a_kubeconfig_is_not_read_before_it_is_needed(tmp_path: Path) -> None:
    assert Kube(kubeconfig=tmp_path / "absent").context is None


# What is reported of a cluster that answers and does not do what a command asks.


FORBIDDEN = 'cronjobs.batch "portus-backup" is forbidden: User "me" cannot get resource "cronjobs" in API group "batch"'
THEIRS = {"name": "theirs", "key": "password"}


def _deployment(kubeconfig: Path) -> Deployment:
    return Deployment(stack="prod", outputs={"namespace": "portus", "administrator_secret": THEIRS}, kubeconfig=kubeconfig)


@pytest.mark.parametrize("verb", ["backup", "backups", "restore"])
def test_a_user_without_the_right_sees_which_one_the_command_needs(tmp_path: Path, verb: str) -> None:
    with (
        answering(tmp_path, 403, failure(403, FORBIDDEN)) as kubeconfig,
        pytest.raises(OpsError) as raised,
        cluster_errors(verb, "do this and that"),
    ):
        _deployment(kubeconfig).jobs.start(BACKUP)
    assert raised.value.problem == f"the cluster refuses: {FORBIDDEN}"
    assert raised.value.fix.startswith(f"'{verb}' needs the rights to do this and that; or name another kubeconfig")


def test_an_expired_login_is_reported_before_anything_begins(tmp_path: Path) -> None:
    with (
        answering(tmp_path, 401, failure(401, "Unauthorized")) as kubeconfig,
        pytest.raises(OpsError, match=r"the cluster refuses: Unauthorized fix: log in again"),
    ):
        require_cluster(kubeconfig, None)


def test_a_refusal_of_another_kind_is_one_line_too(tmp_path: Path) -> None:
    with (
        answering(tmp_path, 500, failure(500, "etcdserver: request\ntimed out")) as kubeconfig,
        pytest.raises(OpsError, match="the cluster refuses: etcdserver: request") as raised,
        cluster_errors("backups"),
    ):
        _ = _deployment(kubeconfig).administrator_password
    assert "\n" not in raised.value.problem


def test_a_cluster_that_goes_away_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="the cluster does not answer: ") as raised, cluster_errors("backups"):
        _ = _deployment(kubeconfig(tmp_path, f"http://127.0.0.1:{free_port()}")).administrator_password
    assert "\n" not in raised.value.problem


def test_an_administrators_secret_that_is_missing_is_named(tmp_path: Path) -> None:
    with (
        answering(tmp_path, 404, failure(404, 'secrets "theirs" not found')) as kubeconfig,
        pytest.raises(OpsError, match="namespace portus has no Secret theirs, which holds the administrator's password"),
    ):
        _ = _deployment(kubeconfig).administrator_password


def test_an_administrators_secret_without_its_key_is_named_with_the_key(tmp_path: Path) -> None:
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "theirs"}, "data": {"other": base64.b64encode(b"x").decode()}}
    with (
        answering(tmp_path, 200, secret) as kubeconfig,
        pytest.raises(OpsError, match="Secret theirs of namespace portus has no key password"),
    ):
        _ = _deployment(kubeconfig).administrator_password


def test_the_words_of_a_handshake_that_was_refused_are_the_servers() -> None:
    reason = (
        'Handshake status 403 Forbidden -+-+- {\'audit-id\': \'x\'} -+-+- b\'{"kind":"Status","message":"pods \\"m\\" is forbidden"}\\n\''
    )
    assert message_of(ApiException(status=0, reason=reason)) == 'pods "m" is forbidden'
