"""The servers outside the stack that Portus' settings turn on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ops.doctor.facts import Contact
from ops.doctor.services import LDAP, MAIL, OAUTH
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Judge, Ok, Skipped, Verdict
from ops.kube.http import NotChecked

AUTHORITY: Final = "put its CA into tls.extraCaCertificates of the stack file, and name the server as its certificate does"
REMEDIES: Final[Mapping[str, Mapping[str, str]]] = {
    LDAP: {
        "connect": "ldap.hostname and ldap.port below portus.config of the stack file; the directory's firewall; network.destinations.ldap",
        "tls": f"ldap.encryption below portus.config of the stack file (method, options.ca_file); {AUTHORITY}",
        "login": "set ldap.authentication (bind_dn, password) below portus.config of the stack file to what the directory accepts",
        "answer": "ldap.base below portus.config of the stack file, and the account's right to search there",
    },
    MAIL: {
        "connect": "smtp.address and smtp.port below portus.config.email of the stack file; its firewall; network.destinations.smtp",
        "tls": "smtp.ssl_tls, smtp.enable_starttls_auto, smtp.ca_file below portus.config.email of the stack file; " + AUTHORITY,
        "login": "set smtp.user_name, smtp.password and smtp.authentication below portus.config.email to what the mail server accepts",
        "answer": "smtp.port and smtp.ssl_tls below portus.config.email of the stack file: 465 needs ssl_tls, 587 must not have it",
    },
    OAUTH: {
        "connect": "the address below portus.config.oauth of the stack file; the firewall to it; network.destinations.oauth; network.proxy",
        "tls": AUTHORITY,
        "login": "the proxy's account in network.proxy of the stack file",
        "answer": "the address below portus.config.oauth of the stack file must be the provider's own, to the letter; ask its operator",
    },
}
"""The setting to look at, by the step where it ended."""

STEPS: Final = {"connect": "does not reach it", "tls": "TLS fails", "login": "the login fails", "answer": "no good answer"}


def service(kind: str) -> Judge:
    """Return the judge of the servers of one kind: each answers Portus' Pod as Portus needs it."""

    def judge(snapshot: Snapshot) -> Verdict:
        results = snapshot.services.get(kind, ())
        if not results:
            return Skipped("the settings do not turn it on")
        contacts = [each for each in results if isinstance(each, Contact)]
        wrong = [each for each in contacts if each.problem]
        if wrong:
            seen = "\n".join(f"{each.server}: {STEPS[each.step]}: {each.problem}" for each in wrong)
            return Failed(seen, f"{'; '.join(dict.fromkeys(REMEDIES[kind][each.step] for each in wrong))}; then pulumi up")
        if len(contacts) < len(results):
            return next(each for each in results if isinstance(each, NotChecked))
        return Ok("; ".join(f"{each.server}: {each.seen}" for each in contacts))

    return judge
