"""The login of a check, and whether Portus accepts it. Ten wrong logins lock a user for 10 minutes, so there is one try."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx

from ops import paths
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.kube.http import NoAnswer, trusting

USER: Final = "CHECK_USER"
PASSWORD_FILE: Final = "CHECK_PASSWORD_FILE"  # noqa: S105 - a variable's name
SECONDS: Final = 30.0
"""How long Portus may take for a token."""


class NobodyError(OpsError):
    """There is no user for the check. This says nothing about the stack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A user of Portus; ``is_given`` if the environment names it and not the stack."""

    user: str
    password: str = field(repr=False)
    is_given: bool = False


def login_of(deployment: Deployment, environment: Mapping[str, str] = os.environ) -> Login:
    """Return the user of the check: the one that ``environment`` names, else the stack's first administrator.

    Raises:
        NobodyError: the stack makes no administrator, and none is named.
        OpsError: half a login is named, or its file cannot be read.
    """
    user, file = environment.get(USER, ""), environment.get(PASSWORD_FILE, "")
    if bool(user) != bool(file):
        raise OpsError(f"{USER if user else PASSWORD_FILE} is set without {PASSWORD_FILE if user else USER}.", "set both or neither.")
    if user:
        return Login(user=user, password=_password(Path(file)), is_given=True)
    if not deployment.has_administrator:
        raise NobodyError(
            "the check has no user: portus.bootstrap.enabled is false, so the stack creates no administrator.",
            _another_user(deployment, "check as a user of yours"),
        )
    return Login(user=str(deployment.outputs["administrator"]), password=deployment.administrator_password)


REFUSED: Final = frozenset({"Invalid Username or password.", "You have one more attempt before your account is locked."})
"""What Portus itself says to a wrong password (Devise's en.yml); its other words are of the account, or of the directory."""
OF_THE_ACCOUNT: Final = frozenset({"Your account is locked.", "Sorry, this account has been disabled."})
UNKNOWN: Final = ("Could not find user", "Invalid Credentials")
"""How a directory's refusal begins that was asked (lib/portus/ldap/errors.rb)."""
CODE: Final = re.compile(r"\(code \d+\)$")
"""How its other refusals end: ``No Such Object (code 32)``."""
UNTRUSTED: Final = ("certificate verify failed", "does not match the server certificate")
"""What Ruby says of a server's certificate."""


def require_login(deployment: Deployment, login: Login, transport: httpx.BaseTransport | None = None) -> None:
    """Ask Portus for one token; any answer but a refusal of the login is left to the push, which says more.

    Raises:
        NobodyError: Portus refuses the login.
    """
    trust = trusting(str(deployment.outputs["ca_certificate"]), system=True)
    if isinstance(trust, NoAnswer):
        return
    asked = {"service": deployment.registry, "account": login.user}
    try:
        with httpx.Client(transport=transport or httpx.HTTPTransport(verify=trust, retries=2), timeout=SECONDS) as http:
            answer = http.get(f"{deployment.portus_url}/v2/token", params=asked, auth=(login.user, login.password))
    except httpx.TransportError:
        return
    if answer.status_code != HTTPStatus.UNAUTHORIZED:
        return
    if login.is_given:
        problem = f"Portus refuses the user '{login.user}' with the password in the file that {PASSWORD_FILE} names."
        raise NobodyError(problem, _by_the_directory(answer) or "correct the password; ten wrong ones lock the user for 10 minutes.")
    if fix := _by_the_directory(answer):
        raise NobodyError(f"Portus refuses the login of '{login.user}'.", fix)
    raise NobodyError(
        f"Portus refuses the password of '{login.user}' that the stack knows.",
        _another_user(deployment, "if it was changed on Portus' pages, or the database is another one, check as another user"),
    )


def _by_the_directory(answer: httpx.Response) -> str:
    """Return what an LDAP directory has to do with a refusal; '' where Portus itself judged the password."""
    try:
        error = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return ""
    if error in REFUSED:
        return ""
    if error in OF_THE_ACCOUNT:
        return f"correct what it reports: {error}"
    if any(words in error for words in UNTRUSTED):
        return (
            "correct portus.config.ldap: encryption.options.ca_file must hold the CA of its LDAP directory, whose certificate must name "
            f"ldap.hostname. Portus does not trust the certificate, so no user can log in: {error}"
        )
    if error.startswith(UNKNOWN) or CODE.search(error):
        return (
            f"correct what its LDAP directory reports: {error}. Up to Portus 2.4 the directory must have every account except Portus' own: "
            f"name one that it has, with its password there, by {USER} and {PASSWORD_FILE}."
        )
    return (
        "check ldap.hostname, port and encryption, the directory itself, and the NetworkPolicies: Portus cannot reach its LDAP directory "
        f"(portus.config.ldap), so no user can log in: {' '.join(error.split())}"
    )


def _password(file: Path) -> str:
    try:
        password = file.expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        fix = "write the password into a file that only you can read."
        raise OpsError(f"{PASSWORD_FILE}: {file} cannot be read: {reason}.", fix) from error
    if not password:
        raise OpsError(f"{PASSWORD_FILE}: {file} is empty.", "write the password into it.")
    return password


def _another_user(deployment: Deployment, how: str) -> str:
    """Return the fix with its whole command."""
    where = "" if deployment.kubeconfig == paths.STATE / "kubeconfig" else f" KUBECONFIG={deployment.kubeconfig}"
    return f"{how}: {USER}=name {PASSWORD_FILE}=file make check STACK={deployment.stack}{where}"
