"""The doctor's contact with a directory: TLS and login as Portus' Pod does them; by a double, then by OpenLDAP's slapd."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import LDAPException

from lab.images.build import build_images
from lab.images.rootfs import Bind, started
from lab.images.servers import LOOPBACK, START_SECONDS, free_port
from ops.doctor import services
from tests.ops.doctor import stage
from tests.ops.doctor.pod import HOST, SECRET, LocalPods, authority, only, server_tls, serving

BINDING = "cn=portus,dc=example"


@pytest.fixture(scope="module")
def server_context() -> ssl.SSLContext:
    return server_tls()


class Directory:
    """Enough of a directory: it answers a bind, a search and StartTLS with result codes."""

    BIND, SEARCH, EXTENDED = 0x60, 0x63, 0x77

    def __init__(self, tls: ssl.SSLContext | None = None, *, at_once: bool = False, **codes: int) -> None:
        self.tls, self.at_once, self.codes = tls, at_once, codes
        self.seen: list[bytes] = []

    def __call__(self, end: socket.socket) -> None:
        if self.at_once and self.tls:
            end = self.tls.wrap_socket(end, server_side=True)
        while data := end.recv(4096):
            if data[:1] == b"\x16":  # TLS, where LDAP is spoken
                return
            self.seen.append(data)
            number, operation = data[4], data[5]
            kind = {self.BIND: "bind", self.SEARCH: "search", self.EXTENDED: "start_tls"}.get(operation, "")
            if not kind:
                return
            code = self.codes.get(kind, 0)
            end.sendall(bytes([0x30, 12, 2, 1, number, operation + (2 if kind == "search" else 1), 7, 10, 1, code, 4, 0, 4, 0]))
            if kind == "start_tls" and code == 0 and self.tls:
                end = self.tls.wrap_socket(end, server_side=True)


def ldap(port: int, **more: Any) -> dict[str, Any]:
    named = {key.replace("__", "."): value for key, value in more.items()}
    return {"ldap.enabled": "true", "ldap.hostname": HOST, "ldap.port": port, "ldap.base": "dc=example", **named}


ACCOUNT = {
    "ldap__authentication__enabled": "true",
    "ldap__authentication__bind_dn": BINDING,
    "ldap__authentication__password": SECRET,
}


class TestLdap:
    """The directory."""

    def test_a_bind_and_a_search_are_made_with_the_account_that_portus_has(self) -> None:
        directory, pods = Directory(), LocalPods()
        with serving(directory) as port:
            found = only(ldap(port, **ACCOUNT), pods=pods)
        assert found.seen == f"not encrypted, it accepts '{BINDING}', and a search below 'dc=example'"
        assert SECRET.encode() in directory.seen[0]
        assert SECRET not in repr(found) + " ".join(pods.words)

    def test_without_an_account_the_bind_is_anonymous_as_net_ldap_makes_it(self) -> None:
        directory = Directory()
        with serving(directory) as port:
            found = only(ldap(port))
        assert "it accepts anonymous users" in found.seen
        assert directory.seen[0].endswith(bytes([0x04, 0, 0x80, 0]))

    def test_a_refused_account_is_a_failed_login_without_its_password(self) -> None:
        with serving(Directory(bind=49)) as port:
            found = only(ldap(port, **ACCOUNT))
        assert (found.step, found.problem) == ("login", f"it refuses '{BINDING}': invalidCredentials (code 49)")

    def test_an_account_whose_password_is_in_no_secret_is_reported_and_nothing_is_sent(self) -> None:
        directory = Directory()
        with serving(directory) as port:
            found = only(ldap(port, **ACCOUNT | {"ldap__authentication__password": ""}))
        assert found.step == "login"
        assert directory.seen == []

    @pytest.mark.parametrize(("code", "words"), [(32, "noSuchObject (code 32)"), (1, "operationsError (code 1)")])
    def test_a_base_that_cannot_be_searched_is_reported(self, code: int, words: str) -> None:
        with serving(Directory(search=code)) as port:
            found = only(ldap(port, **ACCOUNT))
        assert (found.step, found.problem) == ("answer", f"it refuses '{BINDING}' a search below 'dc=example': {words}")

    @pytest.mark.parametrize("method", ["simple_tls", "start_tls"])
    def test_tls_is_made_by_the_method_that_is_set_and_checked_by_the_images_own_cas(
        self, server_context: ssl.SSLContext, method: str
    ) -> None:
        directory = Directory(server_context, at_once=method == "simple_tls")
        with serving(directory) as port:
            settings = ldap(port, **ACCOUNT, ldap__encryption__method=method)
            refused, accepted = only(settings), only(settings, trust=authority())
        assert (refused.step, "self-signed certificate" in refused.problem) == ("tls", True)
        assert accepted.seen.startswith(f"{method}, it accepts '{BINDING}'")
        assert sum(SECRET.encode() in data for data in directory.seen) == 1, "only on the connection whose server was checked"

    def test_a_ca_file_is_read_in_the_pod_and_alone_is_trusted(self, server_context: ssl.SSLContext) -> None:
        with serving(Directory(server_context, at_once=True)) as port:
            settings = ldap(port, ldap__encryption__method="simple_tls", ldap__encryption__options__ca_file="/ca.pem")
            assert only(settings, pods=LocalPods(files={"/ca.pem": authority()})).seen
            other = stage.certificate("other.test", days=9)[0]
            assert only(settings, trust=authority(), pods=LocalPods(files={"/ca.pem": other})).step == "tls"
            gone = only(settings)
        assert (gone.step, gone.problem) == ("tls", "Pod portus-0 has no file /ca.pem")

    @pytest.mark.parametrize("version", ["2.2", "2.5"])
    def test_a_server_of_tls_1_3_alone_is_refused_as_the_images_openssl_does(self, server_context: ssl.SSLContext, version: str) -> None:
        server_context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            with serving(Directory(server_context, at_once=True)) as port:
                settings = ldap(port, ldap__encryption__method="simple_tls") | {"ldap.method": "simple_tls"}
                found = only(settings, version=version, trust=authority())
        finally:
            server_context.minimum_version = ssl.TLSVersion.TLSv1_2
        assert (found.step, "version" in found.problem) == ("tls", True)

    def test_a_server_without_start_tls_is_reported(self) -> None:
        with serving(Directory(start_tls=2)) as port:
            found = only(ldap(port, **ACCOUNT, ldap__encryption__method="start_tls"))
        assert (found.step, found.problem) == ("tls", "it refuses start_tls: protocolError (code 2)")

    def test_before_2_3_the_method_is_another_setting_and_no_certificate_is_checked(self, server_context: ssl.SSLContext) -> None:
        with serving(Directory(server_context, at_once=True)) as port:
            assert only(ldap(port, ldap__method="simple_tls"), version="2.2").seen.startswith("simple_tls, ")

    def test_a_server_that_does_not_run_is_not_reached(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            found = only(ldap(free.getsockname()[1]))
        assert found.step == "connect"
        assert "Connection refused" in found.problem

    @pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    def test_a_server_that_speaks_no_ldap_is_reported_in_one_line(self, says: bytes) -> None:
        def other(end: socket.socket) -> None:
            end.recv(100)
            end.sendall(says)

        with serving(other) as port:
            found = only(ldap(port))
        assert found.step == "login"
        assert found.problem
        assert "\n" not in found.problem

    def test_a_silent_server_ends_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "SECONDS", 0.3)
        with serving(lambda end: end.recv(100) and threading.Event().wait(3)) as port:  # type: ignore[arg-type]
            assert only(ldap(port)).problem


# A genuine directory.

SUFFIX = "dc=example,dc=test"
ROOT_DN, PASSWORD = f"cn=portus,{SUFFIX}", "the-accounts-password"
CONFIGURATION = f"""
include /etc/ldap/schema/core.schema
pidfile /tmp/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile /tls.crt
TLSCertificateKeyFile /tls.key
database mdb
suffix "{SUFFIX}"
rootdn "{ROOT_DN}"
rootpw {PASSWORD}
directory /data
maxsize 10485760
access to * by anonymous auth by * read
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A directory that lets anonymous users see nothing; its ports, plain and encrypted."""
    (image,) = build_images(["directory-lab"])
    folder = tmp_path_factory.mktemp("directory")
    certificate, key = stage.certificate(HOST, days=9)
    for name, text in {"slapd.conf": CONFIGURATION, "tls.crt": certificate, "tls.key": key}.items():
        (folder / name).write_text(text)
    plain, encrypted = free_port(), free_port()
    binds = [Bind(source=folder / name, target=f"/{name}", read_only=True) for name in ("slapd.conf", "tls.crt", "tls.key")]
    listens = f"ldap://{LOOPBACK}:{plain} ldaps://{LOOPBACK}:{encrypted}"
    with (
        (folder / "log").open("w") as log,
        started(
            image.container(binds=binds, tmpfs=["/data", "/tmp"]), ["slapd", "-f", "/slapd.conf", "-h", listens, "-d", "0"], output=log
        ) as running,
    ):
        with _bound(plain, running.process, folder / "log") as connection:
            connection.add(SUFFIX, ["dcObject", "organization"], {"o": "example"})  # type: ignore[no-untyped-call]
        yield plain, encrypted


def _bound(port: int, process: subprocess.Popen[str], log: Path) -> ldap3.Connection:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return ldap3.Connection(ldap3.Server(LOOPBACK, port=port, get_info=ldap3.NONE), ROOT_DN, PASSWORD, auto_bind=True)
        except LDAPException:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def settings(port: int, method: str = "", **more: str) -> dict[str, Any]:
    account = {"ldap.authentication.enabled": "true", "ldap.authentication.bind_dn": ROOT_DN, "ldap.authentication.password": PASSWORD}
    encryption = {"ldap.encryption.method": method} if method else {}
    server = {"ldap.enabled": "true", "ldap.hostname": HOST, "ldap.port": port, "ldap.base": SUFFIX}
    return {**server, **account, **encryption, **{key.replace("__", "."): value for key, value in more.items()}}


@pytest.mark.images
@pytest.mark.parametrize("method", ["", "start_tls", "simple_tls"])
def test_a_genuine_directory_accepts_the_doctor_by_every_method(directory: tuple[int, int], method: str) -> None:
    found = only(settings(directory[method == "simple_tls"], method), trust=stage.certificate(HOST, days=9)[0])
    assert found.seen == f"{method or 'not encrypted'}, it accepts '{ROOT_DN}', and a search below '{SUFFIX}'", found.problem


@pytest.mark.images
@pytest.mark.parametrize(
    ("changes", "step", "problem"),
    [
        ({"ldap__authentication__password": "wrong"}, "login", "invalidCredentials (code 49)"),
        ({"ldap__base": "dc=absent"}, "answer", "noSuchObject (code 32)"),
        ({"ldap__authentication__enabled": "false"}, "answer", "it refuses anonymous users a search"),
    ],
)
def test_its_refusals_name_the_step(directory: tuple[int, int], changes: dict[str, str], step: str, problem: str) -> None:
    found = only(settings(directory[0], **changes))
    assert (found.step, problem in found.problem) == (step, True), found
    assert PASSWORD not in repr(found)


@pytest.mark.images
@pytest.mark.parametrize("method", ["start_tls", "simple_tls"])
def test_a_certificate_that_portus_does_not_trust_is_refused(directory: tuple[int, int], method: str) -> None:
    found = only(settings(directory[method == "simple_tls"], method))
    assert (found.step, "certificate" in found.problem) == ("tls", True), found


@pytest.mark.images
def test_a_port_of_the_other_kind_is_reported_at_once(directory: tuple[int, int]) -> None:
    began = time.monotonic()
    assert only(settings(directory[1])).problem, "plain LDAP to ldaps"
    assert only(settings(directory[0], "simple_tls")).step == "tls"
    assert time.monotonic() - began < 15
