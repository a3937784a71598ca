"""Logging in against a real LDAP server: who is looked up where, and what is said; the settings' rules and ``make check`` rest on it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import ldap3
import pytest
from ldap3.core.exceptions import LDAPException

from lab.images.build import build_images
from lab.images.rootfs import Bind, started
from lab.images.servers import LOOPBACK, START_SECONDS, free_port
from lab.portus_double.replay.recording import SCENARIO
from lab.portus_double.replay.stage import Stage, stage
from ops.credentials import Login, NobodyError, require_login
from tests.ops.test_credentials import _deployment

pytestmark = pytest.mark.images

SUFFIX = "dc=example,dc=test"
ROOT, ROOT_PASSWORD = f"cn=root,{SUFFIX}", "roots-password"
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
PEOPLE = {"boss": "directory-of-boss", "jane": "directory-of-jane"}
LOCAL = "password-of-portus"


@dataclass
class Place:
    """Portus and its directory."""

    portus: Stage
    directory: dict[str, str]

    def token(self, user: str, password: str, scope: str = "registry:catalog:*", account: str = "") -> httpx.Response:
        query = {"service": self.portus.registry, "account": account or user, "scope": scope}
        return httpx.get(f"http://{self.portus.portus}/v2/token", params=query, auth=(user, password), timeout=30)

    def administrates(self, user: str, password: str) -> bool:
        """Return whether a user who gets in is an administrator."""
        answer = self.token(user, password)
        assert answer.status_code == 200, answer.text
        assert self.portus.rows("SELECT id FROM users WHERE username = %s", user)
        return bool(self.portus.rows("SELECT id FROM users WHERE username = %s AND admin = 1", user))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server with two people; its port."""
    (image,) = build_images(["directory-lab"])
    folder = tmp_path_factory.mktemp("directory")
    (folder / "slapd.conf").write_text(CONFIGURATION)
    port = free_port()
    binds = [Bind(source=folder / "slapd.conf", target="/slapd.conf", read_only=True)]
    container = image.container(binds=binds, tmpfs=["/data", "/tmp"])
    with (
        (folder / "log").open("w") as log,
        started(container, ["slapd", "-f", "/slapd.conf", "-h", f"ldap://{LOOPBACK}:{port}", "-d", "0"], output=log) as running,
    ):
        server = ldap3.Server(LOOPBACK, port=port, get_info=ldap3.NONE)
        with _bound(server, running.process, folder / "log") as connection:
            connection.add(SUFFIX, ["dcObject", "organization"], {"o": "example"})  # type: ignore[no-untyped-call]
            for name, password in PEOPLE.items():
                person = {"cn": name, "sn": "Müller", "userPassword": password}
                connection.add(f"uid={name},{SUFFIX}", "inetOrgPerson", person)  # type: ignore[no-untyped-call]
        yield port


def _bound(server: ldap3.Server, process: subprocess.Popen[str], log: Path) -> ldap3.Connection:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return ldap3.Connection(server, user=ROOT, password=ROOT_PASSWORD, auto_bind=True)
        except LDAPException:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(params=["2.4", "2.5"])
def place(request: pytest.FixtureRequest, directory: int) -> Iterator[Place]:
    """Portus with an administrator of its own, before it is told of the directory."""
    with stage(request.param) as made:
        made.start(dict(SCENARIO))
        user = {"username": "admin", "email": "admin@example.test", "password": LOCAL}
        assert httpx.post(f"http://{made.portus}/api/v1/users/bootstrap", json={"user": user}, timeout=30).status_code == 201
        settings = {"ENABLED": "true", "HOSTNAME": LOOPBACK, "PORT": str(directory), "BASE": SUFFIX}
        yield Place(made, {f"PORTUS_LDAP_{name}": value for name, value in settings.items()})


def _with_directory(place: Place, **changes: str) -> None:
    place.portus.start({**SCENARIO, **place.directory, **changes})


def test_an_account_of_portus_alone_is_let_in_by_2_5_and_by_no_older_one(place: Place) -> None:
    """So under 2.4 an administrator who is not in the directory is locked out of everything."""
    _with_directory(place)
    answer = place.token("admin", LOCAL)
    if place.portus.version == "2.5":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()) == (401, {"error": "Could not find user 'admin'"})


def test_portus_own_user_passes_the_directory_by(place: Place) -> None:
    _with_directory(place)
    assert place.token("portus", SCENARIO["PORTUS_PASSWORD"]).status_code == 200


def test_who_comes_from_the_directory_is_no_administrator_where_there_is_one_and_is_promoted_by_rake(place: Place) -> None:
    _with_directory(place)
    assert place.token("jane", "wrong").status_code == 401
    assert not place.administrates("jane", PEOPLE["jane"])
    assert place.portus.rake("portus:make_admin[jane]") == 0
    assert place.administrates("jane", PEOPLE["jane"])


def test_a_first_administrator_named_as_in_the_directory_logs_in_with_its_password_there(place: Place) -> None:
    place.portus.rows("UPDATE users SET username = 'boss' WHERE username = 'admin'")
    _with_directory(place)
    assert place.administrates("boss", PEOPLE["boss"])


def test_a_directory_that_does_not_answer_is_named_and_no_password_is_blamed(place: Place) -> None:
    port = free_port()
    _with_directory(place, PORTUS_LDAP_PORT=str(port))
    answer = place.token("admin", LOCAL)
    assert (answer.status_code, answer.json()) == (401, {"error": f"Connection refused - connect(2) for {LOOPBACK}:{port}"})
    assert place.token("portus", SCENARIO["PORTUS_PASSWORD"]).status_code == 200
    with pytest.raises(NobodyError) as told:
        require_login(
            _deployment(), Login(user="admin", password=LOCAL), httpx.MockTransport(lambda _: httpx.Response(401, json=answer.json()))
        )
    assert "cannot reach its LDAP directory" in told.value.remedy


def test_a_filter_with_other_than_ascii_letters_needs_a_locale(place: Place) -> None:
    _with_directory(place, PORTUS_LDAP_FILTER="(sn=Müller)")
    assert place.token("jane", PEOPLE["jane"]).status_code == 500
    _with_directory(place, PORTUS_LDAP_FILTER="(sn=Müller)", LANG="C.UTF-8")
    assert place.token("jane", PEOPLE["jane"]).status_code == 200
