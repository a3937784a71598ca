"""The front proxy, as a real haproxy: which path arrives where, and what is refused in every spelling."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.components.exposure.stage import PORTUS, REGISTRY, Stage, stage

pytestmark = pytest.mark.images


ONE_HOST = {
    "/": "portus",
    "/users/sign_in": "portus",
    "/api/v1/_ping": "portus",
    "/api/v1/users/bootstrap": "portus",
    "/v20/": "portus",
    "/v2": "registry",
    "/v2/": "registry",
    "/V2/": "registry",
    "/v2/token": "portus",
    "/v2/token/": "portus",
    "/v2/token?service=a&scope=repository:b%2Fc:pull": "portus",
    "/v2/%74oken": "portus",
    "/v2/token/manifests/1": "registry",
    "/v2/tokens/manifests/1": "registry",
    "/v2/_catalog?n=100": "registry",
    "/v2/team/app/manifests/1.0": "registry",
    "/v2/team/app/manifests/sha256:0123": "registry",
    "/v2/team/app/manifests/sha256%3A0123": "registry",
    "/v2/team/app/blobs/uploads/?mount=sha256%3A01&from=other%2Fapp": "registry",
    "/v2/webhooks-of-mine/manifests/1": "registry",
    "/v2/team/webhooks/manifests/1": "registry",
}


@pytest.mark.parametrize(("path", "upstream"), ONE_HOST.items())
def test_one_name_serves_both_by_path(one_host: Stage, path: str, upstream: str) -> None:
    assert one_host.ask(path).upstream == upstream
    assert {"portus": one_host.portus, "registry": one_host.registry}[upstream].seen[-1]["path"] == path


@pytest.mark.parametrize(
    ("host", "path", "status", "upstream"),
    [
        (PORTUS, "/", 200, "portus"),
        (PORTUS, "/v2/token", 200, "portus"),
        (PORTUS, "/v2/", 200, "portus"),
        (REGISTRY, "/v2/", 200, "registry"),
        (REGISTRY, "/v2/team/app/tags/list", 200, "registry"),
        (REGISTRY, "/", 404, ""),
        (REGISTRY, "/api/v1/_ping", 404, ""),
        (REGISTRY, "/metrics", 404, ""),
    ],
)
def test_two_names_serve_one_each(two_hosts: Stage, host: str, path: str, status: int, upstream: str) -> None:
    answer = two_hosts.ask(path, host=host)
    assert (answer.status, answer.upstream) == (status, upstream)


EVENTS = (
    "/v2/webhooks",
    "/v2/webhooks/",
    "/v2/webhooks/events",
    "/v2/webhooks/events/",
    "/v2/webhooks/events.json",
    "/v2/webhooks/events?x=1",
    "//v2/webhooks/events",
    "/v2//webhooks///events",
    "/V2/Webhooks/EVENTS",
    "/v2/%77ebhooks/events",
    "/%76%32/%77%65%62%68%6f%6f%6b%73/events",
    "/v2/web%68ooks",
    f"https://{PORTUS}/v2/webhooks/events",
    f"http://{PORTUS}/v2/webhooks/events",
)
"""Each of these some server reads as the webhook's path."""

TWISTED = (
    "/v2%2Fwebhooks/events",
    "/v2/webhooks%2fevents",
    "/v2%5Cwebhooks/events",
    "/v2\\webhooks\\events",
    "/v2/./webhooks/events",
    "/v2/x/../webhooks/events",
    "/x/../v2/webhooks/events",
    "/v2/%2e/webhooks/events",
    "/v2/x/%2E%2e/webhooks/events",
    "/v2/x/.%2e/webhooks/events",
    "/v2/%2577ebhooks/events",
    "/v2/webhooks;x/events",
    "/v2;/webhooks/events",
    "/v2/webhooks%3bx/events",
    "/v2/webhooks%00/events",
    "/v2/webhooks/events%zz",
    "/v2/webhooks/events%",
    "/v2/webhooks/events.%4",
    "/v2/webhooks%0a/events",
    "/api/v1/users/1/../1/application_tokens",
    "/..",
    "/.",
)
"""Paths that two servers may read in two ways."""

