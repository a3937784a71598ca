"""Every way in which a test breaks the healthy stack, and the check that must fail then."""

from __future__ import annotations

import dataclasses
import email.utils
from collections.abc import Callable

from ops.doctor.facts import Claim, Contact, Denied, Pod, Queue, Record, Step, Workload
from ops.doctor.services import LDAP, MAIL, OAUTH
from ops.doctor.snapshot import Snapshot
from ops.kube.http import SECONDS, Answer, NoAnswer, late
from tests.ops.doctor import stage
from tests.ops.doctor.stage import PORTUS, REGISTRY, backlog, certificate, database, healthy


def unready(workload: Workload) -> tuple[Pod, ...]:
    return tuple(dataclasses.replace(pod, ready=False) for pod in workload.pods)


def with_pods(role: str, *problems: str, replicas: int = 1) -> Snapshot:
    found = stage.workloads()
    pods = unready(found[role]) if replicas else ()
    found[role] = dataclasses.replace(found[role], replicas=replicas, pods=pods, problems=problems)
    return healthy(workloads=found)


def with_served(role: str, reply: Answer | NoAnswer) -> Snapshot:
    before = healthy()
    (pod,) = before.served[role]
    return healthy(served={**before.served, role: {pod: reply}})


def with_registry(**token: str) -> Snapshot:
    return healthy(workloads=stage.registry_file("/etc/docker/registry/config.yml", stage.config(**token)))


def with_certificate(*names: str, days: int) -> Snapshot:
    text, key = certificate(*names, days=days)
    found = stage.pod_file("web", "/secrets/portus.crt", text)
    (pod,) = found["web"].pods
    found["web"] = dataclasses.replace(found["web"], pods=(dataclasses.replace(pod, files={**pod.files, "/secrets/portus.key": key}),))
    return healthy(workloads=found)


def with_outside(name: str, reply: Answer | NoAnswer) -> Snapshot:
    return healthy(outside={**healthy().outside, name: reply})


def with_late_clock() -> Snapshot:
    given = healthy().served["registry"]["registry-0"]
    assert isinstance(given, Answer)
    date = email.utils.formatdate(stage.now() - 300, usegmt=True)
    return with_served("registry", dataclasses.replace(given, headers={**given.headers, "date": date}))


def _unchallenged(old: str, new: str) -> Answer:
    given = healthy().served["registry"]["registry-0"]
    assert isinstance(given, Answer)
    return dataclasses.replace(given, headers={**given.headers, "www-authenticate": stage.CHALLENGE.replace(old, new)})


def with_waiting_notifications(**changes: object) -> Snapshot:
    (queue,) = healthy().queues  # type: ignore[misc]
    assert isinstance(queue, Queue)
    return healthy(queues=(dataclasses.replace(queue, **{"pending": 3, "statuses": {"500 Internal Server Error": 7}, **changes}),))  # type: ignore[arg-type]


def with_service(kind: str, step: Step, problem: str) -> Snapshot:
    works = Contact(server="other.example.test", seen="it answers")
    return healthy(services={kind: (works, Contact(server="ldap.example.test:636", step=step, problem=problem))})


DENIED = Denied("Access denied for user 'portus'@'10.0.0.3' (using password: YES)", 1045, has_account=True)
LATE = NoAnswer(late(SECONDS))


def _outside_503() -> dict[str, Answer | NoAnswer]:
    return {**healthy().outside, "portus": Answer(status=503), "token": Answer(status=503)}  # type: ignore[dict-item]


