"""Tokens, keys and what the exposure lets through, on both image families."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab import cluster
from ops.skopeo import Client
from tests.cluster.conftest import Deployed

pytestmark = pytest.mark.cluster

EVENT = {"events": [{"id": "forged", "action": "push", "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}}]}


def _token(user: Client, deployed: Deployed, scope: str, account: str) -> str:
    registry, url = deployed.deployment.registry, deployed.deployment.portus_url
    query = [f"service={registry}", f"account={account}", f"scope={scope}"]
    encoded = [word for part in query for word in ("--data-urlencode", part)]
    answer = user.curl("--netrc-file", "netrc", "--get", *encoded, f"{url}/v2/token")
    return str(json.loads(answer.output)["token"])


def _netrc(user: Client, deployed: Deployed, username: str, password: str) -> None:
    file = user.folder / "netrc"
    file.touch(mode=0o600)
    file.write_text(f"machine {deployed.deployment.hosts[0]} login {username} password {password}\n", encoding="utf-8")


def _status(user: Client, *words: str) -> int:
    answer = user.curl("--output", "/dev/null", "--write-out", "%{http_code}", *words)
    assert answer.code == 0, answer.output
    return int(answer.output)


def _catalog(user: Client, deployed: Deployed, token: str) -> int:
    (user.folder / "header").write_text(f"Authorization: Bearer {token}\n", encoding="utf-8")
    return _status(user, "--header", "@header", f"https://{deployed.deployment.registry}/v2/_catalog")


def test_a_token_names_the_issuer_the_service_and_the_key_that_the_stack_computed(deployed: Deployed, user: tuple[str, str]) -> None:
    with deployed.client() as curl:
        _netrc(curl, deployed, *user)
        token = _token(curl, deployed, f"repository:{user[0]}/app:push,pull", user[0])
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    assert jwt.get_unverified_header(token)["kid"] == deployed.deployment.outputs["token_key_id"]
    assert claims["iss"] == deployed.deployment.hosts[0]
    assert claims["aud"] == deployed.deployment.registry
    assert claims["access"][0]["name"] == f"{user[0]}/app"
    assert sorted(claims["access"][0]["actions"]) == ["pull", "push"]


def test_a_token_for_another_users_namespace_grants_nothing(deployed: Deployed, user: tuple[str, str]) -> None:
    with deployed.client() as curl:
        _netrc(curl, deployed, *user)
        token = _token(curl, deployed, "repository:admin/app:push,pull", user[0])
    claims = jwt.decode(token, options={"verify_signature": False})
    assert not [entry for entry in claims.get("access", []) if entry["actions"]]


@pytest.mark.parametrize("scope", ["repository:admin/app:*,push,pull", "registry:catalog:pull,*"])
def test_the_front_proxy_refuses_a_scope_that_portus_does_not_check(deployed: Deployed, user: tuple[str, str], scope: str) -> None:
    registry, url = deployed.deployment.registry, deployed.deployment.portus_url
    with deployed.client() as curl:
        _netrc(curl, deployed, *user)
        query = ["--get", "--data-urlencode", f"service={registry}", "--data-urlencode", f"scope={scope}"]
        assert _status(curl, "--netrc-file", "netrc", *query, f"{url}/v2/token") == 403


def test_the_registry_takes_portus_tokens_and_none_that_another_key_signed(deployed: Deployed) -> None:
    outputs = deployed.deployment.outputs
    with deployed.client() as curl:
        _netrc(curl, deployed, outputs["administrator"], outputs["administrator_password"])
        good = _token(curl, deployed, "registry:catalog:*", outputs["administrator"])
        assert _catalog(curl, deployed, good) == 200
        claims = jwt.decode(good, options={"verify_signature": False}) | {"exp": int(time.time()) + 300}
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        forged = jwt.encode(claims, pem, algorithm="RS256", headers={"kid": outputs["token_key_id"]})
        assert _catalog(curl, deployed, forged) == 401


def test_the_event_endpoint_cannot_be_reached_from_outside(deployed: Deployed) -> None:
    before = deployed.deployment.sql("SELECT COUNT(*) FROM registry_events") if deployed.is_puma else None
    with deployed.client() as curl:
        (curl.folder / "event.json").write_text(json.dumps(EVENT), encoding="utf-8")
        for host in deployed.deployment.hosts:
            for path in (
                "/v2/webhooks/events",
                "/v2//webhooks/events",
                "/v2/%77ebhooks/events",
                "//v2/webhooks/events/",
                "/V2/Webhooks/events",
            ):
                url = f"https://{host}:{deployed.deployment.https_port}{path}"
                status = _status(curl, "--http1.1", "--path-as-is", "--data", "@event.json", url)
                if host == deployed.deployment.hosts[0]:
                    assert status == 404, url
                else:  # the registry itself answers, which takes no events
                    assert status >= 300, url
    if before is not None:
        assert deployed.deployment.sql("SELECT COUNT(*) FROM registry_events") == before


def test_the_front_proxy_refuses_the_application_tokens_paths(deployed: Deployed) -> None:
    url = deployed.deployment.portus_url
    with deployed.client() as curl:
        assert _status(curl, "--request", "POST", f"{url}/api/v1/users/1/application_tokens") == 403
        assert _status(curl, "--request", "DELETE", f"{url}/api/v1/users/application_tokens/1") == 403


def test_the_front_proxy_redirects_plain_requests_to_https_with_their_path(deployed: Deployed) -> None:
    host = deployed.deployment.hosts[0]
    with deployed.client() as curl:
        answer = curl.curl("--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", f"http://{host}/namespaces?page=2")
    assert answer.output == f"301 https://{host}/namespaces?page=2"


def test_apache_redirects_port_80_except_for_the_registrys_events(lab_stack: Any) -> None:
    apache: Deployed = lab_stack("lab-apache")
    service = apache.deployment.api().read_namespaced_service("portus", apache.deployment.namespace)
    assert service.spec is not None
    address = service.spec.cluster_ip
    code = f"""
import http.client
for method, path in (("GET", "/"), ("GET", "/namespaces"), ("POST", "/v2/webhooks/events")):
    link = http.client.HTTPConnection("{address}", 80, timeout=20)
    link.request(method, path, '{{"events": []}}' if method == "POST" else None)
    print(link.getresponse().status)
"""
    codes = cluster.run_in_box([sys.executable, "-c", code]).stdout.decode().split()
    assert codes in (["302", "302", "202"], ["301", "301", "202"])
