"""The database and what Portus keeps in it."""

from __future__ import annotations

from typing import Final

from pymysql.constants import ER

from components.common.names import DATABASE_SERVER, WORKER
from components.common.versions import NEWEST_MIGRATIONS, PortusVersion
from ops.doctor.database import account_of
from ops.doctor.facts import Backlog, Database, Denied
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Ok, Skipped, Verdict, deploy_again, kubectl, sql
from ops.kube.http import NoAnswer, NotChecked

ACCOUNTS: Final = "/docker-entrypoint-initdb.d/accounts.sh"
"""In the database's Pod: makes every account of the stack that is not there, with its rights; changes no password."""
NO_RIGHTS: Final = (ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR)

MIGRATION: Final = "portus-migration-"
"""How the name of the Job begins that brings the database to a release's schema, once."""

GOOD: Final = ("utf8_unicode_ci", "utf8mb3_unicode_ci")
FRESH_SECONDS: Final = 60
"""Of a worker that has started: it looks every two seconds, and a synchronization may hold it up."""
STUCK_SECONDS: Final = 600


def database(snapshot: Snapshot) -> Verdict:
    """It accepts Portus' account."""
    database = snapshot.database
    if isinstance(database, Denied):
        return _denied(snapshot, database)
    if isinstance(database, NoAnswer):
        where = (
            "the log: " + kubectl(snapshot, "logs statefulset/mariadb")
            if snapshot.pod(DATABASE_SERVER)
            else "database.host of the stack file"
        )
        return Failed(f"it does not answer: {database.reason}", f"look at {where}")
    return database if isinstance(database, NotChecked) else Ok(f"MariaDB {database.version} lets Portus' account in")


def _denied(snapshot: Snapshot, found: Denied) -> Failed:
    """Distinguish a lost account, one without rights, a lost database, and another password: each has its own fix."""
    web = snapshot.pod("web")
    name = (web and (web.setting("PORTUS_DB_DATABASE") or web.setting("MARIADB_DATABASE"))) or "portus_production"
    account = f"'{(web and account_of(web)) or 'portus'}'@'%'"
    grant = f"GRANT ALL ON `{name}`.* TO {account};"
    create = f"CREATE USER {account} IDENTIFIED BY '<the password in database.password of the stack file>'; {grant}"
    server = snapshot.pod(DATABASE_SERVER)
    recreate = "" if server is None else kubectl(snapshot, f"exec {server.name} -- /bin/sh {ACCOUNTS}")
    if found.code == ER.BAD_DB_ERROR:
        made = sql(snapshot, f"CREATE DATABASE {name} CHARACTER SET utf8 COLLATE utf8_unicode_ci", database="")
        stack = snapshot.expected.stack
        return Failed(
            f"the server has no database {name}", f"{made}; then make backups STACK={stack} and make restore STACK={stack} DUMP=..."
        )
    if found.code in NO_RIGHTS:
        return Failed(f"Portus' account has no rights there: {found.reason}", recreate or f"as the server's administrator: {grant}")
    if found.has_account is False:
        return Failed(f"the server has no account {account}: {found.reason}", f"{recreate} creates it again, with its rights")
    fix = _another_password(snapshot)
    if found.has_account is None:
        fix = f"{fix}; or, if the account is lost, as the server's administrator: {create}"
    return Failed(f"it refuses Portus' account: {found.reason}", fix)


def _another_password(snapshot: Snapshot) -> str:
    """Return how account and Portus get the same password again: a server with accounts reads none of the stack's by itself."""
    if snapshot.pod(DATABASE_SERVER) is None:
        return (
            "set database.password of the stack file to what the account has, then pulumi up; "
            "or ALTER USER back (docs/operate/credentials.md)"
        )
    raised = "raise credentials.rotation.databaseApplication of the stack file by one, then pulumi up, which gives both a new one"
    return f"{raised}; or ALTER USER back, if another team owns the Secret (docs/operate/credentials.md)"


def charset(snapshot: Snapshot) -> Verdict:
    """Its character set is one that Portus' worker supports."""
    database = snapshot.database
    if not isinstance(database, Database):
        return NotChecked(database.reason)
    seen = f"character set {database.charset}, collation {database.collation}"
    if not database.charset.startswith("utf8"):
        alter = sql(snapshot, "ALTER DATABASE <name> CHARACTER SET utf8 COLLATE utf8_unicode_ci")
        return Failed(seen, f"{alter}, and the same for each table: ALTER TABLE <table> CONVERT TO CHARACTER SET utf8 ...")
    return Ok(seen if database.collation in GOOD else f"{seen}: not {GOOD[0]}, but one that works")


