"""Portus' records out of its database, of any version from 2.0 on: older schemas lack columns and tables, which then read as nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from ops.export.model import Member, Namespace, Portus, Registry, Repository, Role, Tag, Team, User, Visibility, Webhook

Row = Mapping[str, Any]
Query = Callable[[str], Iterable[tuple[Any, ...]]]
"""Runs a statement and gives its rows."""

COLUMNS: Final = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
SNAPSHOT: Final = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"

ROLES: Final = (Role.VIEWER, Role.CONTRIBUTOR, Role.OWNER)
VISIBILITIES: Final = (Visibility.PRIVATE, Visibility.PROTECTED, Visibility.PUBLIC)
METHODS: Final = ("GET", "POST")
CONTENT_TYPES: Final = ("application/json", "application/x-www-form-urlencoded")
"""Rails keeps the place in these lists (app/models/{team_user,namespace,webhook}.rb)."""

WAITING: Final = """status > 0 AND data NOT REGEXP '"action": *"pull"'"""
"""2.5 keeps pulls, too, and makes some itself with every push; they change no image."""

PASSWORDLESS: Final = "encrypted_password = ''"
"""The hash itself is never read."""


class Tables:
    """The tables as they are: what one of them lacks reads as None."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._columns: dict[str, set[str]] = defaultdict(set)
        for table, column in query(COLUMNS):
            self._columns[table].add(column)

    def rows(self, table: str, *columns: str, computed: Mapping[str, tuple[str, str]] | None = None, order: str = "id") -> list[Row]:
        """Return the rows of ``table``; none where there is no such table.

        Args:
            computed: name -> the column that it needs and its SQL.
        """
        there = self._columns.get(table, set())
        chosen = {name: f"`{name}`" for name in columns if name in there}
        chosen |= {name: sql for name, (needs, sql) in (computed or {}).items() if needs in there}
        if not chosen:
            return []
        rows = self._query(f"SELECT {', '.join(chosen.values())} FROM `{table}` ORDER BY `{order}`")  # noqa: S608 - names are this module's
        return [dict.fromkeys((*columns, *(computed or {}))) | dict(zip(chosen, row, strict=True)) for row in rows]

    def count(self, table: str, column: str, condition: str) -> int:
        """Return how many rows of ``table`` satisfy ``condition`` on ``column``; none where there is no such column."""
        if column not in self._columns.get(table, set()):
            return 0
        ((number,),) = self._query(f"SELECT COUNT(*) FROM `{table}` WHERE {condition}")  # noqa: S608 - names are this module's
        return int(number)


def read(query: Query) -> Portus:
    """Return what Portus knows, as of one moment; changes nothing.

    Args:
        query: on a connection to Portus' database whose rows come as Portus' own Rails reads them (UTC, utf8).
    """
    query(SNAPSHOT)
    tables = Tables(query)
    users = {row["id"]: row for row in tables.rows("users", *USER_COLUMNS, computed={"passwordless": ("encrypted_password", PASSWORDLESS)})}
    names = {number: row["username"] for number, row in users.items()}
    teams = {row["id"]: row for row in tables.rows("teams", "id", "name", "description", "hidden")}
    registries = tables.rows("registries", "id", "name", "hostname", "external_hostname", "use_ssl")
    migrations = tables.rows("schema_migrations", "version", order="version")
    tokens = Counter(names.get(row["user_id"], "?") for row in tables.rows("application_tokens", "user_id"))
    return Portus(
        migration=migrations[-1]["version"] if migrations else None,
        registry=_registry(registries[0]) if registries else None,
        users=tuple(_user(row) for row in users.values()),
        teams=tuple(_teams(teams, names, tables.rows("team_users", "user_id", "team_id", "role"))),
        namespaces=tuple(_namespaces(tables, teams, names)),
        application_tokens=dict(sorted(tokens.items())),
        events_waiting=tables.count("registry_events", "status", WAITING),
    )


USER_COLUMNS: Final = ("id", "username", "email", "display_name", "admin", "enabled", "bot", "ldap_name", "provider")


def _registry(row: Row) -> Registry:
    return Registry(
        name=row["name"], hostname=row["hostname"], external_hostname=row["external_hostname"] or None, use_ssl=bool(row["use_ssl"])
    )


