"""Portus' records are read whole from every version's schema, and nothing that proves an identity is ever read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pymysql
import pytest
from pymysql.constants import CLIENT

from lab import portus_double
from lab.images.servers import Database, fresh_mariadb
from ops.export.model import Member, Portus, Role, Tag, Visibility, document
from ops.export.records import Tables, read, without_secrets

SCHEMAS = Path(portus_double.__file__).parent / "schema"
EXPORT_SCHEMA = json.loads((Path(document.__code__.co_filename).parent / "portus.schema.json").read_text())
SECRETS = ("the-hash-of-alice", "the-hash-of-a-token", "the-salt", "the-login-of-a-hook", "the-key-in-a-query", "the-value-of-a-header")

TO_2_0 = """
ALTER TABLE namespaces DROP COLUMN visibility, ADD COLUMN public tinyint(1) DEFAULT 0;
ALTER TABLE registries DROP COLUMN external_hostname;
ALTER TABLE tags DROP COLUMN digest, DROP COLUMN image_id, DROP COLUMN marked, DROP COLUMN username;
ALTER TABLE users DROP COLUMN display_name, DROP COLUMN enabled;
DROP TABLE webhooks; DROP TABLE application_tokens;
"""
"""What 2.0's schema (20151215152138) does not have yet of 2.2's."""

ROWS = """
SET @now = NOW();
INSERT INTO registries SET id = 1, name = 'registry', hostname = 'registry.example.com', use_ssl = 1, created_at = @now, updated_at = @now;
INSERT INTO teams (id, name, hidden, created_at, updated_at) VALUES
  (1, 'global', 1, @now, @now), (2, 'alice', 1, @now, @now), (3, 'devs', 0, @now, @now);
INSERT INTO users (id, username, email, encrypted_password, admin, ldap_name) VALUES
  (1, 'admin', 'admin@example.com', 'the-hash-of-alice', 1, NULL), (2, 'alice', 'alice@example.com', 'the-hash-of-alice', 0, NULL),
  (3, 'carol', 'carol@example.com', 'the-hash-of-alice', 0, 'Carol of LDAP'), (4, 'dave', 'dave@example.com', '', 0, NULL);
INSERT INTO team_users (user_id, team_id, role, created_at, updated_at) VALUES
  (1, 1, 2, @now, @now), (2, 2, 2, @now, @now), (2, 3, 1, @now, @now), (3, 3, 0, @now, @now), (99, 3, 2, @now, @now);
INSERT INTO namespaces (id, name, team_id, registry_id, global, description, {visibility}, created_at, updated_at) VALUES
  (1, 'top', 1, 1, 1, NULL, {public}, @now, @now), (2, 'alice', 2, 1, 0, 'Grüße', 0, @now, @now),
  (3, 'devs', 3, 1, 0, NULL, {public}, @now, @now);
INSERT INTO repositories (id, name, namespace_id, created_at, updated_at) VALUES
  (1, 'busybox', 1, @now, @now), (2, 'a/b', 2, @now, @now);
INSERT INTO tags (id, name, repository_id, user_id, created_at, updated_at) VALUES
  (1, '1.0', 1, 2, @now, '2026-01-02 03:04:05'), (2, 'old', 2, 99, @now, '2025-01-02 03:04:05');
"""
SINCE_2_2 = """
UPDATE registries SET external_hostname = 'pull.example.com';
UPDATE users SET display_name = 'Alice', enabled = 0 WHERE username = 'alice';
UPDATE tags SET digest = 'sha256:aa' WHERE id = 1;
UPDATE tags SET username = 'long gone' WHERE id = 2;
INSERT INTO application_tokens (application, token_hash, token_salt, user_id) VALUES
  ('ci', 'the-hash-of-a-token', 'the-salt', 2), ('cd', 'the-hash-of-a-token', 'the-salt', 2);
