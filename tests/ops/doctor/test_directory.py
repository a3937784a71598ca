"""The doctor's contact with a genuine directory (OpenLDAP's slapd): its TLS, its refusals, its words."""

from __future__ import annotations

import subprocess
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
from tests.ops.doctor import stage
from tests.ops.doctor.pod import only

pytestmark = pytest.mark.images

HOST = "localhost"
SUFFIX = "dc=example,dc=test"
ACCOUNT, PASSWORD = f"cn=portus,{SUFFIX}", "the-accounts-password"
CONFIGURATION = f"""
include /etc/ldap/schema/core.schema
pidfile /tmp/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile /tls.crt
TLSCertificateKeyFile /tls.key
database mdb
suffix "{SUFFIX}"
rootdn "{ACCOUNT}"
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
            return ldap3.Connection(ldap3.Server(LOOPBACK, port=port, get_info=ldap3.NONE), ACCOUNT, PASSWORD, auto_bind=True)
        except LDAPException:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def settings(port: int, method: str = "", **more: str) -> dict[str, Any]:
    account = {"ldap.authentication.enabled": "true", "ldap.authentication.bind_dn": ACCOUNT, "ldap.authentication.password": PASSWORD}
    encryption = {"ldap.encryption.method": method} if method else {}
    server = {"ldap.enabled": "true", "ldap.hostname": HOST, "ldap.port": port, "ldap.base": SUFFIX}
    return {**server, **account, **encryption, **{key.replace("__", "."): value for key, value in more.items()}}


@pytest.mark.parametrize("method", ["", "start_tls", "simple_tls"])
def test_a_genuine_directory_accepts_the_doctor_by_every_method(directory: tuple[int, int], method: str) -> None:
    found = only(settings(directory[method == "simple_tls"], method), trust=stage.certificate(HOST, days=9)[0])
    assert found.seen == f"{method or 'not encrypted'}, it accepts '{ACCOUNT}', and a search below '{SUFFIX}'", found.problem


@pytest.mark.parametrize(
    ("changes", "step", "problem"),
    [
        ({"ldap__authentication__password": "wrong"}, "login", "invalidCredentials (code 49)"),
        ({"ldap__base": "dc=absent"}, "answer", "noSuchObject (code 32)"),
        ({"ldap__authentication__enabled": "false"}, "answer", "it refuses anonymous users a search"),
    ],
)
def test_its_refusals_are_told_by_the_step(directory: tuple[int, int], changes: dict[str, str], step: str, problem: str) -> None:
    found = only(settings(directory[0], **changes))
    assert (found.step, problem in found.problem) == (step, True), found
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize("method", ["start_tls", "simple_tls"])
def test_a_certificate_that_portus_does_not_trust_is_refused(directory: tuple[int, int], method: str) -> None:
    found = only(settings(directory[method == "simple_tls"], method))
    assert (found.step, "certificate" in found.problem) == ("tls", True), found


def test_a_port_of_the_other_kind_is_told_at_once(directory: tuple[int, int]) -> None:
    began = time.monotonic()
    assert only(settings(directory[1])).problem, "plain LDAP to ldaps"
    assert only(settings(directory[0], "simple_tls")).step == "tls"
    assert time.monotonic() - began < 15
