"""Portus' record of a push is found wherever its database is, and what keeps it from being read is told in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from lab.images.servers import fresh_mariadb
from ops.check import recorded, tags
from ops.deployment import Deployment, Tag
from ops.errors import LabError
from tests.ops.api import api

Answering = Callable[[int], Deployment]

SCHEMA = (
    "CREATE TABLE namespaces (id INT, name VARCHAR(255))",
    "CREATE TABLE repositories (id INT, name VARCHAR(255), namespace_id INT)",
    "CREATE TABLE users (id INT, username VARCHAR(255))",
    "CREATE TABLE tags (name VARCHAR(255), repository_id INT, user_id INT, digest VARCHAR(255))",
    "INSERT INTO namespaces VALUES (1, 'alice')",
    "INSERT INTO repositories VALUES (1, 'check', 1)",
    "INSERT INTO users VALUES (1, 'alice')",
)
"""As much of Portus' as a tag needs."""


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """Give a deployment on a cluster whose API answers everything with a status."""
    with api(tmp_path) as made:

        def answering(status: int) -> Deployment:
            made.status = status
            return Deployment(stack="prod", outputs={"namespace": "portus"}, kubeconfig=made.kubeconfig)

        yield answering


def test_the_database_is_somebody_elses_where_the_cluster_has_none(answering: Answering) -> None:
    assert answering(200).has_own_database()
    assert not answering(404).has_own_database()


def test_what_the_cluster_refuses_is_one_line(answering: Answering) -> None:
    with pytest.raises(LabError, match="Portus' database cannot be read") as told, recorded(answering(403)):
        pass
    assert told.value.remedy == "find the cause: make doctor STACK=prod"


def test_a_database_of_somebody_else_is_read_through_portus_own_pod(monkeypatch: pytest.MonkeyPatch, answering: Answering) -> None:
    class Way:
        @classmethod
        def of(cls, expected: Any, *_: Any) -> Any:
            raise LabError(f"the way of {expected.stack} through Portus' Pod", "")

    monkeypatch.setattr("ops.check.Access", Way)
    monkeypatch.setattr("ops.check.stated", lambda stack, _: type("Expected", (), {"stack": stack}))
    with pytest.raises(LabError, match="the way of prod through Portus' Pod"), recorded(answering(404)):
        pass


@pytest.mark.images
def test_a_tag_is_seen_that_came_after_the_first_look() -> None:
    with fresh_mariadb() as server:

        def connected() -> pymysql.Connection[Any]:
            return pymysql.connect(unix_socket=str(server.socket), user="root", password=server.root_password, database=server.database)

        with connected() as link, link.cursor() as cursor, connected() as other, other.cursor() as writer:

            def rows(statement: str) -> list[tuple[Any, ...]]:
                cursor.execute(statement)
                return list(cursor.fetchall())

            for statement in SCHEMA:
                writer.execute(statement)
            other.commit()
            assert tags(rows) == []
            writer.execute("INSERT INTO tags VALUES ('latest', 1, 1, 'sha256:aa'), ('old', 1, NULL, 'sha256:bb')")
            other.commit()
            assert tags(rows) == [
                Tag(namespace="alice", repository="check", tag="latest", user="alice", digest="sha256:aa"),
                Tag(namespace="alice", repository="check", tag="old", user="NULL", digest="sha256:bb"),
            ]
