"""A kubeconfig that cannot be used, and a server that is not the cluster or does not know its user: one line with the fix."""

from __future__ import annotations

import base64
import datetime as dt
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from urllib3.exceptions import HTTPError

from ops.cli import kubeconfig_of
from ops.errors import OpsError
from ops.kube.client import Kind, Kube, require_cluster
from ops.kube.errors import cluster_errors, no_answer
from ops.kube.kubeconfig import context_of
from tests.ops.api import answering, failure
from tests.settings.authority import certificate, private

# A kubeconfig that cannot be used.


def _context(name: str = "mine", cluster: str = "mine", user: str = "me") -> dict[str, Any]:
    return {"name": name, "context": {"cluster": cluster, "user": user}}


def _named(kind: str, name: str, **content: Any) -> dict[str, Any]:
    return {"name": name, kind: content}


SERVER = "https://127.0.0.1:6443"
GOOD: dict[str, Any] = {
    "current-context": "mine",
    "contexts": [_context()],
    "clusters": [_named("cluster", "mine", server=SERVER)],
    "users": [_named("user", "me", token="t")],
}
AGAIN = "write it again with the program that made it, or name another kubeconfig: KUBECONFIG=..."
NO_KUBECONFIG: list[tuple[str, str | dict[str, Any], str, str]] = [
    ("empty", "", "it is empty", AGAIN),
    ("comments", "# nothing\n", "it is empty", AGAIN),
    ("text", "see the wiki\n", "it must have contexts, clusters and users, and is plain text", AGAIN),
    ("list", "- a\n", "it must have contexts, clusters and users, and is a list", AGAIN),
    ("other JSON", '{"auths": {}}', "it must have contexts, clusters and users, and has auths", AGAIN),
    ("other object", "kind: Secret\nmetadata: {}\n", "it must have contexts, clusters and users, and is a Secret", AGAIN),
    ("broken YAML", "a: [", "it is not YAML (line 1): ", AGAIN),
    ("tab", "\tx: 1\n", "it is not YAML (line 1): ", AGAIN),
    ("contexts as a number", "current-context: x\ncontexts: 3\n", "contexts must be a list of entries with 'name' and 'context'", AGAIN),
    ("no context", {**GOOD, "contexts": None}, "it lists no context", AGAIN),
    ("none current", {**GOOD, "current-context": ""}, "it has no current context", "name one of mine: kubectl config use-context NAME"),
    ("another current", {**GOOD, "current-context": "old"}, "it has no context 'old'", "name one of mine: kubectl config use-context NAME"),
    (
        "no cluster",
        {**GOOD, "clusters": []},
        "its context 'mine' names the cluster 'mine', which it does not have",
        "kubectl config set-context mine --cluster=NAME, with a name; ",
    ),
    (
        "no user",
        {**GOOD, "users": [_named("user", "you")]},
        "its context 'mine' names the user 'me', which it does not have",
        "kubectl config set-context mine --user=NAME, with one of you; ",
    ),
    (
        "no server",
        {**GOOD, "clusters": [_named("cluster", "mine")]},
        "the server of its cluster 'mine' is missing",
        "kubectl config set-cluster",
    ),
    (
        "server without scheme",
        {**GOOD, "clusters": [_named("cluster", "mine", server="10.0.0.1:6443")]},
        "the server of its cluster 'mine' is '10.0.0.1:6443', which must begin with https://",
        "kubectl config set-cluster mine --server=https://HOST:6443",
    ),
    (
        "CA that is gone",
        {**GOOD, "clusters": [_named("cluster", "mine", server=SERVER, **{"certificate-authority": "ca.crt"})]},
        "certificate-authority of its cluster 'mine' is ",
        "put the file there, or name another",
    ),
    (
        "CA that is none",
        {**GOOD, "clusters": [_named("cluster", "mine", server=SERVER, **{"certificate-authority-data": "x"})]},
        "certificate-authority-data of its cluster 'mine' is not the base64 of a PEM file",
        AGAIN,
    ),
    (
        "key that is gone",
        {**GOOD, "users": [_named("user", "me", **{"client-certificate-data": "LS0tLS1CRUdJTiA=", "client-key": "my.key"})]},
        "client-key of its user 'me' is ",
        "put the file there",
    ),
    (
        "login program that is not there",
        {**GOOD, "users": [_named("user", "me", exec={"command": "no-such-login", "apiVersion": "client.authentication.k8s.io/v1"})]},
        "its user 'me' logs in by the program 'no-such-login', which is not on PATH",
        "install no-such-login, or name another",
    ),
    (
        "login that fails",
        {
            **GOOD,
            "users": [
                _named(
                    "user",
                    "me",
                    exec={"command": "sh", "args": ["-c", "echo expired >&2; exit 1"], "apiVersion": "client.authentication.k8s.io/v1"},
                )
            ],
        },
        "its user's login fails: exec: process returned 1. expired",
        "log in again, or name another",
    ),
]