TOKENS = (
    "/api/v1/users/1/application_tokens",
    "/api/v1/users/1/application_tokens/",
    "/api/v1/users/1/application_tokens.json",
    "/api/v1/users/application_tokens/7",
    "/api/v1/users/1/application_tokens/7",
    "//api//v1//users//1//application_tokens",
    "/API/V1/users/1/application_tokens",
    "/api/v1/users/1/%61pplication_tokens",
    "/api/v1/users/%31/application%5ftokens",
)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", EVENTS)
def test_no_spelling_of_the_event_path_reaches_a_server(two_hosts: Stage, one_host: Stage, path: str, method: str) -> None:
    for running, host in ((one_host, PORTUS), (two_hosts, PORTUS), (two_hosts, REGISTRY)):
        answer = running.ask(path.replace(PORTUS, host), host=host, method=method, body=b"{}" if method == "POST" else None)
        assert answer.status == 404
        assert not running.portus.seen
        assert not running.registry.seen


@pytest.mark.parametrize("path", TWISTED)
def test_a_path_that_could_be_read_in_two_ways_is_refused(two_hosts: Stage, one_host: Stage, path: str) -> None:
    for running, host in ((one_host, PORTUS), (two_hosts, PORTUS), (two_hosts, REGISTRY)):
        assert running.ask(path, host=host).status == 400
        assert not running.portus.seen
        assert not running.registry.seen


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", TOKENS)
def test_the_shield_refuses_the_application_tokens_by_every_spelling(two_hosts: Stage, path: str, method: str) -> None:
    assert two_hosts.ask(path, method=method).status == 403
    assert not two_hosts.portus.seen


@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/users/1", "/users/edit", "/application_tokens", "/application_tokens/3"])
def test_the_shield_refuses_no_other_path_of_the_users(two_hosts: Stage, path: str) -> None:
    assert two_hosts.ask(path).upstream == "portus"


def test_without_the_shield_tokens_pass_and_events_do_not(tmp_path: Path) -> None:
    with stage(tmp_path, shield=False) as running:
        assert running.ask("/api/v1/users/1/application_tokens", method="POST").upstream == "portus"
        assert running.ask("/v2/webhooks/events", method="POST").status == 404


UNJUDGED = (
    "scope=repository:bob/app:*,push,pull",
    "scope=repository:bob/app:push,*",
    "scope=repository%3Abob%2Fapp%3A%2a%2Cpull",
    "s%63ope=repository:bob/app:%2A,pull",
    "service=a&scope=registry:catalog:pull,*",
    "scope=registry:catalog:*,",
    "scope=registry:catalog:,*;x=1",
    "scope=repository:bob/app:*;scope=repository:bob/app:pull",
    "scope=repository:a/b:pull&scope=repository:bob/app:*,pull",
    "scope=*",
)
"""Scopes that Portus would grant without a look."""

JUDGED = (
    "service=a&scope=registry:catalog:*",
    "scope=repository:bob/app:*",
    "scope=repository%3Abob%2Fapp%3A%2A&account=bob",
    "scope=repository:bob/app:push,pull&scope=repository:busybox:*",
    "scope=repository:bob/app:pull,push&scope=registry:catalog:*&client_id=docker",
    "account=bob&client_id=docker&offline_token=true&service=registry.example.com",
    "",
)


@pytest.mark.parametrize("path", ["/v2/token", "/v2/token/", "//v2//token", "/v2/%74oken", "/v2/token.json", "/V2/Token"])
def test_a_scope_that_portus_does_not_check_is_refused_in_every_spelling(two_hosts: Stage, one_host: Stage, path: str) -> None:
    for running in (two_hosts, one_host):
        for query in UNJUDGED:
            assert running.ask(f"{path}?{query}").status == 403, query
        for query in (
            "scope=repository:bob/app:*,pull&x=%zz",
            "scope=repository:bob/app:*,pull&x=%",
            "x=%4&scope=repository:bob/app:*,pull",
        ):
            assert running.ask(f"{path}?{query}").status == 400, query
        assert not running.portus.seen
        assert not running.registry.seen


