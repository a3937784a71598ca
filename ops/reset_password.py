"""``reset-password``: gives one user a new password, by SQL in Portus' database.

Every Portus from 2.0 to 2.5 keeps passwords as Devise does: bcrypt, cost 10, no pepper (SUSE/Portus, ``config/initializers/devise.rb`` and
``app/models/user.rb``). A hash that is made here is therefore one of its own. The images offer no rake task for it, and
``PUT /api/v1/users`` needs an administrator who can log in.
"""

from __future__ import annotations

import re
import secrets
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import bcrypt
import click
import yaml

from ops.console import errors
from ops.doctor.access import Access
from ops.doctor.expected import expected_of
from ops.errors import OpsError
from ops.kube.sql import Rows
from ops.pulumi.stack import Stack

if TYPE_CHECKING:
    from ops.doctor.facts import Pod


HIDDEN_USER: Final = "portus"
COST: Final = 10
"""Devise's ``stretches``."""
SHORTEST: Final = 8
LONGEST_BYTES: Final = 72
"""Devise takes 8 to 128 characters, and bcrypt reads 72 bytes of them."""
GENERATED: Final = 24
NOT_PRINTED: Final = re.compile(r"[\x00-\x1f\x7f]")
TRUE: Final = frozenset({"true", "1", "yes", "on"})
RESET: Final = {
    "reset_password_token": "NULL",
    "reset_password_sent_at": "NULL",
    "remember_created_at": "NULL",
    "failed_attempts": "0",
    "locked_at": "NULL",
    "updated_at": "UTC_TIMESTAMP()",
}
"""Columns that change with the password: a lock ends, and so do links to reset the old one."""


@dataclass(frozen=True, kw_only=True)
class User:
    """A row of ``users``, without its hash.

    Args:
        ldap: whether a directory authenticates the user.
        locked: whether too many wrong passwords have locked it.
    """

    id: int
    name: str
    enabled: bool
    admin: bool
    bot: bool
    ldap: bool
    locked: bool


def find(rows: Rows, name: str, *, with_ldap: bool, falls_back: bool) -> User:
    """Return the user whose password may be set; names compare without case, as in Portus.

    Args:
        with_ldap: whether Portus asks a directory; without one, also an account that a directory once made may have a password.
        falls_back: whether Portus then takes the password of its database where the directory refuses.

    Raises:
        OpsError: there is no such user, or a password in the database is not what lets it in.
    """
    users = _users(rows)
    match = next((user for user in users if user.name == name), None)
    match = match or next((user for user in users if user.name.casefold() == name.casefold()), None)
    if match is None:
        names = [user.name for user in users if user.name != HIDDEN_USER]
        near = get_close_matches(name, names, 1) or [user.name for user in users if user.admin and user.name in names][:1]
        hint = f"did you mean '{near[0]}'?" if near else "Portus has no user yet: open its page and create the first one."
        raise OpsError(f"--user must be a user of Portus, and '{name}' is none.", hint)
    if match.name == HIDDEN_USER:
        raise OpsError(
            f"--user must not be '{HIDDEN_USER}': this is Portus' own account, and its password is one of the stack.",
            "rotate it with portus:credentials.rotation.portusPassword (docs/operate/credentials.md).",
        )
    if with_ldap and match.ldap:
        raise OpsError(
            f"--user must be a user with a password in Portus, and the LDAP directory has the one of '{match.name}'.",
            "reset it in the directory.",
        )
    if with_ldap and not falls_back and not match.bot:
        raise OpsError(
            f"--user must be a user with a password in Portus: with LDAP, Portus up to 2.4 asks the directory alone for '{match.name}'.",
            "reset the password in the directory, or set portus:portus.config.ldap.enabled to false and deploy.",
        )
    return match


def _users(rows: Rows) -> list[User]:
    columns = _columns(rows)
    fields = ("id", "username", "enabled", "admin", "bot", "ldap_name", "provider", "locked_at")
    listed = ", ".join(name if name in columns else "NULL" for name in fields)
    # Later than 2.2 the directory's accounts may have no ldap_name, and never had a password of their own.
    read = rows(f"SELECT {listed}, encrypted_password = '' FROM users ORDER BY id")  # noqa: S608 - of the constants above
    return [
        User(
            id=int(number),
            name=str(name),
            enabled=enabled is None or bool(enabled),
            admin=bool(admin),
            bot=bool(bot),
            ldap=bool(ldap_name) or (bool(passwordless) and not provider and not bot),
            locked=locked_at is not None,
        )
        for number, name, enabled, admin, bot, ldap_name, provider, locked_at, passwordless in read
    ]


