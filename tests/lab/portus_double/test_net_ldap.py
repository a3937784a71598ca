"""How the double connects to an LDAP server, and what it says where it cannot: net-ldap's and Ruby's OpenSSL's ways."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.images.servers import LOOPBACK, free_port
from lab.portus_double import net_ldap
from lab.portus_double.config import Settings
from lab.portus_double.directory import encryption
from lab.portus_double.errors import ApplicationError
from lab.portus_double.net_ldap import Encryption, NetLdapError, connected, names
from lab.portus_double.release import RELEASES
from tests.lab.portus_double.conftest import NAME, PEOPLE, SUFFIX, Directory

VERIFY = "SSL_connect returned=1 errno=0 state=error: certificate verify failed ({})"
NO_TLS = "SSL_connect SYSCALL returned=5 errno=0 state=SSLv3/TLS write client hello"
JANE = {"user": f"uid=jane,{SUFFIX}", "password": PEOPLE["jane"]}


def _binds(port: int, wanted: Encryption | None, host: str = NAME) -> bool:
    with connected(host, port, wanted, **JANE) as connection:
        return bool(connection.bind(read_server_info=False))


def _problem(port: int, wanted: Encryption | None, host: str = NAME) -> str:
    with pytest.raises(NetLdapError) as told:
        _binds(port, wanted, host)
    return str(told.value)


@pytest.fixture(params=["simple_tls", "start_tls"])
def way(request: pytest.FixtureRequest, directory: Directory, authorities: Path) -> tuple[int, Encryption]:
    """One of the two encryptions with the right CA, and its port."""
    method = request.param
    return directory.tls if method == "simple_tls" else directory.plain, Encryption(method, ca_file=str(authorities / "ca.crt"))


@pytest.mark.images
class TestAgainstARealServer:
    def test_it_is_asked_in_clear_without_a_method(self, directory: Directory) -> None:
        assert _binds(directory.plain, None)

    @pytest.mark.parametrize("version", ["", "SSLv23", "TLSv1_2"])
    def test_a_server_of_the_ca_and_the_name_is_trusted(self, way: tuple[int, Encryption], version: str) -> None:
        port, wanted = way
        assert _binds(port, Encryption(wanted.method, ca_file=wanted.ca_file, ssl_version=version))

    def test_a_server_of_another_ca_is_refused(self, way: tuple[int, Encryption], authorities: Path) -> None:
        port, wanted = way
        found = _problem(port, Encryption(wanted.method, ca_file=str(authorities / "other.crt")))
        assert found == VERIFY.format("unable to get local issuer certificate")

    def test_a_missing_ca_file_trusts_no_server(self, way: tuple[int, Encryption], authorities: Path) -> None:
        port, wanted = way
        found = _problem(port, Encryption(wanted.method, ca_file=str(authorities / "none.crt")))
        assert found == VERIFY.format("unable to get local issuer certificate")

    def test_without_a_ca_file_the_systems_authorities_count(
        self, way: tuple[int, Encryption], authorities: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port, wanted = way
        assert _problem(port, Encryption(wanted.method)) == VERIFY.format("unable to get local issuer certificate")
        monkeypatch.setenv("SSL_CERT_FILE", str(authorities / "ca.crt"))
        assert _binds(port, Encryption(wanted.method))

    def test_a_server_of_another_name_is_refused(self, way: tuple[int, Encryption]) -> None:
        assert _problem(*way, LOOPBACK) == f'hostname "{LOOPBACK}" does not match the server certificate'

    def test_portus_before_2_3_verifies_neither(self, way: tuple[int, Encryption]) -> None:
        port, wanted = way
        assert _binds(port, Encryption(wanted.method, verifies=False), LOOPBACK)

    def test_a_version_that_the_server_refuses_ends_like_a_port_without_tls(self, way: tuple[int, Encryption]) -> None:
        port, wanted = way
        assert _problem(port, Encryption(wanted.method, ca_file=wanted.ca_file, ssl_version="TLSv1")) == NO_TLS

    def test_simple_tls_at_the_plain_port_fails(self, directory: Directory) -> None:
        assert _problem(directory.plain, Encryption("simple_tls")) == NO_TLS

    def test_no_encryption_and_start_tls_at_the_port_of_tls_fail(self, directory: Directory) -> None:
        assert _problem(directory.tls, None) == "no bind result"
        assert _problem(directory.tls, Encryption("start_tls")) == "no start_tls result"

    def test_a_server_without_tls_refuses_start_tls_by_a_code(self, plain_directory: Directory) -> None:
        assert _problem(plain_directory.plain, Encryption("start_tls")) == "start_tls failed: 2"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_is_left_after_net_ldaps_own_time(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_ldap, "SECONDS", 0.2)
    assert _problem(silent, Encryption("simple_tls")) == "Connection timed out - OpenSSL connection read timeout"


@pytest.mark.parametrize("wanted", [None, Encryption("start_tls")])
def test_an_alert_of_tls_where_an_answer_is_due_is_an_error_that_is_not_rescued(wanted: Encryption | None) -> None:
    """So answers a server of OpenSSL at its port of TLS."""

    def answer(server: socket.socket) -> None:
        with server.accept()[0] as client:
            client.recv(100)
            client.sendall(bytes.fromhex("15030300020246"))

    with socket.create_server((LOOPBACK, 0)) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(answer, server)
        with pytest.raises(ApplicationError, match="Unsupported object type: id=21"):
            _binds(server.getsockname()[1], wanted, LOOPBACK)


def test_a_name_without_an_address_is_reported_as_ruby_does() -> None:
    assert _problem(389, None, "directory.invalid").startswith("getaddrinfo: ")


def test_the_last_address_that_refuses_is_named() -> None:
    port = free_port()
    assert _problem(port, None) == f"Connection refused - connect(2) for {LOOPBACK}:{port}"


def test_an_unknown_version_is_an_error_that_is_not_rescued(silent: int, authorities: Path) -> None:
    with pytest.raises(ApplicationError, match="unknown SSL method `TLSv2'"):
        _problem(silent, Encryption("simple_tls", ca_file=str(authorities / "ca.crt"), ssl_version="TLSv2"))


@pytest.mark.parametrize(
    ("host", "others", "common", "fits"),
    [
        ("ldap.example.test", [("DNS", "ldap.example.test")], "", True),
        ("LDAP.example.test", [("DNS", "ldap.EXAMPLE.test")], "", True),
        ("ldap.example.test", [("DNS", "*.example.test")], "", True),
        ("ldap.example.test", [("DNS", "l*p.example.test")], "", True),
        ("lp.example.test", [("DNS", "l*p.example.test")], "", False),
        ("a.ldap.example.test", [("DNS", "*.example.test")], "", False),
        ("ldap.example.test", [("DNS", "ldap.*.test")], "", False),
        ("xn--a.example.test", [("DNS", "x*.example.test")], "", False),
        ("ldap.example.test", [], "ldap.example.test", True),
        ("ldap.example.test", [("DNS", "other.example.test")], "ldap.example.test", False),
        ("ldap.example.test", [("email", "a@example.test")], "ldap.example.test", True),
        ("10.0.0.1", [("IP Address", "10.0.0.1")], "", True),
        ("10.0.0.1", [("IP Address", "10.0.0.2")], "10.0.0.1", False),
        ("10.0.0.1", [("DNS", "10.0.0.1")], "", True),
        ("FD00:0:0:0:0:0:0:A", [("IP Address", "FD00:0:0:0:0:0:0:A")], "", True),
        ("fd00::a", [("IP Address", "FD00:0:0:0:0:0:0:A")], "", False),
        ("directory", [("DNS", "directory")], "", True),
        ("Directory", [("DNS", "directory")], "", False),
        ("ldap.example.test", [], "", False),
    ],
)
def test_a_certificate_is_of_a_host_as_the_openssl_gem_decides(host: str, others: list[Any], common: str, *, fits: bool) -> None:
    subject = ((("commonName", common),),) if common else ()
    assert names({"subject": subject, "subjectAltName": tuple(others)}, host) is fits


CA, VERSION = "PORTUS_LDAP_ENCRYPTION_OPTIONS_CA_FILE", "PORTUS_LDAP_ENCRYPTION_OPTIONS_SSL_VERSION"
METHOD = "PORTUS_LDAP_ENCRYPTION_METHOD"


@pytest.mark.parametrize("version", ["2.4", "2.5"])
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({METHOD: "plain", CA: "/ca.crt"}, None),
        ({METHOD: "tls"}, None),
        ({"PORTUS_LDAP_METHOD": "simple_tls"}, None),
        ({METHOD: "simple_tls"}, Encryption("simple_tls")),
        ({METHOD: "starttls"}, Encryption("start_tls")),
        ({METHOD: "start_tls", VERSION: "SSLv23"}, Encryption("start_tls")),
        ({METHOD: "start_tls", CA: "/ca.crt"}, Encryption("start_tls", ca_file="/ca.crt", ssl_version="TLSv1_2")),
        ({METHOD: "start_tls", CA: "/ca.crt", VERSION: "SSLv23"}, Encryption("start_tls", ca_file="/ca.crt", ssl_version="SSLv23")),
    ],
)
def test_options_count_only_with_a_method_and_a_ca_file(version: str, environment: dict[str, str], expected: Encryption | None) -> None:
    release = RELEASES[version]
    assert encryption(release, Settings(release, environment)) == expected


@pytest.mark.parametrize(
    ("ldap", "expected"),
    [
        ("{}", None),
        ("{method: plain}", None),
        ("{method: start_tls}", None),
        ("{method: starttls}", Encryption("start_tls", verifies=False)),
        ("{method: simple_tls}", Encryption("simple_tls", verifies=False)),
        ("{encryption: {method: simple_tls, options: {ca_file: /ca.crt}}}", None),
    ],
)
def test_portus_before_2_3_reads_one_key(tmp_path: Path, ldap: str, expected: Encryption | None) -> None:
    local = tmp_path / "config-local.yml"
    local.write_text(f"ldap: {ldap}\n")
    release = RELEASES["2.2"]
    assert encryption(release, Settings(release, {"PORTUS_LOCAL_CONFIG_PATH": str(local)})) == expected
