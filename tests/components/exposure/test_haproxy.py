"""The front proxy, as a real haproxy: TLS, the headers that the servers get, and connections that it passes on undecrypted."""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from components.exposure import haproxy
from lab.images.servers import LOOPBACK
from tests.components.exposure.stage import PORTUS, PROXY_LINE, REGISTRY, Stage, Upstream, stage

pytestmark = pytest.mark.images


def test_a_name_that_the_stack_does_not_serve_is_refused(two_hosts: Stage) -> None:
    for port in ("HTTPS", "HTTP"):
        assert two_hosts.ask("/", headers={"Host": "evil.example.com"}, port=port).status == 421


def test_the_servers_get_scheme_port_name_and_client_from_the_front_proxy_only(one_host: Stage) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Host": "evil.example.com",
        "Forwarded": "for=6.6.6.6",
        "X_Forwarded_For": "6.6.6.6",
        "X.Forwarded.Proto": "http",
        "X-Forwarded_Host": "evil.example.com",
    }
    one_host.ask("/", headers=lies)
    told = one_host.last()
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "https"
    assert told["x-forwarded-port"] == "8443"
    assert told["x-forwarded-host"] == PORTUS
    assert "forwarded" not in told
    assert not [name for name in told if "_" in name or "." in name]


def test_behind_another_proxy_the_client_is_the_one_that_it_names(tmp_path: Path) -> None:
    with stage(tmp_path, behind_proxy=True) as running:
        running.ask("/", headers={"X-Forwarded-For": "203.0.113.9"})
        assert running.last()["x-forwarded-for"] == "203.0.113.9"
        running.ask("/")
        assert running.last()["x-forwarded-for"] == "127.0.0.1"


def test_the_proxy_protocol_gives_the_clients_address_on_ports_of_its_own(tmp_path: Path) -> None:
    with stage(tmp_path, proxy_protocol=True) as running:
        assert running.ask("/", proxy_line=PROXY_LINE, port="PROXIED_HTTPS").upstream == "portus"
        assert running.last()["x-forwarded-for"] == "203.0.113.9"
        assert running.ask("/x", proxy_line=PROXY_LINE, port="PROXIED_HTTP").status == 301
        assert running.ask("/").upstream == "portus"
        assert running.last()["x-forwarded-for"] == "127.0.0.1"
        with pytest.raises(OSError, match=r"(?i)eof|reset|closed"):
            running.ask("/", port="PROXIED_HTTPS")


@pytest.mark.parametrize("path", ["/", "/users/sign_in?next=%2Fa&b=c", "/v2/webhooks/events", f"http://{PORTUS}/a?b"])
def test_plain_http_is_sent_to_https_with_path_and_query(two_hosts: Stage, one_host: Stage, path: str) -> None:
    for running, authority in ((two_hosts, PORTUS), (one_host, f"{PORTUS}:8443")):
        answer = running.ask(path, port="HTTP", headers={"Host": f"{PORTUS}:80"})
        assert answer.status == 301
        assert answer.headers["location"] == f"https://{authority}{path.removeprefix(f'http://{PORTUS}')}"


def test_only_portus_pages_have_the_hsts_header(two_hosts: Stage, one_host: Stage) -> None:
    assert two_hosts.ask("/").headers["strict-transport-security"] == "max-age=600"
    assert "strict-transport-security" not in two_hosts.ask("/v2/", host=REGISTRY).headers
    assert "strict-transport-security" not in one_host.ask("/").headers


def test_a_large_body_passes_whole(two_hosts: Stage) -> None:
    body = bytes(range(256)) * (64 << 12)  # 64 MiB
    assert two_hosts.ask("/v2/team/app/blobs/uploads/1", host=REGISTRY, method="PATCH", body=body).upstream == "registry"
    assert two_hosts.registry.seen[-1]["digest"] == hashlib.sha256(body).hexdigest()