INSERT INTO webhooks SET id = 1, namespace_id = 3, username = 'u', password = 'the-login-of-a-hook', request_method = 1, content_type = 0,
  url = 'https://bot:the-login-of-a-hook@ci.example.com/hook?token=the-key-in-a-query', enabled = 1, created_at = @now, updated_at = @now
  {named};
CREATE TABLE webhook_headers (id int PRIMARY KEY, webhook_id int, name varchar(255), value varchar(255));
INSERT INTO webhook_headers VALUES (1, 1, 'X-Key', 'the-value-of-a-header');
"""
SINCE_2_4 = """
UPDATE users SET bot = 1, encrypted_password = 'the-hash-of-alice' WHERE username = 'dave';
INSERT INTO users (id, username, email, encrypted_password, provider) VALUES (5, 'erin', 'erin@example.com', '', 'github');
INSERT INTO registry_events (event_id, status, data, created_at, updated_at) VALUES
  ('a', 0, '{"action":"push"}', @now, @now), ('b', 1, '{"action":"push"}', @now, @now), ('c', 2, '{"action": "delete"}', @now, @now),
  ('d', 2, '{"action":"pull"}', @now, @now);
"""
VERSIONS = ("2.0", "2.2", "2.4", "2.5")


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as database:
        yield database


@contextmanager
def filled(server: Database, version: str) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    """Give what runs statements on a fresh database with the schema of ``version`` and one of everything that it knows."""
    connection = pymysql.connect(
        unix_socket=str(server.socket), user="root", password=server.root_password, charset="utf8", client_flag=CLIENT.MULTI_STATEMENTS
    )
    with closing(connection), connection.cursor() as cursor:

        def run(statements: str) -> list[tuple[Any, ...]]:
            cursor.execute(statements)
            rows = list(cursor.fetchall())
            while cursor.nextset():
                pass
            return rows

        run("DROP DATABASE IF EXISTS exported; CREATE DATABASE exported CHARACTER SET utf8; USE exported")
        run((SCHEMAS / f"{'2.2' if version == '2.0' else version}.sql").read_text())
        run("INSERT INTO schema_migrations VALUES ('20150414104850'), ('20160927141850')")
        if version == "2.0":
            run(TO_2_0)
        run(ROWS.format(visibility="public", public=1) if version == "2.0" else ROWS.format(visibility="visibility", public=2))
        if version != "2.0":
            run(SINCE_2_2.format(named="" if version == "2.2" else ", name = 'build'"))
        if version in {"2.4", "2.5"}:
            run(SINCE_2_4)
        if version == "2.5":
            run("UPDATE tags SET size = 4711 WHERE id = 1")
        connection.commit()
        yield run


def exported(found: Portus, version: str) -> dict[str, Any]:
    return document(found, stack="s", version=version, registry_host="registry.example.com", exported_at="2026-01-01T00:00:00Z")


@pytest.mark.images
@pytest.mark.parametrize("version", VERSIONS)
class TestEveryVersion:
    def test_people_teams_and_namespaces_are_read(self, server: Database, version: str) -> None:
        with filled(server, version) as run:
            found = read(run)
        assert [user.name for user in found.users if user.admin] == ["admin"]
        assert {team.name: team.members for team in found.teams}["devs"] == (
            Member(user="alice", role=Role.CONTRIBUTOR),
            Member(user="carol", role=Role.VIEWER),
        )
        assert {space.name: (space.is_global, space.visibility, space.team) for space in found.namespaces} == {
            "top": (True, Visibility.PUBLIC, "global"),
            "alice": (False, Visibility.PRIVATE, "alice"),
            "devs": (False, Visibility.PUBLIC, "devs"),
        }
        assert {space.name: space.description for space in found.namespaces}["alice"] == "Grüße"
        assert found.migration == "20160927141850"

    def test_a_tag_is_found_under_the_name_that_the_registry_has(self, server: Database, version: str) -> None:
        with filled(server, version) as run:
            spaces = read(run).namespaces
        tags = {repository.name: repository.tags for space in spaces for repository in space.repositories}
        assert tags == {
            "busybox": (
                Tag(
                    name="1.0",
                    digest=None if version == "2.0" else "sha256:aa",
                    size=4711 if version == "2.5" else None,
                    pushed_at="2026-01-02T03:04:05Z",
                    pushed_by="alice",
                ),
            ),
            "alice/a/b": (
                Tag(name="old", digest=None, pushed_at="2025-01-02T03:04:05Z", pushed_by=None if version == "2.0" else "long gone"),
            ),
        }

    def test_a_user_of_a_directory_is_distinguished_from_one_with_a_password(self, server: Database, version: str) -> None:
        with filled(server, version) as run:
            users = {user.name: user for user in read(run).users}
        assert {name for name, user in users.items() if user.ldap} == ({"carol"} if version >= "2.4" else {"carol", "dave"})
        assert {name for name, user in users.items() if user.bot} == ({"dave"} if version >= "2.4" else set())
        assert users["alice"].enabled is (version == "2.0")

    def test_no_password_hash_or_key_is_read(self, server: Database, version: str) -> None:
        with filled(server, version) as run:
            read_values: list[tuple[Any, ...]] = []

            def watched(statement: str) -> list[tuple[Any, ...]]:
                rows = run(statement)
                read_values.extend(rows)
                return rows

            written = json.dumps(exported(read(watched), version))
        assert not [secret for secret in SECRETS if secret in written]
        seen = json.dumps(read_values, default=str)
        assert [secret for secret in SECRETS if secret in seen] in ([], ["the-login-of-a-hook", "the-key-in-a-query"])  # inside the URL

    def test_the_document_is_as_its_schema_says(self, server: Database, version: str) -> None:
        with filled(server, version) as run:
            jsonschema.Draft202012Validator(EXPORT_SCHEMA).validate(json.loads(json.dumps(exported(read(run), version))))

    def test_nothing_is_written(self, server: Database, version: str) -> None:
        with filled(server, version) as run:
            read(run)
            with pytest.raises(pymysql.MySQLError, match="READ ONLY"):
                run("UPDATE users SET admin = 1")


@pytest.mark.images
def test_webhooks_tokens_and_waiting_events_are_counted_where_a_version_has_them(server: Database) -> None:
    with filled(server, "2.5") as run:
        found = read(run)
    assert dict(found.application_tokens) == {"alice": 2}
    assert found.events_waiting == 2
    (webhook,) = (webhook for space in found.namespaces for webhook in space.webhooks)
    assert dataclasses.asdict(webhook) == {
        "name": "build",
        "url": "https://ci.example.com/hook?token=...",
        "enabled": True,
        "method": "POST",
        "content_type": "application/json",
        "headers": ("X-Key",),
        "has_login": True,
    }
    with filled(server, "2.0") as run:
        old = read(run)
    assert (dict(old.application_tokens), old.events_waiting) == ({}, 0)


def test_a_table_that_is_not_there_has_no_rows_and_a_missing_column_reads_as_nothing() -> None:
    asked = []

    def query(statement: str) -> list[tuple[Any, ...]]:
        asked.append(statement)
        return [("users", "id"), ("users", "username")] if "information_schema" in statement else [(1, "alice")]

    tables = Tables(query)
    assert tables.rows("webhooks", "id", "url") == []
    assert tables.rows("users", "id", "username", "bot") == [{"id": 1, "username": "alice", "bot": None}]
    assert tables.count("registry_events", "status", "status > 0") == 0
    assert asked[1:] == ["SELECT `id`, `username` FROM `users` ORDER BY `id`"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ci.example.com/hook", ("https://ci.example.com/hook", False)),
        ("https://u:p@ci.example.com:8443/hook", ("https://ci.example.com:8443/hook", True)),
        ("https://ci.example.com/hook?token=secret&job=&n=1#secret", ("https://ci.example.com/hook?token=...&job=...&n=...", False)),
        ("", ("", False)),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret_in_it(url: str, shown: tuple[str, bool]) -> None:
    assert without_secrets(url) == shown
