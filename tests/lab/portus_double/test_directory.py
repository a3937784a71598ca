"""Logging in against a real LDAP server: who is looked up where, and what is said; the settings' rules and ``make check`` rest on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lab.images.servers import LOOPBACK, free_port
from lab.portus_double.replay.recording import SCENARIO
from lab.portus_double.replay.stage import Stage, stage
from ops.credentials import Login, NobodyError, require_login
from tests.lab.portus_double.conftest import ADMINS, CHIEF, CHIEF_PASSWORD, NAME, PEOPLE, SUFFIX, Directory
from tests.ops.test_recovery import _deployment

pytestmark = pytest.mark.images

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


@pytest.fixture(params=["2.4", "2.5"])
def place(request: pytest.FixtureRequest, directory: Directory) -> Iterator[Place]:
    """Portus with an administrator of its own, before it is told of the directory."""
    with stage(request.param) as made:
        made.start(dict(SCENARIO))
        user = {"username": "admin", "email": "admin@example.test", "password": LOCAL}
        assert httpx.post(f"http://{made.portus}/api/v1/users/bootstrap", json={"user": user}, timeout=30).status_code == 201
        settings = {"ENABLED": "true", "HOSTNAME": LOOPBACK, "PORT": str(directory.plain), "BASE": SUFFIX}
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


def test_a_user_of_the_directory_is_no_administrator_if_there_is_one_and_is_promoted_by_rake(place: Place) -> None:
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
    assert "cannot reach its LDAP directory" in told.value.fix


def test_a_filter_with_other_than_ascii_letters_needs_a_locale(place: Place) -> None:
    _with_directory(place, PORTUS_LDAP_FILTER="(sn=Müller)")
    assert place.token("jane", PEOPLE["jane"]).status_code == 500
    _with_directory(place, PORTUS_LDAP_FILTER="(sn=Müller)", LANG="C.UTF-8")
    assert place.token("jane", PEOPLE["jane"]).status_code == 200


def test_a_user_below_admin_base_becomes_an_administrator_with_2_5(place: Place) -> None:
    _with_directory(place, PORTUS_LDAP_ADMIN_BASE=ADMINS)
    assert place.administrates(CHIEF, CHIEF_PASSWORD) == (place.portus.version == "2.5")
    assert not place.administrates("jane", PEOPLE["jane"])


def test_a_mail_address_is_guessed_or_read(place: Place) -> None:
    _with_directory(place, PORTUS_LDAP_GUESS_EMAIL_ENABLED="true")
    assert place.token("jane", PEOPLE["jane"]).status_code == 200
    _with_directory(place, PORTUS_LDAP_GUESS_EMAIL_ENABLED="true", PORTUS_LDAP_GUESS_EMAIL_ATTR="mail")
    assert place.token("boss", PEOPLE["boss"]).status_code == 200
    found = place.portus.rows("SELECT username, email FROM users WHERE username IN ('jane', 'boss')")
    assert {row["username"]: row["email"] for row in found} == {"jane": "jane@example.test", "boss": "boss@mail.test"}


def test_a_missing_base_is_reported_with_its_code(place: Place) -> None:
    _with_directory(place, PORTUS_LDAP_BASE=f"ou=nobody,{SUFFIX}")
    assert place.token("jane", PEOPLE["jane"]).json() == {"error": "No Such Object (code 32)"}


def test_an_encrypted_directory_is_asked_where_its_certificate_is_trusted(place: Place, directory: Directory, authorities: Path) -> None:
    encrypted = {
        "PORTUS_LDAP_HOSTNAME": NAME,
        "PORTUS_LDAP_PORT": str(directory.tls),
        "PORTUS_LDAP_ENCRYPTION_METHOD": "simple_tls",
    }
    _with_directory(place, **encrypted, PORTUS_LDAP_ENCRYPTION_OPTIONS_CA_FILE=str(authorities / "ca.crt"))
    assert place.token("jane", PEOPLE["jane"]).status_code == 200
    assert place.token("jane", "wrong").status_code == 401
    _with_directory(place, **encrypted)
    answer = place.token("admin", LOCAL)
    problem = "SSL_connect returned=1 errno=0 state=error: certificate verify failed (unable to get local issuer certificate)"
    assert (answer.status_code, answer.json()) == (401, {"error": problem})
