"""Every check, in the order in which one depends on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components.common.names import CACHE, DATABASE_SERVER, EDGE, REGISTRY, WEB, WORKER
from ops.doctor.checks import certificates, cluster, database, events, outside, servers, services, tokens
from ops.doctor.services import LDAP, MAIL, OAUTH
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Judge, NotChecked, Verdict

PAGES: Final = "docs/operate"
"""Folder of the pages for the person on call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that the doctor checks.

    Args:
        says: what is so when it passes.
        why: what does not work when it fails.
        page: the page and section that explain it, from the repository's root.
        after: the checks that must pass first: without them it says nothing.
    """

    name: str
    says: str
    why: str
    judge: Judge
    page: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The result of a check; ``blocked_by`` names the failed checks because of which it was not made."""

    check: Check
    verdict: Verdict
    blocked_by: tuple[str, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Whether this check itself failed."""
        return not self.blocked_by and isinstance(self.verdict, Failed)

    @property
    def was_checked(self) -> bool:
        """Whether it could be made."""
        return not self.blocked_by and not isinstance(self.verdict, NotChecked)


def _check(name: str, says: str, judge: Judge, why: str, page: str, *after: str) -> Check:
    return Check(name=name, says=says, why=why, judge=judge, page=f"{PAGES}/{page}", after=after)


CHECKS: Final[Sequence[Check]] = (
    _check("cluster", "the cluster answers, the namespace is there", cluster.cluster, "nothing runs",
          "down.md#the-cluster-does-not-answer"),
    _check("objects", "every object of the stack exists", cluster.objects, "what it does is missing",
          "doctor.md#deploy-again", "cluster"),
    _check("network-policies", "the NetworkPolicies are there", cluster.network_policies, "Pods reach too much, or too little",
          "doctor.md#deploy-again", "objects"),
    _check("claims", "every claim is bound", cluster.claims, "Pods that mount it wait",
          "disk.md#a-claim-is-not-bound", "objects"),
    _check("database-pods", "MariaDB runs", cluster.pods(DATABASE_SERVER), "Portus does not work",
          "database.md#the-database-is-down", "claims"),
    _check("web-pods", "Portus runs", cluster.pods(WEB), "no user can log in, push or pull",
          "down.md#a-pod-does-not-start", "database-pods"),
    _check("cache-pods", "the registry's Redis runs", cluster.pods(CACHE), "the registry is slow",
          "down.md#a-pod-does-not-start", "claims"),
    _check("registry-pods", "the registry runs", cluster.pods(REGISTRY), "no user can push or pull",
          "down.md#a-pod-does-not-start", "claims"),
    _check("edge-pods", "the front proxy runs", cluster.pods(EDGE), "no client outside reaches Portus or the registry",
          "down.md#a-pod-does-not-start", "objects"),
    _check("room", "every claim has room", cluster.room, "writes fail: pushes, logins",
          "disk.md#a-disk-is-full", "database-pods", "registry-pods"),
    _check("database-in-portus", "Portus reaches the database", servers.database_from_portus, "every answer of Portus is an error",
          "database.md#the-database-is-down", "database-pods", "web-pods", "network-policies"),
    _check("database", "the database accepts Portus' account", database.database, "every answer of Portus is an error",
          "database.md#the-database-refuses-portus", "database-in-portus"),
    _check("charset", "its character set suits Portus", database.charset, "a name can end the worker (SUSE/Portus#1688)",
          "database.md#the-character-set-does-not-suit-portus", "database"),
    _check("schema", "its schema is the image's", database.schema, "Portus creates it again at its next start, or fails",
          "database.md#the-schema-is-not-the-images", "database"),
    _check("worker-pods", "the worker runs", cluster.pods(WORKER), "pushes do not show in Portus",
          "pushes.md#the-worker-does-not-run",
          "charset", "schema", "registry-pods"),  # it ends by itself if the database refuses it or does not suit it
    _check("web", "Portus answers", tokens.web, "no user can log in",
          "logins.md#every-login-fails", "web-pods"),
    _check("registry", "the registry answers", servers.answers(REGISTRY), "no user can push or pull",
          "registry.md#the-registry-answers-with-errors", "registry-pods"),
    _check("edge", "the front proxy answers", servers.answers(EDGE), "no client outside reaches Portus or the registry",
          "down.md#clients-get-503", "edge-pods"),
    _check("first-set-up", "the stack's Jobs succeeded", cluster.first_set_up, "administrator or record are missing",
          "down.md#a-job-failed", "web", "registry"),
    _check("certificate", "the certificate is valid, for the names, and of its key", certificates.certificate, "clients refuse it",
          "certificate.md#the-certificate-ends", "web-pods", "registry-pods", "edge-pods"),
    _check("presented", "the servers present it", certificates.presented, "a renewed one is not served",
          "certificate.md#a-renewed-certificate-is-not-served", "certificate", "web", "registry", "edge"),
    _check("names-in-portus", "Portus reaches the public names", servers.reached_from(WEB), "no synchronization, no record",
          "down.md#a-pod-does-not-reach-a-name", "web", "registry-pods", "edge-pods"),
    _check("trust-in-portus", "Portus trusts the registry", certificates.trust(WEB, REGISTRY), "no synchronization, no record",
          "certificate.md#a-server-is-not-trusted", "presented"),
    _check("trust-in-edge", "the front proxy trusts both", certificates.trust(EDGE, WEB, REGISTRY), "clients get 503",
          "certificate.md#a-server-is-not-trusted", "presented"),
    _check("edge-servers", "the front proxy reaches both", servers.through_edge, "clients get 503",
          "down.md#clients-get-503", "trust-in-edge"),
    _check("ldap", "the directory accepts Portus", services.service(LDAP), "no user of the directory can log in",
          "logins.md#ldap-logins-fail", "web-pods", "network-policies"),
    _check("mail", "the mail server accepts Portus", services.service(MAIL), "no mail leaves: no reset of a password",
          "logins.md#mail-does-not-arrive", "web-pods", "network-policies"),
    _check("oauth", "the sites of OAuth answer Portus", services.service(OAUTH), "no user can log in through them",
          "logins.md#oauth-logins-fail", "web-pods", "network-policies"),
    _check("record", "Portus knows the registry by its name", database.record, "logins work, pushes are denied",
          "logins.md#login-works-push-is-denied", "schema"),
    _check("health", "Portus finds database and registry", tokens.health, "no synchronization, no scans",
          "down.md#portus-reports-a-fault", "record", "names-in-portus", "trust-in-portus", "web", "ldap"),
    _check("challenge", "the registry sends clients to Portus", tokens.challenge, "clients ask the wrong server for tokens",
          "logins.md#tokens-are-refused", "presented"),
    _check("token", "Portus issues tokens", tokens.token, "no user can log in",
          "logins.md#tokens-are-refused", "schema", "web"),
    _check("issuer", "issuer and audience are the registry's", tokens.issuer, "every token is refused",
          "logins.md#tokens-are-refused", "token", "registry-pods"),
    _check("signing-key", "the registry trusts the tokens' key", tokens.signing_key, "every token is refused",
          "logins.md#tokens-are-refused", "token", "registry-pods"),
    _check("clock", "the clocks agree", tokens.clock, "tokens are refused as not yet valid, or as expired",
          "logins.md#tokens-are-refused", "token", "challenge"),
    _check("portus-login", "Portus' own user may log in", tokens.portus_login, "the first synchronization ends the worker",
          "logins.md#tokens-are-refused", "record", "token"),
    _check("catalog", "the registry accepts tokens", tokens.catalog, "no user can push or pull",
          "logins.md#tokens-are-refused", "challenge", "issuer", "signing-key", "clock", "portus-login"),
    _check("notifications", "the registry notifies Portus", events.endpoint, "pushes do not show in Portus",
          "pushes.md#notifications-wait", "registry-pods"),
    _check("names-in-registry", "the registry reaches Portus", servers.reached_from(REGISTRY), "pushes do not show in Portus",
          "down.md#a-pod-does-not-reach-a-name", "notifications", "web"),
    _check("trust-in-registry", "the registry trusts Portus", certificates.trust(REGISTRY, WEB), "pushes do not show in Portus",
          "certificate.md#a-server-is-not-trusted", "notifications", "presented"),
    _check("events-taken", "Portus accepts notifications", events.taken, "pushes do not show in Portus",
          "pushes.md#notifications-wait", "schema", "web"),
    _check("delivery", "no notification waits", events.delivered, "pushes do not show in Portus",
          "pushes.md#notifications-wait", "names-in-registry", "trust-in-registry", "events-taken"),
    _check("events", "no event waits for the worker", database.events, "pushes do not show in Portus",
          "pushes.md#events-wait-for-the-worker", "schema", "worker-pods"),
    _check("stuck-events", "the worker finished all events", database.stuck_events, "those pushes never show in Portus",
          "pushes.md#the-worker-restarts", "schema"),
    _check("public-names", "the public names have an address here", servers.public_names, "clients find no server",
          "down.md#the-public-name-does-not-answer"),
    _check("public-portus", "Portus answers outside", outside.public_portus, "no user can log in",
          "down.md#the-public-name-does-not-answer", "public-names", "edge-servers", "token"),
    _check("public-registry", "the registry answers outside", outside.public_registry, "no user can push or pull",
          "down.md#the-public-name-does-not-answer", "public-portus", "challenge"),
    _check("events-closed", "events from outside are refused", outside.events_closed, "any client may invent pushes",
          "down.md#events-are-accepted-from-outside", "public-portus"),
    _check("drift", "the cluster is as the stack file says", outside.drift, "a deployment with a refresh undoes what was done by hand",
          "doctor.md#deploy-again", "objects"),
    _check("round-trip", "a push is recorded", outside.round_trip, "pushes do not show in Portus",
          "pushes.md#a-push-does-not-show", "public-registry", "catalog", "delivery", "events", "room", "ldap"),
)  # fmt: skip


def examine(snapshot: Snapshot, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Make every check, in order; those that depend on a failed one are left out."""
    findings: dict[str, Finding] = {}
    for check in checks:
        blocked = tuple(dict.fromkeys(cause for name in check.after for cause in _causes(findings[name])))
        verdict = NotChecked("not checked") if blocked else check.judge(snapshot)
        findings[check.name] = Finding(check=check, verdict=verdict, blocked_by=blocked)
    return list(findings.values())


def _causes(finding: Finding) -> tuple[str, ...]:
    """Return the checks to blame where ``finding`` is not ok."""
    if finding.blocked_by:
        return finding.blocked_by
    return () if finding.was_checked and not finding.has_failed else (finding.check.name,)


def by_name(findings: Sequence[Finding]) -> Mapping[str, Finding]:
    """Return findings by their checks' names."""
    return {finding.check.name: finding for finding in findings}
