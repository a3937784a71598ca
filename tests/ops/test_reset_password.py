"""A password that is reset lets its user in as Portus judges it, on every version's schema; whom a directory proves is refused."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from lab.images.servers import Database, fresh_mariadb
from lab.portus_double import users
from ops import reset_password
from ops.doctor.facts import Pod
from ops.errors import OpsError
from ops.kube import sql
from ops.reset_password import change, digest, find, generated, has_ldap, require_good
from tests.ops.export.test_records import VERSIONS, filled

NEW = "correct horse 'battery' \\ staple"


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as database:
        yield database


def _hash(rows: Callable[[str], list[tuple[Any, ...]]], name: str) -> str:
    return str(rows(f"SELECT encrypted_password FROM users WHERE username = '{name}'")[0][0])  # noqa: S608 - of this test


@pytest.mark.images
@pytest.mark.parametrize("version", VERSIONS)
class TestOnASchema:
    def test_the_user_gets_in_with_the_new_password_and_nobody_else_changes(self, server: Database, version: str) -> None:
        with filled(server, version) as rows:
            rows("UPDATE users SET failed_attempts = 10, locked_at = NOW(), reset_password_token = 't' WHERE username = 'admin'; COMMIT")
            user = find(rows, "ADMIN", with_ldap=False, falls_back=True)
            assert (user.name, user.locked) == ("admin", True)
            change(rows, user, NEW)
            rows("ROLLBACK")
            assert users.matches(NEW, _hash(rows, "admin"))
            assert not users.matches(f"{NEW}.", _hash(rows, "admin"))
            assert rows("SELECT failed_attempts, locked_at, reset_password_token FROM users WHERE username = 'admin'") == [(0, None, None)]
            assert _hash(rows, "alice") == "the-hash-of-alice"

    def test_an_unknown_user_is_reported_with_the_nearest_name(self, server: Database, version: str) -> None:
        with filled(server, version) as rows, pytest.raises(OpsError, match="did you mean 'alice'"):
            find(rows, "alcie", with_ldap=False, falls_back=True)

    @pytest.mark.parametrize(("name", "why"), [("carol", "the LDAP directory has"), ("portus", "Portus' own account")])
    def test_an_account_whose_password_is_kept_elsewhere_is_refused(self, server: Database, version: str, name: str, why: str) -> None:
        with filled(server, version) as rows:
            rows("UPDATE users SET username = 'portus' WHERE username = 'alice'")
            with pytest.raises(OpsError, match=why):
                find(rows, name, with_ldap=True, falls_back=True)
            if name == "carol":
                assert find(rows, name, with_ldap=False, falls_back=True).ldap, "without LDAP a password is all that lets her in"

    def test_with_ldap_up_to_2_4_a_local_account_is_refused(self, server: Database, version: str) -> None:
        with filled(server, version) as rows, pytest.raises(OpsError, match="asks the directory alone"):
            find(rows, "admin", with_ldap=True, falls_back=False)

    def test_an_account_that_a_directory_made_without_a_password_is_refused(self, server: Database, version: str) -> None:
        with filled(server, version) as rows:
            if version in {"2.4", "2.5"}:  # dave is a bot, and erin is let in by GitHub
                rows("UPDATE users SET provider = NULL WHERE username = 'erin'")
            with pytest.raises(OpsError, match="the LDAP directory has"):
                find(rows, "erin" if version in {"2.4", "2.5"} else "dave", with_ldap=True, falls_back=True)


@pytest.mark.images
def test_it_is_kept_when_the_connection_ends_on_the_way_that_the_command_takes(server: Database) -> None:
    with filled(server, "2.5") as rows:
        with (
            socket.create_connection((server.host, server.port)) as end,
            sql.session(end, user="root", password=server.root_password, database="exported") as own,
        ):
            change(own, find(own, "alice", with_ldap=False, falls_back=True), NEW)
        rows("ROLLBACK")  # sees what the other connection has committed
        assert users.matches(NEW, _hash(rows, "alice"))


def test_a_hash_is_of_the_form_that_the_images_write() -> None:
    assert digest(NEW).startswith("$2a$10$")
    assert users.matches(NEW, digest(NEW))


@pytest.mark.parametrize("text", ["short", " " * 9, "x" * 73, "ü" * 37, "two\nlines here", "nul\0 inside"])
def test_a_password_that_portus_or_bcrypt_would_not_take_whole_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(OpsError, match="must") as refused:
        require_good(text)
    assert text not in str(refused.value)


def test_a_generated_password_is_good_and_never_the_same() -> None:
    require_good(generated())
    assert generated() != generated()


@pytest.mark.parametrize(
    ("variables", "files", "on"),
    [
        ({"PORTUS_LDAP_ENABLED": "true"}, {}, True),
        ({"PORTUS_LDAP_ENABLED": "false"}, {}, False),
        ({}, {"/srv/Portus/config/config-local.yml": "ldap: {enabled: true}\n"}, True),
        ({}, {"/srv/Portus/config/config-local.yml": "ldap: {hostname: x}\n"}, False),
        ({}, {"/srv/Portus/config/config-local.yml": "[broken"}, False),
        ({}, {}, False),
    ],
)
def test_whether_a_directory_decides_is_read_from_the_pod(variables: dict[str, str], files: dict[str, str], *, on: bool) -> None:
    assert has_ldap(Pod(name="web", ready=True, variables=variables, files=files)) is on


class Played:
    """A stack whose database has one user."""

    name = "prod"
    kube = None

    def outputs(self) -> dict[str, str]:
        return {"administrator": "admin"}


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play the way to the database; give what was set."""
    done: list[str] = []
    user = reset_password.User(id=1, name="admin", enabled=False, admin=True, bot=False, ldap=False, locked=True)

    class Rows:
        def __enter__(self) -> None:
            return None

        def __exit__(self, *_: object) -> None:
            return None

    access = SimpleNamespace(expected=SimpleNamespace(portus_version="2.5"), web=Pod(name="web", ready=True), rows=Rows)
    monkeypatch.setattr(reset_password, "expected_of", lambda _: None)
    monkeypatch.setattr(reset_password, "Access", SimpleNamespace(of=lambda *_: access))
    monkeypatch.setattr(reset_password, "find", lambda *_, **__: user)
    monkeypatch.setattr(reset_password, "change", lambda _rows, _user, text: done.append(text))
    return done


def test_a_password_from_standard_input_is_never_printed(
    played: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NEW}\nsecond line\n"))
    reset_password.reset_password(Played(), "admin", generate=False)  # type: ignore[arg-type]
    assert played == [NEW]
    said = capsys.readouterr()
    assert said.out == ""
    assert NEW not in said.err
    assert "lock has ended" in said.err
    assert "disabled" in said.err


def test_a_generated_password_is_all_that_standard_output_gets(played: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    reset_password.reset_password(Played(), "admin", generate=True)  # type: ignore[arg-type]
    said = capsys.readouterr()
    assert said.out == f"{played[0]}\n"
    assert played[0] not in said.err


def test_without_a_password_nothing_is_changed(played: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(OpsError, match="first line"):
        reset_password.reset_password(Played(), "admin", generate=False)  # type: ignore[arg-type]
    assert played == []
