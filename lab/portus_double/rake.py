"""The rake tasks a deployment calls, with the genuine ones' words and exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

import pymysql

from . import log, registries, schema, users
from .core import Core
from .errors import InvalidRecordError

_CALL: Final = re.compile(r"([\w:]+)(?:\[(.*)\])?", re.DOTALL)
_REFUSED: Final = 255
_TRUTHS: Final = frozenset({"true", "t", "1", "on", "yes", "y"})


class TaskError(Exception):
    """The task ends with an exit code of its own."""

    def __init__(self, words: str, code: int = _REFUSED) -> None:
        super().__init__(words)
        self.code = code


def run(core: Core, call: str) -> int:
    """Run ``name[argument,argument]``; return the exit code."""
    match = _CALL.fullmatch(call.strip())
    task = TASKS.get(match.group(1)) if match else None
    if match is None or task is None:
        log.say(f"rake aborted!\nDon't know how to build task '{call.partition('[')[0]}'")
        return 1
    arguments = [part.strip() for part in match.group(2).split(",")] if match.group(2) is not None else []
    try:
        task(core, arguments)
    except TaskError as error:
        log.say(str(error))
        return error.code
    except InvalidRecordError as error:
        reasons = ", ".join(f"{name.capitalize()} {text}" for name, texts in error.messages.items() for text in texts)
        log.say(f"rake aborted!\nActiveRecord::RecordInvalid: Validation failed: {reasons}")
        return 1
    except pymysql.MySQLError as error:
        words = error.args[-1] if error.args else ""
        log.say(f"rake aborted!\nActiveRecord::StatementInvalid: Mysql2::Error: {words}\nMysql2::Error: {words}")
        return 1
    return 0


def _check(arguments: list[str], required: int, optional: int = 0) -> None:
    if len(arguments) not in {required, required + optional}:
        raise TaskError(f"There are {required} required arguments")
    if not all(arguments):
        raise TaskError("You have to provide a value for every argument")


def _create_registry(core: Core, arguments: list[str]) -> None:
    _check(arguments, 3, 1)
    if core.registry() is not None:
        raise TaskError("There is already a registry configured!")
    name, hostname, use_ssl, *external = arguments
    values = {"name": name, "hostname": hostname, "use_ssl": use_ssl.lower() in _TRUTHS, "external_hostname": next(iter(external), None)}
    if message := core.client(values).problem():
        raise TaskError(f"\nRegistry not reachable:\n{name} {hostname}\n{message}\n")
    registries.insert(core, values)


def _create_user(core: Core, arguments: list[str]) -> None:
    _check(arguments, 4)
    if core.registry() is None:
        raise TaskError(
            "ERROR: There is no registry on the DB! You can either call the portus:create_registry\n"
            "task, or log in as an administrator into Portus and fill in the form that\nwill be presented to you."
        )
    username, email, password, admin = arguments
    user = users.create(
        core.db, {"username": username, "email": email, "password": password, "admin": int(admin.lower() not in {"false", "f", "0", "off"})}
    )
    namespace = core.db.one("SELECT name FROM namespaces WHERE id = %s", user["namespace_id"])
    if namespace != username:
        log.say(
            "NOTE: the user you just created contained characters that are not accepted for\nnaming namespaces. "
            f"Because of this, you've got the following:\n  * User name: '{username}'\n  * Personal namespace: '{namespace}'"
        )


def _make_admin(core: Core, arguments: list[str]) -> None:
    names = json.dumps([row["username"] for row in core.db.rows("SELECT username FROM users ORDER BY id")])
    if not arguments or not arguments[0]:
        raise TaskError(f"Specify a username, as in\n rake portus:make_admin[username]\nvalid usernames are\n{names}")
    user = users.by_name(core.db, arguments[0])
    if user is None:
        raise TaskError(f"{arguments[0]} not found in database\nvalid usernames are\n{names}", _REFUSED - 1)
    core.db.update("users", user["id"], admin=1)


def _migrate(core: Core, _arguments: list[str]) -> None:
    for version in schema.migrate(core.db, core.release):
        log.say(f"== {version}: migrated")


def _migrate_status(core: Core, _arguments: list[str]) -> None:
    down = set(schema.pending(core.db, core.release.version))
    for version in schema.migrations(core.release.version):
        log.say(f"{'down' if version in down else ' up '}    {version}")


def _create_database(core: Core, _arguments: list[str]) -> None:
    if schema.create_database(core.db):
        log.say(f"Created database '{core.db.address.name}'")


def _seed(core: Core, _arguments: list[str]) -> None:
    if core.db.row("SELECT id FROM users LIMIT 1"):
        raise TaskError("The DB is not empty! Only seed for kick-starting your DB")
    log.say('Adding the "portus" user')
    password = core.secrets.portus_password
    users.create(core.db, {"username": "portus", "email": "portus@portus.com", "password": password, "admin": 1}, hidden=True)


def _setup(core: Core, arguments: list[str]) -> None:
    """``db:setup``: make database, tables and the hidden user; refused on a database that has been set up before."""
    _create_database(core, arguments)
    if core.db.row("SHOW TABLES LIKE 'schema_migrations'"):
        raise TaskError(
            "rake aborted!\nActiveRecord::ProtectedEnvironmentError: You are attempting to run a destructive action against your "
            "'production' database.",
            1,
        )
    schema.load(core.db, core.release)
    _seed(core, arguments)


def _configure(core: Core, arguments: list[str]) -> None:
    """``portus:db:configure``: as ``db:setup`` on an empty database, else migrate."""
    if schema.create_database(core.db):
        log.say("Database is missing! Creating...")
        log.say(f"Created database '{core.db.address.name}'")
    if len(core.db.rows("SHOW TABLES")) > 1:
        log.say("Performing pending migrations...")
        _migrate(core, arguments)
        return
    log.say("Configuring database...")
    schema.load(core.db, core.release)
    _seed(core, arguments)


TASKS: Final[dict[str, Callable[[Core, list[str]], None]]] = {
    "portus:create_registry": _create_registry,
    "portus:create_user": _create_user,
    "portus:make_admin": _make_admin,
    "portus:db:configure": _configure,
    "db:create": _create_database,
    "db:migrate": _migrate,
    "db:migrate:status": _migrate_status,
    "db:seed": _seed,
    "db:setup": _setup,
}
