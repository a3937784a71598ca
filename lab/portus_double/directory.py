"""Logging in against an LDAP directory, as lib/portus/ldap of each release does it with net-ldap."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final, Literal

import ldap3
from ldap3.utils.conv import escape_filter_chars

from . import log, ruby, users
from .config import Settings
from .core import Core
from .database import Row, now
from .errors import ApplicationError, RefusalError
from .net_ldap import RESULTS, Encryption, NetLdapError, connected
from .release import Release

EARLY_REFUSAL: Final = "Invalid Username or password."
"""Devise's words for ``ldap_bind_failed``; from 2.3 on, the directory's are given on."""
BASE: Final = "dc=com"
"""Where net-ldap searches if Portus names no base."""
SUCCESS: Final = (0, 3, 4)
"""Results of a search whose entries count: all, or as many as a limit lets pass."""
Method = Literal["simple_tls", "start_tls"]


@dataclass(frozen=True)
class _Bound:
    """What came of finding a user and binding as the user.

    Args:
        entry: the first that was found, and whose password is right; None for none.
        code: of the last operation.
        is_admin: the entry is below ``ldap.admin_base``.
    """

    entry: Any
    code: int = 0
    is_admin: bool = False


def login(core: Core, name: str, password: str, account: str | None) -> Row | None:
    """Return the user whom the directory lets in, made where Portus does not know it; None where the password in the database counts.

    For a Portus with ``ldap.enabled``: `login` does not load this module for another one.

    Args:
        account: the request's parameter, by which Portus' own user passes the directory by.

    Raises:
        RefusalError: no other source is asked then.
        ApplicationError: the filter cannot be joined to the user's name, or an error that the release does not rescue.
    """
    user = users.by_name(core.db, name)
    if account == users.HIDDEN_USER or (user is not None and user.get("bot")):
        return None
    try:
        bound = _bind_admin_or_user(core, name, password)
    except NetLdapError as error:
        if core.release.early_ldap:
            raise ApplicationError("Net::LDAP::Error", str(error)) from error
        raise _refusal(str(error)) from error
    if bound.entry is not None:
        return user or _make(core, name, bound)
    if core.release.local_accounts_under_ldap and user is not None:
        return None
    if core.release.early_ldap:
        raise RefusalError(EARLY_REFUSAL)
    raise _refusal(f"{RESULTS.get(bound.code, 'Other')} (code {bound.code})" if bound.code else f"Could not find user '{name}'")


def encryption(release: Release, settings: Settings) -> Encryption | None:
    """Return how a connection is encrypted, None for not at all; whatever is not a known method is none.

    ``options`` count together only, and only with ``ca_file``; before 2.3 there are none, and no server is verified.
    """
    known: dict[str, Method] = {"simple_tls": "simple_tls", "starttls": "start_tls"}
    if release.early_ldap:
        early = known.get(str(settings.value("ldap.method")))
        return Encryption(early, verifies=False) if early else None
    method = (known | {"start_tls": "start_tls"}).get(str(settings.value("ldap.encryption.method")))
    if method is None:
        return None
    ca_file, version = (str(settings.value(f"ldap.encryption.options.{name}") or "").strip() for name in ("ca_file", "ssl_version"))
    return Encryption(method, ca_file=ca_file, ssl_version=version) if ca_file else Encryption(method)


def _refusal(words: str) -> RefusalError:
    log.say(f"{words}.", tag="ldap", level="error")
    return RefusalError(words)


def _filter(core: Core, name: str) -> str:
    given = str(core.settings.value("ldap.filter") or "")
    if not given.isascii() and not ruby.reads_utf8(os.environ):
        raise ApplicationError("Encoding::CompatibilityError", "incompatible encoding regexp match (UTF-8 regexp with US-ASCII string)")
    own = f"({core.settings.value('ldap.uid')}={escape_filter_chars(name)})"
    return f"(&{own}{given if given.startswith('(') else f'({given})'})" if given else own


def _bind_admin_or_user(core: Core, name: str, password: str) -> _Bound:
    search_filter = _filter(core, name)
    if core.release.admin_base and (base := str(core.settings.value("ldap.admin_base") or "")):
        bound = _bind_as(core, base, search_filter, password)
        if bound.entry is not None:
            return _Bound(bound.entry, is_admin=True)
    return _bind_as(core, str(core.settings.value("ldap.base") or BASE), search_filter, password)


def _bind_as(core: Core, base: str, search_filter: str, password: str) -> _Bound:
    """Do as Net::LDAP#bind_as: search, anonymously where the account is refused, and bind as the first that is found."""
    settings = core.settings
    account = {}
    if settings.enabled("ldap.authentication"):
        user, secret = (str(settings.value(f"ldap.authentication.{key}")) for key in ("bind_dn", "password"))
        account = {"user": user, "password": secret} if secret else {}
    host, port = str(settings.value("ldap.hostname")), settings.number("ldap.port")
    with connected(host, port, encryption(core.release, settings), **account) as connection:
        connection.bind(read_server_info=False)
        connection.search(base, search_filter, attributes=ldap3.ALL_ATTRIBUTES)
        code = int(connection.result["result"])
        entries = [entry for entry in connection.response or () if entry["type"] == "searchResEntry"]
        if code not in SUCCESS or not entries:
            return _Bound(None, code)
        is_right = connection.rebind(user=entries[0]["dn"], password=password, read_server_info=False)
        return _Bound(entries[0] if is_right else None, int(connection.result["result"]))


def _make(core: Core, name: str, bound: _Bound) -> Row:
    """Make the user; the first of all becomes an administrator, and so does a user below ``ldap.admin_base``."""
    moment = now()
    admin = bound.is_admin or not users.any_but_hidden(core.db)
    email = _email(core.settings, name, bound.entry)
    if email is not None and core.db.row("SELECT id FROM users WHERE email = %s", email):
        email = None
    values = {"username": name, "email": email, "encrypted_password": "", "admin": int(admin)}
    user_id = core.db.insert("users", **values, created_at=moment, updated_at=moment)
    users.make_personal_namespace(core.db, users.by_id(core.db, user_id))
    return users.by_id(core.db, user_id)


def _email(settings: Settings, name: str, entry: Any) -> str | None:
    if not settings.enabled("ldap.guess_email"):
        return None
    if attribute := str(settings.value("ldap.guess_email.attr") or ""):
        values = entry["attributes"].get(attribute) or ()
        return str(values if isinstance(values, str) else values[0]) if values else None
    domain = ".".join(part.split("=", 1)[1] for part in entry["dn"].split(",") if part.startswith("dc="))
    return f"{name}@{domain}" if domain else None