def _user(row: Row) -> User:
    # Up to 2.2 only ldap_name shows it; later Portus makes an account without a password at the first login by LDAP.
    proved_elsewhere = bool(row["passwordless"]) and not row["provider"] and not row["bot"]
    return User(
        name=row["username"],
        email=row["email"] or None,
        display_name=row["display_name"] or None,
        admin=bool(row["admin"]),
        enabled=row["enabled"] is None or bool(row["enabled"]),
        bot=bool(row["bot"]),
        ldap=bool(row["ldap_name"]) or proved_elsewhere,
        provider=row["provider"] or None,
    )


def _teams(teams: Mapping[int, Row], users: Mapping[int, str], rows: Iterable[Row]) -> Iterable[Team]:
    members: dict[int, list[Member]] = defaultdict(list)
    for row in rows:
        if row["user_id"] in users:
            members[row["team_id"]].append(Member(user=users[row["user_id"]], role=ROLES[row["role"] or 0]))
    for number, row in teams.items():
        yield Team(name=row["name"], description=row["description"] or None, hidden=bool(row["hidden"]), members=tuple(members[number]))


def _namespaces(tables: Tables, teams: Mapping[int, Row], users: Mapping[int, str]) -> Iterable[Namespace]:
    tags = _grouped(tables.rows("tags", *TAG_COLUMNS), "repository_id")
    repositories = _grouped(tables.rows("repositories", "id", "name", "namespace_id", "description"), "namespace_id")
    webhooks = _grouped(tables.rows("webhooks", *WEBHOOK_COLUMNS), "namespace_id")
    headers = _grouped(tables.rows("webhook_headers", "webhook_id", "name"), "webhook_id")
    for row in tables.rows("namespaces", *NAMESPACE_COLUMNS):
        prefix = "" if row["global"] else f"{row['name']}/"
        yield Namespace(
            name=row["name"],
            is_global=bool(row["global"]),
            visibility=_visibility(row),
            description=row["description"] or None,
            team=teams[row["team_id"]]["name"] if row["team_id"] in teams else None,
            repositories=tuple(
                Repository(
                    name=f"{prefix}{repository['name']}",
                    description=repository["description"] or None,
                    tags=tuple(_tag(tag, users) for tag in tags[repository["id"]]),
                )
                for repository in repositories[row["id"]]
            ),
            webhooks=tuple(_webhook(webhook, headers[webhook["id"]]) for webhook in webhooks[row["id"]]),
        )


NAMESPACE_COLUMNS: Final = ("id", "name", "team_id", "global", "visibility", "public", "description")
TAG_COLUMNS: Final = ("id", "name", "repository_id", "digest", "size", "updated_at", "user_id", "username")
WEBHOOK_COLUMNS: Final = ("id", "namespace_id", "name", "url", "username", "enabled", "request_method", "content_type")


def _visibility(row: Row) -> Visibility:
    if row["visibility"] is not None:
        return VISIBILITIES[row["visibility"]]
    # 2.0 has one switch; every user who is logged in may pull from its global namespace.
    return Visibility.PUBLIC if row["public"] else Visibility.PROTECTED if row["global"] else Visibility.PRIVATE


def _tag(row: Row, users: Mapping[int, str]) -> Tag:
    pushed: dt.datetime | None = row["updated_at"]
    return Tag(
        name=row["name"],
        digest=row["digest"] or None,
        size=row["size"] or None,
        pushed_at=pushed.strftime("%Y-%m-%dT%H:%M:%SZ") if pushed else None,
        pushed_by=users.get(row["user_id"]) or row["username"] or None,
    )


def _webhook(row: Row, headers: Iterable[Row]) -> Webhook:
    url, login_in_url = without_secrets(row["url"] or "")
    return Webhook(
        name=row["name"] or None,
        url=url,
        enabled=bool(row["enabled"]),
        method=METHODS[row["request_method"] or 0],
        content_type=CONTENT_TYPES[row["content_type"] or 0],
        headers=tuple(header["name"] for header in headers if header["name"]),
        has_login=bool(row["username"]) or login_in_url,
    )


def without_secrets(url: str) -> tuple[str, bool]:
    """Return a URL without its login and without the values of its query, and whether it had a login."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    query = "&".join(f"{name}=..." for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((parts.scheme, host, parts.path, query, "")), bool(at and login)


def _grouped(rows: Iterable[Row], key: str) -> defaultdict[int, list[Row]]:
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found
