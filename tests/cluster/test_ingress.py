"""A stack behind a real controller, by Ingress and then by Gateway API: the same push and pull, the same refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.addons import controllers
from lab.cluster import Publication, kubectl
from ops.check import check
from ops.console import step
from ops.deployment import Deployment
from ops.skopeo import Client, client_of
from tests.cluster.conftest import until
from tests.cluster.own_stack import OwnStack, deployment, make_secret, namespace, own_stack, published, ready_pods
from tests.components.exposure import stage

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.31"
HOST = "portus.ingress.test"
NAMESPACE = "portus-ingress"

PATHS = {
    "/api/v1/_ping": "200",
    "/v2/": "401",
    "/v2/token": "200",
    "/v2/webhooks/events": "404",
    "/v2//webhooks/events": "404",
    "/v2/%77ebhooks/events": "404",
    "/api/v1/users/1/application_tokens": "403",
    "/api/v1/users/1/%61pplication_tokens": "403",
}


@pytest.fixture(scope="module")
def certificate() -> Iterator[dict[str, str]]:
    """Make the namespace and the Secret; give the ``tls`` section's texts."""
    root, chain = (stage.certificate("Root", issuer="Root"), stage.certificate("server", issuer="Root", hosts=(HOST,)))
    with namespace(NAMESPACE) as api:
        files = {"tls.crt": chain, "tls.key": stage.private_key("server")}
        make_secret(api, NAMESPACE, "of-somebody", files, kind="kubernetes.io/tls")
        yield {"certificate": chain, "caCertificate": root}


@pytest.fixture(scope="module")
def stack(certificate: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    tls = {"source": "existing_secret", "secret": "of-somebody", "signingKey": "separate", **certificate}
    folder = tmp_path_factory.mktemp("ingress")
    with controllers.traefik(), own_stack("ingress", folder, {"portus:tls": tls}) as deployed:
        deployed.up()
        ports = (
            Publication(address=ADDRESS, port=443, node_port=controllers.TRAEFIK_HTTPS_NODE_PORT, names=(HOST,)),
            Publication(address=ADDRESS, port=80, node_port=controllers.TRAEFIK_HTTP_NODE_PORT),
        )
        with published(*ports):
            yield deployed


@pytest.fixture
def anybody(reached: Deployment) -> Iterator[Client]:
    with client_of(reached) as made:
        yield made


def _status(user: Client, address: str, *words: str) -> str:
    return user.curl("--output", "/dev/null", "--path-as-is", "--write-out", "%{http_code} %{redirect_url}", *words, address).output.strip()


def test_a_push_and_a_pull_pass_through_the_ingress_and_are_recorded(reached: Deployment) -> None:
    with step("checking through the ingress") as current:
        assert check(reached, current).startswith(f"{HOST}/")


@pytest.mark.parametrize(("path", "status"), PATHS.items())
def test_one_name_serves_both_by_path_and_refuses_what_must_stay_inside(anybody: Client, path: str, status: str) -> None:
    assert _status(anybody, f"https://{HOST}{path}") == status


@pytest.mark.parametrize("path", ["/v2/x/../webhooks/events", "/v2%2Fwebhooks/events", "/v2/%2577ebhooks/events"])
def test_ambiguous_paths_reach_no_server(anybody: Client, reached: Deployment, path: str) -> None:
    """The controller may refuse them itself, or straighten them first."""
    before = reached.sql("SELECT COUNT(*) FROM registry_events")
    event = json.dumps({"events": [{"action": "push", "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}}]})
    assert _status(anybody, f"https://{HOST}{path}", "--header", "Content-Type: application/json", "--data", event)[:3] in {"400", "404"}
    assert reached.sql("SELECT COUNT(*) FROM registry_events") == before


def test_plain_http_is_sent_to_https(anybody: Client) -> None:
    assert _status(anybody, f"http://{HOST}/users/sign_in?a=b") in {f"{code} https://{HOST}/users/sign_in?a=b" for code in (301, 308)}


def test_tokens_are_signed_by_a_key_of_their_own(reached: Deployment) -> None:
    key = reached.exec(
        ready_pods(reached, "web")[0], ["sh", "-c", "echo $PORTUS_KEY_PATH; cmp /secrets/portus.key $PORTUS_KEY_PATH || true"]
    )
    assert key.startswith("/secrets/signing.key")
    assert "differ" in key


def test_deploying_again_changes_nothing(stack: OwnStack) -> None:
    stack.up("--expect-no-changes")


@pytest.mark.parametrize("mode", ["Terminate", "Passthrough"])
def test_a_stack_moves_from_an_ingress_to_a_gateway(stack: OwnStack, anybody: Client, mode: str) -> None:
    """The Gateway takes the certificate from the same Secret, or leaves it to the front proxy."""
    _gateway(mode)
    route = {"kind": "gateway", "parentRefs": [{"name": "public", "sectionName": "https"}], "tlsMode": mode}
    stack.say(stack.said() | {"portus:exposure": route})
    stack.up()
    until(lambda: _status(anybody, f"https://{HOST}/api/v1/_ping") == "200", "the route is taken up")
    with step("checking through the gateway") as current:
        assert check(deployment(stack), current).startswith(f"{HOST}/")
    for path, status in PATHS.items():
        assert _status(anybody, f"https://{HOST}{path}") == status


def _gateway(mode: str) -> None:
    """Make the Gateway, as its owner would, or change it."""
    tls: dict[str, Any] = {"mode": mode} | ({"certificateRefs": [{"name": "of-somebody"}]} if mode == "Terminate" else {})
    listener = {"name": "https", "protocol": "HTTPS" if mode == "Terminate" else "TLS", "port": 8443, "hostname": HOST, "tls": tls}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": NAMESPACE},
        "spec": {"gatewayClassName": "traefik-lab", "listeners": [listener | {"allowedRoutes": {"namespaces": {"from": "Same"}}}]},
    }
    kubectl("apply", "--server-side", "--filename", "-", stdin=json.dumps(gateway))