def _columns(rows: Rows) -> set[str]:
    columns = {str(row[0]) for row in rows("SHOW COLUMNS FROM users")}
    if not {"id", "username", "encrypted_password"} <= columns:
        raise OpsError("the database must be one of Portus, and its table users is not.", "look at it with make doctor.")
    return columns


def change(rows: Rows, user: User, password: str) -> None:
    """Set the password of ``user`` and end its lock.

    Raises:
        OpsError: the user is not there any more.
    """
    require_good(password)
    hashed = digest(password)
    columns = _columns(rows)
    pairs = ", ".join(f"{name} = {value}" for name, value in RESET.items() if name in columns)
    rows(f"UPDATE users SET encrypted_password = '{hashed}', {pairs} WHERE id = {user.id}")  # noqa: S608 - a hash and a number
    stored = rows(f"SELECT encrypted_password = '{hashed}' FROM users WHERE id = {user.id}")  # noqa: S608 - likewise
    if [tuple(map(bool, row)) for row in stored] != [(True,)]:
        raise OpsError(f"the user '{user.name}' was deleted meanwhile.", "name another user.")
    rows("COMMIT")


def digest(password: str) -> str:
    """Return the hash as Devise makes it: ``$2a$``, which the bcrypt of every image reads."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST, b"2a")).decode()


def require_good(password: str) -> None:
    """Refuse a password that Portus would refuse, or of which bcrypt would ignore the end.

    Raises:
        OpsError: with the rule; never with the password.
    """
    if NOT_PRINTED.search(password):
        raise OpsError("the password must be one line without control characters.", "choose another, or use --generate.")
    if len(password) < SHORTEST or not password.strip():
        raise OpsError(f"the password must have at least {SHORTEST} characters, not only spaces.", "choose another, or use --generate.")
    if len(password.encode()) > LONGEST_BYTES:
        raise OpsError(f"the password must have at most {LONGEST_BYTES} bytes.", "choose another, or use --generate.")


def generated() -> str:
    """Return a random password of letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(GENERATED))


def has_ldap(web: Pod) -> bool:
    """Return whether Portus asks a directory, as its Pod is configured: by variable, or in config-local.yml."""
    variable = web.setting("PORTUS_LDAP_ENABLED")
    if variable:
        return variable.lower() in TRUE
    for path, text in web.files.items():
        if path.endswith("/config-local.yml"):
            section = _section(text)
            return section.get("enabled") in {True, *TRUE}
    return False


def _section(text: str) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:  # Portus does not start with it
        return {}
    section = document.get("ldap") if isinstance(document, dict) else None
    return section if isinstance(section, dict) else {}


FIRST_WITH_FALLBACK = (2, 5)
"""From here on Portus takes the password of its database where the directory refuses (lib/portus/ldap/connection.rb)."""


def reset_password(stack: Stack, name: str, *, generate: bool) -> None:
    """Set the password of the user ``name``; print it only where it was generated, and then nothing else on standard output.

    Raises:
        OpsError: the stack or its database cannot be reached, or ``name`` or the password is refused; then nothing was changed.
    """
    outputs = stack.outputs()
    access = Access.of(expected_of(stack), stack.kube)
    release = tuple(int(part) for part in access.expected.portus_version.split("."))
    with_ldap = has_ldap(access.web)
    falls_back = release >= FIRST_WITH_FALLBACK
    with access.rows() as rows:
        user = find(rows, name, with_ldap=with_ldap, falls_back=falls_back)
    password = generated() if generate else asked(user.name)
    with access.rows() as rows:  # another connection: a server ends one that waits for a person
        user = find(rows, name, with_ldap=with_ldap, falls_back=falls_back)
        change(rows, user, password)
    say = errors.print
    say(f"the password of '{user.name}' is set" + (", and its lock has ended" if user.locked else ""), markup=False)
    if not user.enabled:
        say("  the account is disabled: an administrator must enable it on Portus' page Admin > Users")
    if with_ldap:
        say("  LDAP is enabled: Portus takes this password beside the one in the directory")
    if user.name == outputs.get("administrator"):
        say(f"  make password STACK={stack.name} prints the old one; docs/operate/passwords.md says how make check logs in now")
    say("  browser sessions of this user end; application tokens stay valid")
    if generate:
        sys.stdout.write(f"{password}\n")


def asked(user: str) -> str:
    """Return the password from the terminal, asked twice and not shown, or the first line of standard input.

    Raises:
        OpsError: it is refused.
    """
    if sys.stdin.isatty():
        password = str(click.prompt(f"New password of {user}", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise OpsError("standard input must have the password as its first line.", "pipe it in, or use --generate.")
    require_good(password)
    return password
