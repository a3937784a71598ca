"""What differs between the releases of Portus that the double plays; no other module asks for the version."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Release:
    """One version's rules.

    Args:
        server: the image family: Apache on 80 and 443, or Puma on 3000.
        events_in_request: a notification is handled in the request that brings it, without a worker.
        stored_actions: the notifications kept at all.
        delete_exists: the token service knows ``delete``, and ``*`` means it; before, ``*`` meant push.
        service_by_external_hostname: the token service accepts the external hostname, too.
        unknown_namespace_is_private: a scope in an unknown namespace is judged as an empty private one (an admin gets it).
        portus_pulls_all: the hidden user may pull even where no rule lets it.
        paginates_users: ``/api/v1`` lists are cut into pages, newest first.
        keeps_sizes: tags have a size and the time of their last pull.
        jwt_minutes: life of a token as shipped.
        delete_enabled: whether deletion is on as shipped.
        lock_minutes: how long ten wrong passwords lock a user.
        rest_api: ``/api/v1`` exists.
        malformed_json: status and message of ``/api/v1`` for a body that is not JSON.
        setup_task: the rake task by which the web's start sets up an empty database.
        portus_password_follows: the hidden user's password is set again at every start.
        gathers_its_log: the worker's log is written in blocks (config/environments/production.rb: a logger on a pipe without sync).
        silent_seconds: how long a request without TLS keeps a thread of a server with TLS waiting; None as long as the client stays.
        local_accounts_under_ldap: whom the directory does not let in may have a password in the database (lib/portus/ldap/connection.rb).
        admin_base: users of the directory below ``ldap.admin_base`` are made administrators (lib/portus/ldap/connection.rb).
        early_ldap: the directory is asked as before 2.3: encrypted by ``ldap.method``, no server is verified, an error is a 500
            (lib/portus/ldap.rb with net-ldap 0.11).
        judges_contributors: teams are shown with the answer to a question that 2.5 does not know (app/policies/team_policy.rb).
        tables_are_utf8: the schema names the tables' character set itself.
    """

    version: str
    server: Literal["apache", "puma"]
    events_in_request: bool = False
    stored_actions: tuple[str, ...] = ("push", "delete")
    delete_exists: bool = True
    service_by_external_hostname: bool = True
    unknown_namespace_is_private: bool = False
    portus_pulls_all: bool = False
    paginates_users: bool = False
    keeps_sizes: bool = False
    jwt_minutes: int = 15
    delete_enabled: bool = True
    lock_minutes: int = 10
    rest_api: bool = True
    malformed_json: tuple[int, str] = (500, "Grape::Exceptions::InvalidMessageBody")
    setup_task: str = "portus:db:configure"
    portus_password_follows: bool = True
    gathers_its_log: bool = False
    silent_seconds: float | None = None
    local_accounts_under_ldap: bool = False
    admin_base: bool = False
    early_ldap: bool = False
    judges_contributors: bool = False
    tables_are_utf8: bool = False


RELEASES: Final = {
    "2.2": Release(
        version="2.2",
        server="apache",
        events_in_request=True,
        delete_exists=False,
        service_by_external_hostname=False,
        jwt_minutes=5,
        delete_enabled=False,
        lock_minutes=300,
        rest_api=False,
        setup_task="db:setup",
        portus_password_follows=False,
        early_ldap=True,
    ),
    "2.4": Release(version="2.4", server="puma", silent_seconds=31),
    "2.5": Release(
        version="2.5",
        server="puma",
        stored_actions=("push", "delete", "pull"),
        unknown_namespace_is_private=True,
        portus_pulls_all=True,
        paginates_users=True,
        keeps_sizes=True,
        malformed_json=(
            400,
            "When specifying application/json as content-type, you must pass valid application/json in the request's 'body'",
        ),
        setup_task="db:setup",
        gathers_its_log=True,
        local_accounts_under_ldap=True,
        admin_base=True,
        judges_contributors=True,
        tables_are_utf8=True,
    ),
}


def current() -> Release:
    """Return the release this image or process plays.

    Raises:
        SystemExit: ``PORTUS_DOUBLE_VERSION``, which the image sets, names no known one.
    """
    version = os.environ.get("PORTUS_DOUBLE_VERSION", "")
    if version not in RELEASES:
        raise SystemExit(f"portus contract double: unknown version '{version}', known: {', '.join(RELEASES)}")
    return RELEASES[version]
