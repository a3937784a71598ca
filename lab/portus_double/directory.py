"""Logging in against an LDAP directory, as lib/portus/ldap of each generation does it with net-ldap."""

from __future__ import annotations

import os
from typing import Any, Final

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPSocketOpenError
from ldap3.utils.conv import escape_filter_chars

from . import log, ruby, users
from .core import Core
from .database import Row, now
from .errors import ApplicationError

_REFUSED: Final = "Connection refused"


class RefusalError(Exception):
    """The directory does not let the user in, or could not be asked; the text is what the client sees."""


def login(core: Core, name: str, password: str, account: str | None) -> Row | None:
    """Return the user whom the directory lets in, made where Portus does not know it; None where the password in the database counts.

    Args:
        account: the request's parameter, by which Portus' own user passes the directory by.

    Raises:
        RefusalError: no other source is asked then.
        ApplicationError: the filter cannot be joined to the user's name.
    """
    settings = core.settings
    user = users.by_name(core.db, name)
    if not settings.enabled("ldap") or account == users.HIDDEN_USER or (user is not None and user.get("bot")):
        return None
    found, let_in = _search_and_bind(core, name, password)
    if not let_in:
        if core.generation.local_accounts_under_ldap and user is not None:
            return None
        raise _said("Invalid Credentials (code 49)" if found else f"Could not find user '{name}'")
    return user or _make(core, name, found)


def _said(words: str) -> RefusalError:
    log.say(f"{words}.", tag="ldap", level="error")
    return RefusalError(words)


def _filter(core: Core, name: str) -> str:
    given = str(core.settings.value("ldap.filter") or "")
    if not given.isascii() and not ruby.reads_utf8(os.environ):
        raise ApplicationError("Encoding::CompatibilityError", "incompatible encoding regexp match (UTF-8 regexp with US-ASCII string)")
    own = f"({core.settings.value('ldap.uid')}={escape_filter_chars(name)})"
    return f"(&{own}{given if given.startswith('(') else f'({given})'})" if given else own


def _search_and_bind(core: Core, name: str, password: str) -> tuple[str, bool]:
    """Return the DN of the first that is found ('' for none), and whether the password is its (Net::LDAP#bind_as)."""
    settings, wanted = core.settings, _filter(core, name)
    host, port = str(settings.value("ldap.hostname")), settings.number("ldap.port")
    account: dict[str, Any] = {}
    if settings.enabled("ldap.authentication"):
        account = {name: str(settings.value(f"ldap.authentication.{key}")) for name, key in (("user", "bind_dn"), ("password", "password"))}
    server = ldap3.Server(host, port=port, connect_timeout=settings.number("ldap.timeout"), get_info=ldap3.NONE)
    try:
        with ldap3.Connection(server, **account) as connection:
            connection.search(str(settings.value("ldap.base") or ""), wanted, attributes=ldap3.NO_ATTRIBUTES)
            found = [entry["dn"] for entry in connection.response or () if entry["type"] == "searchResEntry"]
        if not found:
            return "", False
        return str(found[0]), ldap3.Connection(server, user=found[0], password=password).bind()
    except LDAPSocketOpenError as error:
        if _REFUSED.lower() in str(error).lower():
            raise _said(f"{_REFUSED} - connect(2) for {host}:{port}") from error
        raise _said(f"Unable to connect to any given server: \n  {host}:{port}") from error
    except LDAPException as error:
        raise _said(str(error)) from error


def _make(core: Core, name: str, dn: str) -> Row:
    """Make the user; the first of all becomes an administrator, no later one does."""
    email = None
    if core.settings.enabled("ldap.guess_email") and not core.settings.value("ldap.guess_email.attr"):
        domain = ".".join(part.split("=", 1)[1] for part in dn.split(",") if part.startswith("dc="))
        email = f"{name}@{domain}" if domain else None
    moment = now()
    values = {"username": name, "email": email, "encrypted_password": "", "admin": int(not users.any_but_hidden(core.db))}
    user_id = core.db.insert("users", **values, created_at=moment, updated_at=moment)
    users.make_personal_namespace(core.db, users.by_id(core.db, user_id))
    return users.by_id(core.db, user_id)