def test_a_server_with_another_name_is_refused(tmp_path: Path) -> None:
    with stage(tmp_path, upstream_hosts=(REGISTRY,)) as running:
        assert running.ask("/").status == 503
        assert running.ask("/v2/", host=REGISTRY).upstream == "registry"
        assert not running.portus.seen


def test_a_server_of_another_ca_is_refused(tmp_path: Path) -> None:
    with stage(tmp_path, upstream_issuer="Impostor") as running:
        assert running.ask("/").status == 503
        assert running.ask("/v2/", host=REGISTRY).status == 503


def test_an_intermediate_alone_is_not_trusted_so_the_settings_ask_for_the_root(tmp_path: Path) -> None:
    with stage(tmp_path, trusted="Intermediate") as running:
        assert running.ask("/").status == 503


def test_the_health_port_serves_nothing_else(two_hosts: Stage) -> None:
    assert two_hosts.ask("/healthz", port="HEALTH").status == 200
    assert two_hosts.ask("/", port="HEALTH").status == 404


COOKIES = {
    "_portus_session=a%2Bb; path=/; HttpOnly": "_portus_session=a%2Bb; path=/; HttpOnly; Secure",
    "a=b": "a=b; Secure",
    "a=b; Secure; HttpOnly": "a=b; HttpOnly; Secure",
    "a=b; HttpOnly;secure": "a=b; HttpOnly; Secure",
    "a=secure; path=/securely": "a=secure; path=/securely; Secure",
}


def test_every_cookie_of_portus_is_for_https_alone(tmp_path: Path) -> None:
    with stage(tmp_path, portus=Upstream("portus", cookies=tuple(COOKIES))) as running:
        assert running.ask("/").cookies == tuple(COOKIES.values())


def _agreed(running: Stage, **limits: Any) -> str:
    """Return version and suite that a client with ``limits`` and the front proxy agree on, '' for none."""
    context = ssl.create_default_context(cafile=str(running.authority))
    context.set_ciphers(limits.get("ciphers", "ALL:@SECLEVEL=0"))
    if "version" in limits:
        context.minimum_version = context.maximum_version = limits["version"]
    try:
        with (
            socket.create_connection((LOOPBACK, running.ports["HTTPS"]), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=PORTUS) as end,
        ):
            name, version, _ = end.cipher() or ("", "", 0)
            return f"{version} {name}"
    except (ssl.SSLError, OSError):
        return ""


@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"])
def test_tls_1_2_is_spoken_with_forward_secrecy_and_authenticated_encryption(two_hosts: Stage, suite: str) -> None:
    assert _agreed(two_hosts, version=ssl.TLSVersion.TLSv1_2, ciphers=f"{suite}:@SECLEVEL=0").endswith(suite)


@pytest.mark.parametrize(
    "suite",
    [
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA256",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES256-SHA384",
        "DHE-RSA-AES128-GCM-SHA256",
        "DHE-RSA-AES256-SHA",
        "ECDHE-RSA-CAMELLIA128-SHA256",
    ],
)
def test_tls_1_2_is_spoken_with_no_other_suite(two_hosts: Stage, suite: str) -> None:
    assert _agreed(two_hosts, version=ssl.TLSVersion.TLSv1_2, ciphers=f"{suite}:@SECLEVEL=0") == ""


def test_tls_1_3_is_spoken(two_hosts: Stage) -> None:
    assert _agreed(two_hosts).startswith("TLSv1.3 ")


