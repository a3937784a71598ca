"""The registry's record: its checks, and the namespaces that come with it."""

from __future__ import annotations

from typing import Any

from . import log, users
from .core import Core
from .database import Row, now
from .errors import InvalidRecordError, RecordNotFoundError
from .policy import Role, Visibility

Messages = dict[str, list[str]]


def problems(core: Core, values: dict[str, Any], registry_id: int = 0) -> Messages:
    """Return what is wrong with a record, its reachability apart."""
    found: Messages = {}
    for field in ("name", "hostname"):
        if not str(values.get(field) or "").strip():
            found[field] = ["can't be blank"]
        elif core.db.row(f"SELECT id FROM registries WHERE `{field}` = %s AND id <> %s", values[field], registry_id):  # noqa: S608
            found[field] = ["has already been taken"]
    if values.get("use_ssl") is None:
        found["use_ssl"] = ["is not included in the list"]
    return found


def validate(core: Core, values: dict[str, Any], only: list[str] | None) -> tuple[bool, Messages]:
    """Check a record without keeping it.

    Args:
        only: the fields to look at; without ``hostname`` in it, the registry is not asked.

    Raises:
        ApplicationError: the hostname makes no address.
    """
    errors = problems(core, values)
    valid = not errors
    asked = only is None or "hostname" in only
    if asked and (message := core.client({"hostname": None, "use_ssl": None, **values}).problem()):
        errors.setdefault("hostname", []).append(message)
        valid = False
    if only is None:
        return valid, errors
    return not any(errors.get(field) for field in only), {field: messages for field, messages in errors.items() if field in only}


def create(core: Core, values: dict[str, Any]) -> Row:
    """Make the record, the global namespace and everybody's personal one.

    Raises:
        InvalidRecordError: with the reasons by field; an unreachable registry is one.
        ApplicationError: the hostname makes no address.
    """
    errors = problems(core, values)
    if not errors and core.registry() is not None:
        errors = {"uniqueness": ["You can only create one registry"]}
    if not errors:
        errors = _unreachable(core, values)
    if errors:
        raise InvalidRecordError(errors)
    return insert(core, values)


def insert(core: Core, values: dict[str, Any]) -> Row:
    """Make the record without a question to the registry."""
    moment = now()
    columns = {name: values.get(name) for name in ("name", "hostname", "external_hostname", "use_ssl")}
    registry_id = core.db.insert("registries", **columns, created_at=moment, updated_at=moment)
    team_id = core.db.insert("teams", name="portus_global_team_1", hidden=1, created_at=moment, updated_at=moment)
    for admin in core.db.rows("SELECT id FROM users WHERE admin = 1 ORDER BY id"):
        core.db.insert("team_users", user_id=admin["id"], team_id=team_id, role=Role.OWNER.value, created_at=moment, updated_at=moment)
    core.db.insert(
        "namespaces",
        name="portus_global_namespace_1",
        team_id=team_id,
        registry_id=registry_id,
        visibility=Visibility.PUBLIC.value,
        description="The global namespace for the registry Registry.",
        created_at=moment,
        updated_at=moment,
        **{"global": 1},
    )
    for user in core.db.rows("SELECT * FROM users ORDER BY id"):
        users.make_personal_namespace(core.db, user)
    return by_id(core, registry_id)


def change(core: Core, registry_id: int, values: dict[str, Any]) -> Row:
    """Change the record; it must be reachable as changed, and keeps its hostname once a repository exists.

    Raises:
        RecordNotFoundError: no such record.
        InvalidRecordError: with the reasons by field.
    """
    record = {**by_id(core, registry_id), **values}
    errors = problems(core, record, registry_id)
    if not errors and values.get("hostname") and core.db.row("SELECT id FROM repositories LIMIT 1"):
        errors = {"hostname": ["Registry is not empty, cannot change hostname"]}
    if not errors:
        errors = _unreachable(core, record)
    if errors:
        raise InvalidRecordError(errors)
    if values:
        core.db.update("registries", registry_id, **values, updated_at=now())
    return by_id(core, registry_id)


def by_id(core: Core, registry_id: int) -> Row:
    """Return a record.

    Raises:
        RecordNotFoundError: there is none.
    """
    found = core.db.row("SELECT * FROM registries WHERE id = %s", registry_id)
    if found is None:
        raise RecordNotFoundError
    return found


def _unreachable(core: Core, record: dict[str, Any]) -> Messages:
    message = core.client(record).problem()
    if not message:
        return {}
    log.say(f"Registry not reachable:\n{record['name']} {record['hostname']}\n{message}")
    return {"hostname": [message]}
