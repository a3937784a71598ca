"""``reset-password``, from the command line to the database."""

from __future__ import annotations

import sys

import click

from ops.console import errors
from ops.doctor.access import Access
from ops.doctor.expected import expected_of
from ops.errors import LabError
from ops.pulumi.stack import Stack
from ops.users.password import change, find, generated, has_ldap, require_good

FIRST_WITH_FALLBACK = (2, 5)
"""From here on Portus takes the password of its database where the directory refuses (lib/portus/ldap/connection.rb)."""


def reset_password(stack: Stack, name: str, *, generate: bool) -> None:
    """Set the password of the user ``name``; print it only where it was generated, and then nothing else on standard output.

    Raises:
        LabError: the stack or its database cannot be reached, or ``name`` or the password is refused; then nothing was changed.
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
        LabError: it is refused.
    """
    if sys.stdin.isatty():
        password = str(click.prompt(f"New password of {user}", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise LabError("standard input must have the password as its first line.", "pipe it in, or use --generate.")
    require_good(password)
    return password