def test_clients_beyond_portus_threads_wait_and_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake is part of connecting: without a queue those that Portus has no thread for would get 503."""
    monkeypatch.setattr(
        haproxy, "PORTUS_CONNECT_SECONDS", 4
    )  # a busy machine shakes hands in less; the last of 50 clients waits for longer
    busy = Upstream("portus", threads=4, seconds=0.6)
    with stage(tmp_path, portus=busy, portus_threads=4) as running, ThreadPoolExecutor(50) as clients:
        answers = clients.map(lambda _: running.ask("/v2/token?service=a").status, range(50))
        assert Counter(answers) == {200: 50}


def test_a_connection_for_the_registry_is_passed_through_unchanged(passing: Stage) -> None:
    body = bytes(range(256)) * (64 << 10)  # 16 MiB
    path = "/v2/team/app/blobs/uploads/1?a=%2F"
    assert passing.ask(path, host=REGISTRY, method="PATCH", body=body).upstream == "registry"
    request = passing.registry.seen[-1]
    assert (request["path"], request["digest"]) == (path, hashlib.sha256(body).hexdigest())
    assert not [name for name in passing.last() if name.startswith("x-forwarded")]


def test_a_connection_for_portus_is_decrypted_and_filtered(passing: Stage) -> None:
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"}
    assert passing.ask("/users/sign_in", headers=lies).upstream == "portus"
    told = passing.last()
    assert (told["x-forwarded-for"], told["x-forwarded-proto"], told["x-forwarded-host"]) == ("127.0.0.1", "https", PORTUS)
    passing.portus.seen.clear()
    for path, status in {
        "/v2/webhooks/events": 404,
        "/v2/%77ebhooks/events": 404,
        "/v2/x/../webhooks/events": 400,
        "/api/v1/users/1/application_tokens": 403,
        "/v2/token?scope=repository:bob/app:*,push": 403,
    }.items():
        assert passing.ask(path).status == status
    assert not passing.portus.seen


def test_portus_is_never_reached_by_a_connection_that_is_for_the_registry(passing: Stage) -> None:
    for path in ("/v2/webhooks/events", "/api/v1/users/1/application_tokens", "/"):
        assert passing.ask(path, host=PORTUS, sni=REGISTRY, method="POST", body=b"{}").upstream == "registry"
    assert not passing.portus.seen


@pytest.mark.parametrize("sni", [PORTUS, None], ids=["a connection for Portus that is used again", "a client that names nobody"])
def test_the_registry_is_reached_by_a_connection_that_was_decrypted(passing: Stage, sni: str | None) -> None:
    """HTTP/2 clients use one connection for every name of its certificate."""
    assert passing.ask("/v2/", host=REGISTRY, sni=sni).upstream == "registry"
    assert passing.last()["x-forwarded-host"] == REGISTRY
    assert passing.ask("/", host=REGISTRY, sni=sni).status == 404
    assert passing.ask("/", host=PORTUS, sni=sni).upstream == "portus"


def test_the_name_in_the_handshake_is_read_in_any_case_and_others_are_refused(passing: Stage) -> None:
    assert passing.ask("/v2/", host=REGISTRY, sni=REGISTRY.upper()).upstream == "registry"
    assert passing.ask("/", headers={"Host": "evil.example.com"}).status == 421


def test_the_proxy_protocol_works_with_passed_through_connections(passing: Stage) -> None:
    assert passing.ask("/", proxy_line=PROXY_LINE, port="PROXIED_HTTPS").upstream == "portus"
    assert passing.last()["x-forwarded-for"] == "203.0.113.9"
    assert passing.ask("/v2/", host=REGISTRY, proxy_line=PROXY_LINE, port="PROXIED_HTTPS").upstream == "registry"


def test_the_client_of_a_passed_through_connection_is_in_the_log(tmp_path: Path) -> None:
    with stage(tmp_path, passes_registry_through=True, proxy_protocol=True) as running:
        running.ask("/v2/", host=REGISTRY, proxy_line=PROXY_LINE, port="PROXIED_HTTPS")
        running.ask("/")
        end = time.monotonic() + 30
        while (
            len(
                lines := [
                    line
                    for line in (tmp_path / "haproxy.log").read_text().splitlines()
                    if ("/" in line and "127.0.0.1" in line) or "203.0" in line
                ]
            )
            < 2
        ):
            assert time.monotonic() < end, lines
            time.sleep(0.05)
    assert any(line.startswith("203.0.113.9:") and "registry-tls/registry" in line for line in lines)
    assert not [line for line in lines if "decrypted/https" in line], "each request of Portus once"