def _written(folder: Path, content: str | dict[str, Any], name: str = "kubeconfig") -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return file


@pytest.mark.parametrize(("content", "why", "fix"), [row[1:] for row in NO_KUBECONFIG], ids=[row[0] for row in NO_KUBECONFIG])
def test_a_kubeconfig_that_cannot_be_used_is_reported_in_one_line_with_its_fix(
    tmp_path: Path, content: str | dict[str, Any], why: str, fix: str
) -> None:
    file = _written(tmp_path, content)
    with pytest.raises(OpsError) as raised:
        require_cluster(file, None)
    assert raised.value.problem.startswith(f"the kubeconfig {file} cannot be used: {why}")
    assert raised.value.fix.startswith(fix)
    assert "\n" not in f"{raised.value}"


def test_a_kubeconfig_that_is_a_folder_or_missing_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match=r"it is a folder\. fix: name the file in it: KUBECONFIG=.*/FILE"):
        require_cluster(tmp_path, None)
    _written(tmp_path, GOOD, "config")
    with pytest.raises(OpsError, match=r"it is a folder\. fix: name the file in it: KUBECONFIG=.*/config"):
        require_cluster(tmp_path, None)
    with pytest.raises(OpsError, match=r"the kubeconfig .*/absent must exist\. fix: name the kubeconfig of your cluster: KUBECONFIG="):
        require_cluster(tmp_path / "absent", None)


def test_a_kubeconfig_that_may_not_be_read_or_is_no_text_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kubeconfig"
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(OpsError, match="cannot be used: it is not text"):
        require_cluster(file, None)
    monkeypatch.setattr(Path, "read_text", mock.Mock(side_effect=PermissionError(13, "Permission denied")))
    with pytest.raises(OpsError, match=r"cannot be used: Permission denied\. fix: let your user read it, or name another"):
        require_cluster(file, None)


def test_a_context_that_is_asked_for_and_missing_is_reported_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(OpsError) as raised:
        require_cluster(_written(tmp_path, GOOD), "prod")
    assert raised.value.problem.endswith("cannot be used: it has no context 'prod'.")
    assert raised.value.fix == "name one of mine: cluster.context of the stack file, or --context"


def test_a_list_of_kubeconfigs_is_merged_as_kubectl_does(tmp_path: Path) -> None:
    first = _written(tmp_path, {**GOOD, "current-context": "", "clusters": [_named("cluster", "mine", server="https://first")]}, "first")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ca.crt").write_text("PEM", encoding="utf-8")
    theirs = {
        "current-context": "theirs",
        "contexts": [_context("theirs", "theirs", "me"), _context()],
        "clusters": [
            _named("cluster", "theirs", server="https://second", **{"certificate-authority": "ca.crt"}),
            _named("cluster", "mine", server="https://never"),
        ],
    }
    second = _written(tmp_path / "folder", theirs, "second")
    third = _written(tmp_path, {**GOOD, "current-context": "mine"}, "third")
    named = kubeconfig_of(f"{tmp_path / 'absent'}:{first}::{second}:{third}")
    assert named == Path(f"{first}:{second}:{third}")
    assert context_of(named, None) == "theirs"
    configuration = Kube(kubeconfig=named).api.configuration
    assert (configuration.host, configuration.ssl_ca_cert) == ("https://second", str(tmp_path / "folder" / "ca.crt"))
    assert Kube(kubeconfig=named, context="mine").api.configuration.host == "https://first"
    assert kubeconfig_of(f"{tmp_path / 'absent'}:{tmp_path / 'neither'}") == tmp_path / "absent"
    assert kubeconfig_of(f"{tmp_path / 'absent'}:{first}") == first
    assert [kubeconfig_of(each) for each in ("", ":")] == [None, None]


def test_a_list_with_a_file_that_is_none_is_reported_with_that_file(tmp_path: Path) -> None:
    good, bad = _written(tmp_path, GOOD, "good"), _written(tmp_path, "nothing here", "bad")
    with pytest.raises(OpsError, match=r"the kubeconfig \S+/bad cannot be used: .* is plain text"):
        require_cluster(Path(f"{good}:{bad}"), None)


# A server that is not the cluster, or does not know its user.


ANOTHER = "or name another kubeconfig: KUBECONFIG=..."


def _told_of(folder: Path, served: str, trusted: str) -> tuple[OpsError, Path]:
    """Return what is told of a server with the certificate ``served`` to a kubeconfig that trusts ``trusted``, and that kubeconfig."""
    pem = folder / "server.pem"
    pem.write_text(served, encoding="utf-8")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    data = {"certificate-authority-data": base64.b64encode(trusted.encode()).decode()}
    file = _written(folder, {**GOOD, "clusters": [_named("cluster", "mine", server=f"https://localhost:{server.server_port}", **data)]})
    try:
        with pytest.raises(OpsError) as raised:
            require_cluster(file, None)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    return raised.value, file


