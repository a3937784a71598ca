"""A real LDAP server for the tests of the double's login."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ldap3
import pytest
from ldap3.core.exceptions import LDAPException

from lab.images.build import build_images
from lab.images.rootfs import Bind, started
from lab.images.servers import LOOPBACK, START_SECONDS, free_port
from tests.settings import authority

SUFFIX = "dc=example,dc=test"
ADMINS = f"ou=admins,{SUFFIX}"
ROOT, ROOT_PASSWORD = f"cn=root,{SUFFIX}", "roots-password"
PEOPLE = {"boss": "directory-of-boss", "jane": "directory-of-jane"}
CHIEF, CHIEF_PASSWORD = "chief", "directory-of-chief"
"""The only one below `ADMINS`."""

NAME = "localhost"
"""In the server's certificate; its address is not."""

CONFIGURATION = f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile /tmp/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "{SUFFIX}"
rootdn "{ROOT}"
rootpw {ROOT_PASSWORD}
directory /data
maxsize 10485760
"""
TLS = """
TLSCertificateFile /tls.crt
TLSCertificateKeyFile /tls.key
TLSCipherSuite NORMAL:-VERS-TLS1.0
"""


@dataclass(frozen=True)
class Directory:
    """A server: where it speaks plainly, and where TLS from the first byte on (0 for nowhere)."""

    plain: int
    tls: int = 0


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """A server with three people and a certificate of `authority` for `NAME`."""
    chain = authority.leaf(hosts=(NAME,)) + authority.certificate("authority", common_name="Intermediate", issuer="Root")
    files = {"slapd.conf": TLS + CONFIGURATION, "tls.crt": chain, "tls.key": authority.private("server")}
    with _server(tmp_path_factory.mktemp("directory"), files, Directory(free_port(), free_port())) as made:
        yield made


@pytest.fixture(scope="module")
def plain_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """A server without TLS."""
    with _server(tmp_path_factory.mktemp("plain-directory"), {"slapd.conf": CONFIGURATION}, Directory(free_port())) as made:
        yield made


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the CA of the server's certificate (``ca.crt``) and another one (``other.crt``)."""
    folder = tmp_path_factory.mktemp("authorities")
    (folder / "ca.crt").write_text(authority.made("ca"))
    (folder / "other.crt").write_text(authority.made("ca.other"))
    return folder


@contextmanager
def _server(folder: Path, files: dict[str, str], made: Directory) -> Iterator[Directory]:
    (image,) = build_images(["directory-lab"])
    for name, content in files.items():
        (folder / name).write_text(content)
    container = image.container(
        binds=[Bind(source=folder / name, target=f"/{name}", read_only=True) for name in files], tmpfs=["/data", "/tmp"]
    )
    addresses = f"ldap://{LOOPBACK}:{made.plain}" + (f" ldaps://{LOOPBACK}:{made.tls}" if made.tls else "")
    with (
        (folder / "log").open("w") as log,
        started(container, ["slapd", "-f", "/slapd.conf", "-h", addresses, "-d", "0"], output=log) as running,
    ):
        server = ldap3.Server(LOOPBACK, port=made.plain, get_info=ldap3.NONE)
        with _bound(server, running.process, folder / "log") as connection:
            connection.add(SUFFIX, ["dcObject", "organization"], {"o": "example"})  # type: ignore[no-untyped-call]
            connection.add(ADMINS, "organizationalUnit")  # type: ignore[no-untyped-call]
            for dn, password in (
                *((f"uid={name},{SUFFIX}", password) for name, password in PEOPLE.items()),
                (f"uid={CHIEF},{ADMINS}", CHIEF_PASSWORD),
            ):
                name = dn.split(",")[0].removeprefix("uid=")
                person = {"cn": name, "sn": "Müller", "mail": f"{name}@mail.test", "userPassword": password}
                connection.add(dn, "inetOrgPerson", person)  # type: ignore[no-untyped-call]
        yield made


def _bound(server: ldap3.Server, process: subprocess.Popen[str], log: Path) -> ldap3.Connection:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return ldap3.Connection(server, user=ROOT, password=ROOT_PASSWORD, auto_bind=True)
        except LDAPException:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