@pytest.mark.parametrize("query", JUDGED)
def test_a_scope_that_portus_checks_reaches_it_unchanged(two_hosts: Stage, query: str) -> None:
    assert two_hosts.ask(f"/v2/token?{query}").upstream == "portus"
    assert two_hosts.portus.seen[-1]["path"] == f"/v2/token?{query}"


def test_other_pages_may_have_a_star_in_their_query(two_hosts: Stage) -> None:
    assert two_hosts.ask("/search?search=a*,b").upstream == "portus"


def test_a_wildcard_that_portus_2_0_would_leave_in_the_token_is_refused(tmp_path: Path) -> None:
    with stage(tmp_path, wildcards=False) as running:
        for query in ("scope=repository:bob/app:*", "scope=registry:catalog:*&scope=repository:bob/app:%2A"):
            assert running.ask(f"/v2/token?{query}").status == 403
        assert not running.portus.seen
        for query in ("scope=registry:catalog:*", "scope=repository:bob/app:push,pull"):
            assert running.ask(f"/v2/token?{query}").upstream == "portus"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_both_versions_of_http_meet_the_same_rules(two_hosts: Stage, version: str) -> None:
    def ask(path: str) -> str:
        address = f"{PORTUS}:{two_hosts.ports['HTTPS']}"
        command = ["curl", "--silent", version, "--path-as-is", "--cacert", str(two_hosts.authority), "--resolve", f"{address}:127.0.0.1"]
        shown = ["--output", "/dev/null", "--write-out", "%{http_version} %{http_code}"]
        return subprocess.run([*command, *shown, f"https://{address}{path}"], capture_output=True, text=True, check=True).stdout

    spoken = {"--http1.1": "1.1", "--http2": "2"}[version]
    assert ask("/api/v1/_ping") == f"{spoken} 200"
    assert ask("/v2/webhooks/events") == f"{spoken} 404"
    assert ask("/v2/x/../webhooks/events") == f"{spoken} 400"
    assert ask("/api/v1/users/1/%61pplication_tokens") == f"{spoken} 403"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v2/token", "/v2/token/", "/v2/%74oken?scope=repository:bob/app:pull"])
def test_tokens_are_asked_for_with_get_alone(two_hosts: Stage, one_host: Stage, path: str, method: str) -> None:
    for running in (two_hosts, one_host):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert running.ask(path, method=method, headers=form, body=b"scope=repository:bob/app:*,push").status == 404
        assert not running.portus.seen
        assert not running.registry.seen


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "application/json", ""])
def test_a_token_request_with_a_body_is_refused(two_hosts: Stage, one_host: Stage, kind: str) -> None:
    for running in (two_hosts, one_host):
        headers = {"Content-Type": kind} if kind else {}
        assert running.ask("/v2/token", headers=headers, body=b"scope=repository:bob/app:*,push").status == 400
        chunked = {**headers, "Transfer-Encoding": "chunked"}
        assert running.ask("/v2/token", headers=chunked, body_as_sent=b"3\r\na=b\r\n0\r\n\r\n").status == 400
        assert not running.portus.seen


def test_no_content_type_reaches_portus_with_a_token_request(two_hosts: Stage) -> None:
    """HTTP/2 has bodies that no header announces; without a type Rack reads none of them."""
    two_hosts.ask("/v2/token?service=a", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert "content-type" not in two_hosts.last()


def test_repositories_whose_names_begin_with_token_are_pushed_to(two_hosts: Stage, one_host: Stage) -> None:
    for running, host in ((one_host, PORTUS), (two_hosts, REGISTRY)):
        for path in ("/v2/tokens/manifests/1", "/v2/token/app/manifests/1"):
            assert (
                running.ask(path, host=host, method="PUT", headers={"Content-Type": "application/json"}, body=b"{}").upstream == "registry"
            )
            assert running.last()["content-type"] == "application/json"