NOW = dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("host", "ends", "trusted", "told"),
    [
        ("localhost", NOW + dt.timedelta(days=9), "other", ("certificate signature failure", "get the kubeconfig of this cluster again")),
        ("localhost", NOW - dt.timedelta(hours=1), "authority", ("certificate has expired", "renew the cluster's certificate")),
        (
            "kubernetes",
            NOW + dt.timedelta(days=9),
            "authority",
            ("Hostname mismatch", "write a name that the certificate has into the kube"),
        ),
    ],
    ids=["another CA", "expired", "another name"],
)
def test_a_certificate_that_the_kubeconfig_does_not_trust_is_reported_with_its_reason(
    tmp_path: Path, host: str, ends: dt.datetime, trusted: str, told: tuple[str, str]
) -> None:
    leaf = certificate("server", common_name="kubernetes", issuer="Root", hosts=(host,), is_server=True, ends=ends)
    root = certificate(trusted, common_name="Root", issuer="Root", signed_by=trusted)
    error, file = _told_of(tmp_path, leaf + private("server"), root)
    assert error.problem.startswith(f"the certificate of the cluster of {file} is not trusted: {told[0]}")
    assert error.fix.startswith(told[1])
    assert error.fix.endswith(", or name another kubeconfig: KUBECONFIG=...")


def test_a_server_that_is_no_cluster_is_reported(tmp_path: Path) -> None:
    with answering(tmp_path, 200, {"hello": "world"}) as file, pytest.raises(OpsError) as raised:
        require_cluster(file, None)
    assert raised.value.problem.startswith("http://127.0.0.1:")
    assert raised.value.problem.endswith(" is not a Kubernetes API server: it does not say its version.")


def test_a_page_that_is_not_found_is_no_cluster_either(tmp_path: Path) -> None:
    with answering(tmp_path, 404, {}) as file:
        for ask in (_version, _kinds):
            with pytest.raises(OpsError) as raised:
                ask(file)
            assert "Kubernetes API server" in raised.value.problem
            assert raised.value.fix.startswith("write the address of the API server into the kubeconfig")


def _version(file: Path) -> None:
    require_cluster(file, None)


def _kinds(file: Path) -> None:
    with cluster_errors("adopt kubernetes"):
        Kube(kubeconfig=file).list(Kind("v1", "Secret"), "portus")


def test_a_user_without_credentials_must_log_in(tmp_path: Path) -> None:
    words = 'namespaces is forbidden: User "system:anonymous" cannot list resource'
    with answering(tmp_path, 403, failure(403, words)) as file, pytest.raises(OpsError, match="log in again, because the cluster does not"):
        require_cluster(file, None)


@pytest.mark.parametrize(
    ("error", "told", "fix"),
    [
        (
            "('Connection aborted.', RemoteDisconnected('x'))",
            "the server closes the connection without an answer",
            "start the cluster; or corr",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version", "the server answers without TLS", "write the address of the API server"),
        (
            "HTTPSConnection(host='c', port=6443): Failed to resolve 'c' ([Errno -2] no)",
            "c:6443: Failed to resolve 'c' (no)",
            "correct the name",
        ),
        ("HTTPConnection(host='c', port=80): Read timed out. (read timeout=9.9)", "c:80: no answer in time", "start the cluster, or name"),
        (
            "[SSL: TLSV13_ALERT_UNKNOWN_CA] tlsv13 alert unknown ca",
            "[SSL: TLSV13_ALERT_UNKNOWN_CA] tlsv13 alert unknown ca",
            "log in again",
        ),
    ],
)
def test_a_connection_that_fails_is_reported_in_plain_words(error: str, told: str, fix: str) -> None:
    said = no_answer(HTTPError(error), "config")
    assert said.problem == f"the cluster of config does not answer: {told}"
    assert said.fix.startswith(fix)


def test_a_certificate_of_the_kubeconfig_that_cannot_be_read_is_reported() -> None:
    said = no_answer(HTTPError("[X509] PEM lib (_ssl.c:4154)"), "config")
    assert said.problem == "a certificate or key of the kubeconfig config cannot be read: [X509] PEM lib (_ssl.c:4154)."
    assert said.fix == AGAIN


@pytest.mark.parametrize("user", [{"token": "t\n"}, {"tokenFile": "token"}])
def test_the_line_end_of_a_token_is_left_out(tmp_path: Path, user: dict[str, str]) -> None:
    (tmp_path / "token").write_text("t\n", encoding="utf-8")
    api = Kube(kubeconfig=_written(tmp_path, {**GOOD, "users": [{"name": "me", "user": user}]})).api
    assert api.configuration.auth_settings()["BearerToken"]["value"] == "Bearer t"