BREAKS: dict[str, tuple[Callable[[], Snapshot], str, str]] = {
    "a cluster that does not answer": (
        lambda: healthy(cluster=NoAnswer("connection refused", fix="start the cluster")),
        "cluster",
        "connection refused",
    ),
    "no namespace": (lambda: healthy(namespace=""), "cluster", "there is no namespace example"),
    "a namespace that goes": (lambda: healthy(namespace="Terminating"), "cluster", "Terminating"),
    "a Secret that is gone": (lambda: healthy(missing=(("Secret", "tls"),)), "objects", "Secret tls"),
    "a policy that is gone": (lambda: healthy(missing=(("NetworkPolicy", "default"),)), "network-policies", "default"),
    "a claim without a volume": (
        lambda: healthy(claims=(Claim(name="a", phase="Pending", problems=("ProvisioningFailed: no class",)),)),
        "claims",
        "ProvisioningFailed: no class",
    ),
    "a full claim": (lambda: healthy(claims=(Claim(name="registry-data", phase="Bound", used=0.97),)), "room", "97% full"),
    "MariaDB scaled to 0": (lambda: with_pods("database", replicas=0), "database-pods", "statefulset/mariadb is scaled to 0"),
    "an image that is not there": (lambda: with_pods("web", "ImagePullBackOff: not found"), "web-pods", "not found"),
    "a worker out of memory": (lambda: with_pods("worker", "ended with exit code 137 (OOMKilled)"), "worker-pods", "OOMKilled"),
    "a registry that crashes": (lambda: with_pods("registry", "ended with exit code 1 (Error): bad config"), "registry-pods", "bad config"),
    "no room on a node": (lambda: with_pods("edge", "0/1 nodes are available: 1 Insufficient cpu"), "edge-pods", "Insufficient cpu"),
    "a wrong password": (lambda: healthy(database=DENIED), "database", "refuses Portus' account"),
    "a wrong password, by which the worker ends": (
        lambda: dataclasses.replace(with_pods("worker", "ended with exit code 1 (Error)"), database=DENIED),
        "database",
        "refuses Portus' account",
    ),
    "latin1, by which the worker ends": (
        lambda: dataclasses.replace(with_pods("worker", "ended with exit code 1 (Error)"), database=database(charset="latin1")),
        "charset",
        "latin1",
    ),
    "an account that is lost": (
        lambda: healthy(database=dataclasses.replace(DENIED, has_account=False)),
        "database",
        "the server has no account 'portus'@'%'",
    ),
    "an account without rights": (
        lambda: healthy(database=Denied("Access denied for user 'portus'@'%' to database 'p'", 1044, has_account=True)),
        "database",
        "has no rights there",
    ),
    "a database that is lost": (
        lambda: healthy(database=Denied("Unknown database", 1049)),
        "database",
        "has no database portus_production",
    ),
    "a database that is silent": (lambda: healthy(database=NoAnswer("no answer in time")), "database", "does not answer"),
    "a database that Portus does not reach": (
        lambda: healthy(database_reached="Connection refused", database=NoAnswer("Connection refused")),
        "database-in-portus",
        "does not reach",
    ),
    "a registry that is overloaded": (lambda: with_served("registry", LATE), "registry", "no answer in 10 s: slow or overloaded"),
    "a front proxy that is overloaded": (lambda: with_served("edge", LATE), "edge", "no answer in 10 s: slow or overloaded"),
    "a front proxy with an old address": (
        lambda: healthy(through={REGISTRY: Answer(status=401), PORTUS: Answer(status=503)}, outside=_outside_503()),
        "edge-servers",
        f"the front proxy answers 503 for {PORTUS}: it does not reach",
    ),
    "latin1": (lambda: healthy(database=database(charset="latin1")), "charset", "latin1"),
    "an empty schema": (lambda: healthy(database=database(migrations=())), "schema", "has not set it up"),
    "an older schema": (lambda: healthy(database=database(migrations=("20181213101302",))), "schema", "20190314173309"),
    "a migration of the image that has not run": (
        lambda: healthy(database=database(expected=("20190314173309", "20990101000000"))),
        "schema",
        "20990101000000",
    ),
    "a newer Portus' schema": (
        lambda: healthy(database=database(migrations=("20190314173309", "20990101000000"))),
        "schema",
        "a newer Portus has migrated it to 20990101000000",
    ),
    "a failed first set-up": (lambda: healthy(jobs={"first-set-up": "no administrator"}), "first-set-up", "no administrator"),
    "Portus that answers 500": (
        lambda: with_served("web", Answer(status=500, body="oh", certificate=stage.der())),
        "web",
        "500 oh",
    ),
    "an expired certificate": (lambda: with_certificate(PORTUS, days=-1), "certificate", "expired"),
    "a certificate that ends soon": (lambda: with_certificate(PORTUS, days=3), "certificate", "expires in 3.0 days"),
    "a certificate for another name": (lambda: with_certificate("other.test", days=90), "certificate", "is for other.test, not for"),
    "a certificate of another key": (
        lambda: healthy(workloads=stage.pod_file("edge", "/run/secrets/edge-tls/edge.pem.key", certificate("a.test", days=1)[1])),
        "certificate",
        "not of the RSA key beside it",
    ),
    "a renewed certificate": (
        lambda: with_served("edge", Answer(status=200, certificate=stage.der(PORTUS, days=80))),
        "presented",
        "Pod edge-0 still presents",
    ),
    "a registry that Portus does not reach": (
        lambda: healthy(reached={**healthy().reached, ("web", REGISTRY): "Connection refused"}),
        "names-in-portus",
        f"does not reach {REGISTRY}: Connection refused",
    ),
    "a Portus that the registry does not reach": (
        lambda: healthy(reached={**healthy().reached, ("registry", PORTUS): f"bad address '{PORTUS}'"}),
        "names-in-registry",
        "bad address",
    ),
    "a registry whose CA Portus lacks": (
        lambda: healthy(refused={**healthy().refused, ("web", "registry"): "unable to get local issuer certificate"}),
        "trust-in-portus",
        "local issuer",
    ),
    "a Portus whose CA the registry lacks": (
        lambda: healthy(refused={**healthy().refused, ("registry", "web"): "unable to get local issuer certificate"}),
        "trust-in-registry",
        "local issuer",
    ),
    "a server whose CA the front proxy lacks": (
        lambda: healthy(refused={**healthy().refused, ("edge", "registry"): "Hostname mismatch"}),
        "trust-in-edge",
        "Hostname mismatch",
    ),
    "a directory that Portus does not reach": (
        lambda: with_service(LDAP, "connect", "Connection refused"),
        "ldap",
        "ldap.example.test:636: does not reach it: Connection refused",
    ),
    "a directory with a private CA": (lambda: with_service(LDAP, "tls", "unable to get local issuer"), "ldap", "TLS fails: unable to get"),
    "an account that the directory refuses": (lambda: with_service(LDAP, "login", "code 49"), "ldap", "the login fails: code 49"),
    "a base that is not there": (lambda: with_service(LDAP, "answer", "noSuchObject (code 32)"), "ldap", "noSuchObject"),
    "a directory that is down, which Portus itself reports": (
        lambda: dataclasses.replace(
            with_service(LDAP, "connect", "Connection refused"), health=Answer(status=503, body='{"ldap": {"msg": "no", "success": false}}')
        ),
        "ldap",
        "Connection refused",
    ),
    "a mail server that Portus does not reach": (lambda: with_service(MAIL, "connect", "no answer"), "mail", "does not reach it"),
    "a mail server with a private CA": (lambda: with_service(MAIL, "tls", "self-signed certificate"), "mail", "TLS fails"),
    "an account that the mail server refuses": (lambda: with_service(MAIL, "login", "535 no"), "mail", "the login fails: 535 no"),
    "a mail server on another port": (lambda: with_service(MAIL, "answer", "closed"), "mail", "no good answer: closed"),
    "a site of OAuth that Portus does not reach": (lambda: with_service(OAUTH, "connect", "no answer"), "oauth", "does not reach it"),
    "a site of OAuth with a private CA": (lambda: with_service(OAUTH, "tls", "self-signed certificate"), "oauth", "TLS fails"),
    "a proxy that wants an account": (lambda: with_service(OAUTH, "login", "407"), "oauth", "the login fails: 407"),
    "an issuer with another name": (lambda: with_service(OAUTH, "answer", "it calls itself 'b'"), "oauth", "it calls itself 'b'"),
    "no record": (lambda: healthy(database=database(records=())), "record", "knows no registry"),
    "a record under another name": (
        lambda: healthy(database=database(records=(Record(hostname="a.test", external_hostname="b.test", use_ssl=True),))),
        "record",
        "a.test, b.test",
    ),
    "a record without TLS": (
        lambda: healthy(database=database(records=(Record(hostname=REGISTRY, external_hostname="", use_ssl=False),))),
        "record",
        "without TLS",
    ),
    "an unwell Portus": (
        lambda: healthy(health=Answer(status=503, body='{"registry": {"msg": "ECONNREFUSED", "success": false}}')),
        "health",
        "registry: ECONNREFUSED",
    ),
    "another realm": (
        lambda: with_served("registry", _unchallenged(PORTUS, "elsewhere.test")),
        "challenge",
        "realm https://elsewhere.test",
    ),
    "another service": (lambda: with_served("registry", _unchallenged(REGISTRY, "registry:5000")), "challenge", "service registry:5000"),
    "no token authentication": (lambda: with_served("registry", Answer(status=200, certificate=stage.der())), "challenge", "not with 401"),
    "a key that cannot sign": (lambda: healthy(token=Answer(status=500, body="error")), "token", "500 error"),
    "the default issuer": (lambda: healthy(token=stage.token(iss="portus.test.lan")), "issuer", "'portus.test.lan'"),
    "an issuer that the registry does not expect": (lambda: with_registry(issuer="old.test"), "issuer", "'old.test'"),
    "a key that the registry does not know": (lambda: healthy(token=stage.token(kid="AAAA:BBBB")), "signing-key", "AAAA:BBBB"),
    "a bundle that is none": (
        lambda: healthy(workloads=stage.registry_file("/trust/signers.crt", "nothing")),
        "signing-key",
        "cannot be read",
    ),
    "a clock that is late": (with_late_clock, "clock", "300 s ahead of that of the registry"),
    "a password that Portus refuses to itself": (
        lambda: healthy(login=Answer(status=401, body="Invalid Username or password.")),
        "portus-login",
        "Invalid Username",
    ),
    "a login without access": (lambda: healthy(login=stage.token()), "portus-login", "without access"),
    "a token that the registry refuses": (lambda: healthy(catalog=Answer(status=401, body="denied")), "catalog", "401 denied"),
    "an endpoint elsewhere": (
        lambda: healthy(
            workloads=stage.registry_file(
                "/etc/docker/registry/config.yml", stage.config().replace(stage.EVENTS, "https://elsewhere.test/v2/webhooks/events")
            )
        ),
        "notifications",
        "elsewhere.test",
    ),
    "an endpoint that refuses": (lambda: healthy(event=Answer(status=500, body="oh")), "events-taken", "500 oh"),
    "notifications that wait": (with_waiting_notifications, "delivery", "3 notifications wait in Pod registry-0"),
    "events that wait": (lambda: healthy(database=database(fresh=backlog(4, 300))), "events", "4 events wait"),
    "events that killed the worker": (lambda: healthy(database=database(stuck=backlog(1, 90000))), "stuck-events", "began 1 events"),
    "a name without an address": (
        lambda: healthy(names={PORTUS: NoAnswer("Name or service not known"), REGISTRY: ("192.0.2.1",)}),
        "public-names",
        PORTUS,
    ),
    "a closed public port": (lambda: with_outside("portus", NoAnswer("Connection refused")), "public-portus", "Connection refused"),
    "a proxy that answers for Portus": (lambda: with_outside("token", Answer(status=200, body="<html>")), "public-portus", "<html>"),
    "another registry outside": (
        lambda: with_outside("registry", _unchallenged(PORTUS, "other.test")),
        "public-registry",
        "other.test",
    ),
    "events from outside": (lambda: with_outside("events", Answer(status=202)), "events-closed", "any client may post events"),
    "drift": (lambda: healthy(drift="a Deployment changes"), "drift", "a Deployment changes"),
    "a push that is not recorded": (lambda: healthy(round_trip=NoAnswer("no record")), "round-trip", "no record"),
}