def schema(snapshot: Snapshot) -> Verdict:
    """Its schema is that of the image."""
    found, version = snapshot.database, snapshot.expected.portus_version
    if not isinstance(found, Database):
        return NotChecked(found.reason)
    if not found.migrations:
        return Failed("it has no schema_migrations: Portus has not set it up", kubectl(snapshot, "logs deployment/portus"))
    expected = set(found.expected) or {NEWEST_MIGRATIONS[PortusVersion(version)]}
    newest = max(found.migrations)
    if newest > max(expected):
        seen = f"a newer Portus has migrated it to {newest}, and {version} knows nothing after {max(expected)}"
        back = f"set portus.version back to the newer one, then make up STACK={snapshot.expected.stack}"
        return Failed(seen, f'{back}; or go back to a backup (docs/operate/upgrade.md, "Return to an older Portus")')
    lacking = sorted(expected - set(found.migrations))
    if lacking:
        return Failed(f"migrations of Portus {version} have not run: {', '.join(lacking)}", _migrate_again(snapshot))
    return Ok(f"{len(found.migrations)} migrations, the last {newest}")


def _migrate_again(snapshot: Snapshot) -> str:
    """Return how the migration's Job is run again; rake in Portus' own Pod lacks the passwords that the image's init reads from files."""
    made = [name for token, name in snapshot.expected.objects if token.endswith(":Job") and name.startswith(MIGRATION)]
    steps = [f"make backup STACK={snapshot.expected.stack}", *([kubectl(snapshot, f"delete job {' '.join(made)}")] if made else [])]
    return f"{'; then '.join(steps)}; then {deploy_again(snapshot)}, whose Job migrates"


def record(snapshot: Snapshot) -> Verdict:
    """Portus' record of the registry has the registry's public name."""
    found, expected = snapshot.database, snapshot.expected
    if not isinstance(found, Database):
        return NotChecked(found.reason)
    if not found.records:
        restart = kubectl(snapshot, "rollout restart deployment/portus")
        by_itself = f"{restart} (from 2.4 on Portus then makes it); else on the page Admin > Registries: {expected.registry}, with SSL"
        return Failed("Portus knows no registry", by_itself)
    (first, *_) = found.records
    names = {each for record in found.records for each in (record.hostname, expected.is_puma and record.external_hostname) if each}
    statement = "UPDATE registries SET {}"
    if expected.registry not in names:
        asked = f"tokens are asked for the service {expected.registry}"
        columns = ("hostname", "external_hostname") if expected.is_puma else ("hostname",)  # no other knows a service by the second
        mend = ", ".join(f"{column} = '{expected.registry}'" for column in columns) + f" WHERE hostname = '{first.hostname}'"
        return Failed(f"Portus knows the registry as {', '.join(sorted(names))}; {asked}", sql(snapshot, statement.format(mend)))
    if not first.use_ssl:
        return Failed("Portus speaks to the registry without TLS (use_ssl is off)", sql(snapshot, statement.format("use_ssl = 1")))
    return Ok(f"{expected.registry}, with SSL")


def events(snapshot: Snapshot) -> Verdict:
    """No event waits for a worker that has started."""
    found, worker = snapshot.database, snapshot.pod(WORKER)
    works = snapshot.now - worker.ready_since if worker else 0.0
    if isinstance(found, Database) and found.fresh.count and works <= FRESH_SECONDS:
        return Ok(f"{found.fresh.count} wait, and the worker works since {works:.0f} s")
    return _backlog(
        snapshot,
        "fresh",
        FRESH_SECONDS,
        "{} events wait for the worker, the oldest for {:.0f} s",
        kubectl(snapshot, "logs deployment/portus-worker") + "; then " + kubectl(snapshot, "rollout restart deployment/portus-worker"),
    )


def stuck_events(snapshot: Snapshot) -> Verdict:
    """No event has ended the worker."""
    show = sql(snapshot, "SELECT id, data FROM registry_events WHERE status = 1")
    delete = sql(snapshot, "DELETE FROM registry_events WHERE status = 1")
    logs = kubectl(snapshot, "logs deployment/portus-worker --previous")
    return _backlog(
        snapshot,
        "stuck",
        STUCK_SECONDS,
        "the worker began {} events and never ended them, the oldest {:.0f} s ago",
        f"the worker died or was ended in the middle: {logs} tells why (memory, the database, a manifest list, an OCI manifest). "
        f"Which images: {show}; push them again, in Docker's own format; then {delete}",
    )


def _backlog(snapshot: Snapshot, kind: str, seconds: float, words: str, fix: str) -> Verdict:
    database = snapshot.database
    if not snapshot.expected.is_puma:
        return Skipped("before 2.3 the web server handles events inside the request")
    if not isinstance(database, Database):
        return NotChecked(database.reason)
    backlog: Backlog = getattr(database, kind)
    if backlog.count and backlog.oldest > seconds:
        return Failed(words.format(backlog.count, backlog.oldest), fix)
    return Ok("none" if not backlog.count else f"{backlog.count}, the oldest for {backlog.oldest:.0f} s")
