"""A stack behind a real ingress controller: the same push and pull, the same refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from kubernetes import client, config

from lab import cluster, ingress
from lab.check import check
from lab.client import Client
from lab.client import client as client_of
from lab.cluster import Publication
from lab.console import step
from lab.deployment import Deployment
from lab.stack import CONTEXT, Stack
from tests.cluster.own_stack import deployment, own_stack, published
from tests.components.exposure import stage

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.31"
HOST = "portus.ingress.test"
NAMESPACE = "portus-ingress"


@pytest.fixture(scope="module")
def certificate() -> Iterator[dict[str, str]]:
    """Make the namespace and the Secret; give the ``tls`` section's texts."""
    root, chain = (stage.certificate("Root", issuer="Root"), stage.certificate("server", issuer="Root", hosts=(HOST,)))
    api = client.CoreV1Api(config.new_client_from_config(str(cluster.up()), CONTEXT))  # type: ignore[no-untyped-call]
    api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    try:
        files = {"tls.crt": chain, "tls.key": stage.private_key("server")}
        metadata = client.V1ObjectMeta(name="of-somebody")
        api.create_namespaced_secret(NAMESPACE, client.V1Secret(metadata=metadata, type="kubernetes.io/tls", string_data=files))
        yield {"certificate": chain, "ca_certificate": root}
    finally:
        api.delete_namespace(NAMESPACE)


@pytest.fixture(scope="module")
def stack(certificate: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    tls = {"source": "existing_secret", "secret": "of-somebody", "signing_key": "separate", **certificate}
    folder = tmp_path_factory.mktemp("ingress")
    with ingress.controller(), own_stack("ingress", folder, {"portus:tls": tls}) as deployed:
        deployed.up()
        ports = (
            Publication(address=ADDRESS, port=443, node_port=ingress.HTTPS_NODE_PORT, names=(HOST,)),
            Publication(address=ADDRESS, port=80, node_port=ingress.HTTP_NODE_PORT),
        )
        with published(*ports):
            yield deployed


@pytest.fixture(scope="module")
def reached(stack: Stack) -> Deployment:
    return deployment(stack)


@pytest.fixture
def anybody(reached: Deployment) -> Iterator[Client]:
    with client_of(registry=reached.registry, ca_certificate=str(reached.outputs["ca_certificate"])) as made:
        yield made


def _status(user: Client, address: str, *words: str) -> str:
    return user.curl("--output", "/dev/null", "--path-as-is", "--write-out", "%{http_code} %{redirect_url}", *words, address).output.strip()


def test_a_push_and_a_pull_pass_through_the_ingress_and_are_recorded(reached: Deployment) -> None:
    with step("checking through the ingress") as current:
        assert check(reached, current).startswith(f"{HOST}/")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/_ping", "200"),
        ("/v2/", "401"),
        ("/v2/token", "200"),
        ("/v2/webhooks/events", "404"),
        ("/v2//webhooks/events", "404"),
        ("/v2/%77ebhooks/events", "404"),
        ("/api/v1/users/1/application_tokens", "403"),
        ("/api/v1/users/1/%61pplication_tokens", "403"),
    ],
)
def test_one_name_serves_both_by_path_and_refuses_what_must_stay_inside(anybody: Client, path: str, status: str) -> None:
    assert _status(anybody, f"https://{HOST}{path}") == status


@pytest.mark.parametrize("path", ["/v2/x/../webhooks/events", "/v2%2Fwebhooks/events", "/v2/%2577ebhooks/events"])
def test_twisted_paths_reach_nobody(anybody: Client, reached: Deployment, path: str) -> None:
    """The controller may refuse them itself, or straighten them first."""
    before = reached.sql("SELECT COUNT(*) FROM registry_events")
    event = json.dumps({"events": [{"action": "push", "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}}]})
    assert _status(anybody, f"https://{HOST}{path}", "--header", "Content-Type: application/json", "--data", event)[:3] in {"400", "404"}
    assert reached.sql("SELECT COUNT(*) FROM registry_events") == before


def test_plain_http_is_sent_to_https(anybody: Client) -> None:
    assert _status(anybody, f"http://{HOST}/users/sign_in?a=b") in {f"{code} https://{HOST}/users/sign_in?a=b" for code in (301, 308)}


def test_tokens_are_signed_by_a_key_of_their_own(reached: Deployment) -> None:
    key = reached.exec(_pod(reached, "web"), ["sh", "-c", "echo $PORTUS_KEY_PATH; cmp /secrets/portus.key $PORTUS_KEY_PATH || true"])
    assert key.startswith("/secrets/signing.key")
    assert "differ" in key


def test_deploying_again_changes_nothing(stack: Stack) -> None:
    stack.up("--expect-no-changes")


def _pod(reached: Deployment, component: str) -> str:
    pods = reached.api().list_namespaced_pod(reached.namespace, label_selector=f"app.kubernetes.io/component={component}")
    return next(str(pod.metadata.name) for pod in pods.items if pod.metadata)
