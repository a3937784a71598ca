"""Each check breaks alone, names its cause, and takes along only what rests on it."""

from __future__ import annotations

import dataclasses
import email.utils
import re
from collections.abc import Callable

import pytest

from ops.doctor.catalog import CHECKS, examine
from ops.doctor.facts import Claim, Contact, Denied, Pod, Queue, Record, Step, Workload
from ops.doctor.report import FAILED, NOT_CHECKED, OK, passed, state
from ops.doctor.services import LDAP, MAIL, OAUTH
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Ok, Skipped
from ops.kube.http import SECONDS, Answer, NoAnswer, NotChecked, late
from ops.paths import ROOT
from tests.ops.doctor import stage
from tests.ops.doctor.stage import PORTUS, REGISTRY, backlog, certificate, database, failed, healthy, not_checked


def test_every_check_of_a_healthy_stack_passes() -> None:
    findings = examine(healthy())
    assert passed(findings)
    unset = {"ldap", "mail", "oauth"}
    assert {each.check.name for each in findings if state(each) != OK} == {"cache-pods", "first-set-up", "drift", "round-trip", *unset}


def _pods(role: str, *problems: str, replicas: int = 1) -> Snapshot:
    found = stage.workloads()
    pods = _unready(found[role]) if replicas else ()
    found[role] = dataclasses.replace(found[role], replicas=replicas, pods=pods, problems=problems)
    return healthy(workloads=found)


def _served(role: str, reply: Answer | NoAnswer) -> Snapshot:
    before = healthy()
    (pod,) = before.served[role]
    return healthy(served={**before.served, role: {pod: reply}})


def _registry(**token: str) -> Snapshot:
    return healthy(workloads=stage.registry_file("/etc/docker/registry/config.yml", stage.config(**token)))


def _certificate(*names: str, days: int) -> Snapshot:
    text, key = certificate(*names, days=days)
    found = stage.pod_file("web", "/secrets/portus.crt", text)
    (pod,) = found["web"].pods
    found["web"] = dataclasses.replace(found["web"], pods=(dataclasses.replace(pod, files={**pod.files, "/secrets/portus.key": key}),))
    return healthy(workloads=found)


def _outside(name: str, reply: Answer | NoAnswer) -> Snapshot:
    return healthy(outside={**healthy().outside, name: reply})


def _late() -> Snapshot:
    given = healthy().served["registry"]["registry-0"]
    assert isinstance(given, Answer)
    date = email.utils.formatdate(stage.now() - 300, usegmt=True)
    return _served("registry", dataclasses.replace(given, headers={**given.headers, "date": date}))


def _unchallenged(old: str, new: str) -> Answer:
    given = healthy().served["registry"]["registry-0"]
    assert isinstance(given, Answer)
    return dataclasses.replace(given, headers={**given.headers, "www-authenticate": stage.CHALLENGE.replace(old, new)})


def _waiting(**changes: object) -> Snapshot:
    (queue,) = healthy().queues  # type: ignore[misc]
    assert isinstance(queue, Queue)
    return healthy(queues=(dataclasses.replace(queue, **{"pending": 3, "statuses": {"500 Internal Server Error": 7}, **changes}),))  # type: ignore[arg-type]


def _service(kind: str, step: Step, problem: str) -> Snapshot:
    works = Contact(server="other.example.test", seen="it answers")
    return healthy(services={kind: (works, Contact(server="ldap.example.test:636", step=step, problem=problem))})


DENIED = Denied("Access denied for user 'portus'@'10.0.0.3' (using password: YES)", 1045, has_account=True)
LATE = NoAnswer(late(SECONDS))


def _outside_503() -> dict[str, Answer | NoAnswer]:
    return {**healthy().outside, "portus": Answer(status=503), "token": Answer(status=503)}  # type: ignore[dict-item]


BREAKS: dict[str, tuple[Callable[[], Snapshot], str, str]] = {
    "a cluster that does not answer": (lambda: healthy(cluster=NoAnswer("connection refused")), "cluster", "connection refused"),
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
    "MariaDB scaled to 0": (lambda: _pods("database", replicas=0), "database-pods", "statefulset/mariadb is scaled to 0"),
    "an image that is not there": (lambda: _pods("web", "ImagePullBackOff: not found"), "web-pods", "not found"),
    "a worker out of memory": (lambda: _pods("worker", "ended with exit code 137 (OOMKilled)"), "worker-pods", "OOMKilled"),
    "a registry that crashes": (lambda: _pods("registry", "ended with exit code 1 (Error): bad config"), "registry-pods", "bad config"),
    "no room on a node": (lambda: _pods("edge", "0/1 nodes are available: 1 Insufficient cpu"), "edge-pods", "Insufficient cpu"),
    "a wrong password": (lambda: healthy(database=DENIED), "database", "refuses Portus' account"),
    "a wrong password, by which the worker ends": (
        lambda: dataclasses.replace(_pods("worker", "ended with exit code 1 (Error)"), database=DENIED),
        "database",
        "refuses Portus' account",
    ),
    "latin1, by which the worker ends": (
        lambda: dataclasses.replace(_pods("worker", "ended with exit code 1 (Error)"), database=database(charset="latin1")),
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
    "a registry that is overloaded": (lambda: _served("registry", LATE), "registry", "no answer in 10 s: slow or overloaded"),
    "a front proxy that is overloaded": (lambda: _served("edge", LATE), "edge", "no answer in 10 s: slow or overloaded"),
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
        lambda: _served("web", Answer(status=500, body="oh", certificate=stage.der())),
        "web",
        "500 oh",
    ),
    "an expired certificate": (lambda: _certificate(PORTUS, days=-1), "certificate", "expired"),
    "a certificate that ends soon": (lambda: _certificate(PORTUS, days=3), "certificate", "expires in 3.0 days"),
    "a certificate for another name": (lambda: _certificate("other.test", days=90), "certificate", "is for other.test, not for"),
    "a certificate of another key": (
        lambda: healthy(workloads=stage.pod_file("edge", "/run/secrets/edge-tls/edge.pem.key", certificate("a.test", days=1)[1])),
        "certificate",
        "not of the RSA key beside it",
    ),
    "a renewed certificate": (
        lambda: _served("edge", Answer(status=200, certificate=stage.der(PORTUS, days=80))),
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
        lambda: _service(LDAP, "connect", "Connection refused"),
        "ldap",
        "ldap.example.test:636: does not reach it: Connection refused",
    ),
    "a directory with a private CA": (lambda: _service(LDAP, "tls", "unable to get local issuer"), "ldap", "TLS fails: unable to get"),
    "an account that the directory refuses": (lambda: _service(LDAP, "login", "code 49"), "ldap", "the login fails: code 49"),
    "a base that is not there": (lambda: _service(LDAP, "answer", "noSuchObject (code 32)"), "ldap", "noSuchObject"),
    "a directory that is down, which Portus itself reports": (
        lambda: dataclasses.replace(
            _service(LDAP, "connect", "Connection refused"), health=Answer(status=503, body='{"ldap": {"msg": "no", "success": false}}')
        ),
        "ldap",
        "Connection refused",
    ),
    "a mail server that Portus does not reach": (lambda: _service(MAIL, "connect", "no answer"), "mail", "does not reach it"),
    "a mail server with a private CA": (lambda: _service(MAIL, "tls", "self-signed certificate"), "mail", "TLS fails"),
    "an account that the mail server refuses": (lambda: _service(MAIL, "login", "535 no"), "mail", "the login fails: 535 no"),
    "a mail server on another port": (lambda: _service(MAIL, "answer", "closed"), "mail", "no good answer: closed"),
    "a site of OAuth that Portus does not reach": (lambda: _service(OAUTH, "connect", "no answer"), "oauth", "does not reach it"),
    "a site of OAuth with a private CA": (lambda: _service(OAUTH, "tls", "self-signed certificate"), "oauth", "TLS fails"),
    "a proxy that wants an account": (lambda: _service(OAUTH, "login", "407"), "oauth", "the login fails: 407"),
    "an issuer with another name": (lambda: _service(OAUTH, "answer", "it calls itself 'b'"), "oauth", "it calls itself 'b'"),
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
    "another realm": (lambda: _served("registry", _unchallenged(PORTUS, "elsewhere.test")), "challenge", "realm https://elsewhere.test"),
    "another service": (lambda: _served("registry", _unchallenged(REGISTRY, "registry:5000")), "challenge", "service registry:5000"),
    "no token authentication": (lambda: _served("registry", Answer(status=200, certificate=stage.der())), "challenge", "not with 401"),
    "a key that cannot sign": (lambda: healthy(token=Answer(status=500, body="error")), "token", "500 error"),
    "the default issuer": (lambda: healthy(token=stage.token(iss="portus.test.lan")), "issuer", "'portus.test.lan'"),
    "an issuer that the registry does not expect": (lambda: _registry(issuer="old.test"), "issuer", "'old.test'"),
    "a key that the registry does not know": (lambda: healthy(token=stage.token(kid="AAAA:BBBB")), "signing-key", "AAAA:BBBB"),
    "a bundle that is none": (
        lambda: healthy(workloads=stage.registry_file("/trust/signers.crt", "nothing")),
        "signing-key",
        "cannot be read",
    ),
    "a clock that is late": (_late, "clock", "300 s ahead of that of the registry"),
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
    "notifications that wait": (_waiting, "delivery", "3 notifications wait in Pod registry-0"),
    "events that wait": (lambda: healthy(database=database(fresh=backlog(4, 300))), "events", "4 events wait"),
    "events that killed the worker": (lambda: healthy(database=database(stuck=backlog(1, 90000))), "stuck-events", "began 1 events"),
    "a name without an address": (
        lambda: healthy(names={PORTUS: NoAnswer("Name or service not known"), REGISTRY: ("192.0.2.1",)}),
        "public-names",
        PORTUS,
    ),
    "a closed public port": (lambda: _outside("portus", NoAnswer("Connection refused")), "public-portus", "Connection refused"),
    "a proxy that answers for Portus": (lambda: _outside("token", Answer(status=200, body="<html>")), "public-portus", "<html>"),
    "another registry outside": (
        lambda: _outside("registry", _unchallenged(PORTUS, "other.test")),
        "public-registry",
        "other.test",
    ),
    "events from anybody": (lambda: _outside("events", Answer(status=202)), "events-closed", "anybody may post events"),
    "drift": (lambda: healthy(drift="a Deployment changes"), "drift", "a Deployment changes"),
    "a push that is not recorded": (lambda: healthy(round_trip=NoAnswer("no record")), "round-trip", "no record"),
}


def test_services_that_are_on_and_answer_hold_and_those_that_are_off_are_skipped() -> None:
    snapshot = healthy(services={LDAP: (Contact(server="ldap.example.test:389", seen="it accepts anonymous users"),)})
    found = {each.check.name: each for each in examine(snapshot)}
    assert state(found["ldap"]) == OK
    assert found["ldap"].verdict == Ok("ldap.example.test:389: it accepts anonymous users")
    assert found["mail"].verdict == Skipped("the settings do not turn it on")


def test_a_service_that_could_not_be_asked_is_not_checked() -> None:
    unseen = not_checked(healthy(services={OAUTH: (NotChecked("the API server refuses exec"),)}))
    assert unseen == {"oauth"}
    assert {"ldap", "health", "round-trip"} <= not_checked(healthy(services={LDAP: (NotChecked("the API server refuses exec"),)}))


def test_a_push_that_could_not_be_judged_is_told_from_one_that_nobody_asked_for() -> None:
    assert "round-trip" not in not_checked(healthy())
    assert "round-trip" in not_checked(healthy(round_trip=NotChecked("the check has no user")))


@pytest.mark.parametrize("name", BREAKS)
def test_a_failed_check_is_named_alone(name: str) -> None:
    make, check, seen = BREAKS[name]
    found = failed(make())
    assert set(found) == {check}
    assert seen in found[check]


def test_every_check_is_broken_by_a_test() -> None:
    """But the cache's Pods, which are judged as all Pods are."""
    assert {check for _, check, _ in BREAKS.values()} == {check.name for check in CHECKS} - {"cache-pods"}


@pytest.mark.parametrize("name", BREAKS)
def test_every_finding_has_a_fix_and_never_shows_a_key(name: str) -> None:
    for finding in examine(BREAKS[name][0]()):
        if isinstance(finding.verdict, Failed):
            assert finding.verdict.fix
            assert "PRIVATE KEY" not in finding.verdict.seen + finding.verdict.fix


def test_what_rests_on_a_failed_check_is_not_checked() -> None:
    behind = not_checked(healthy(database=NoAnswer("gone")))
    assert {"charset", "schema", "record", "token", "catalog", "events", "public-portus"} <= behind
    assert not {"certificate", "names-in-registry", "network-policies", "web"} & behind


LATE_ANSWERS: dict[str, Callable[[], Snapshot]] = {
    "web": lambda: _served("web", LATE),
    "registry": lambda: _served("registry", LATE),
    "edge": lambda: _served("edge", LATE),
    "through": lambda: healthy(through={REGISTRY: Answer(status=401), PORTUS: LATE}),
    "token": lambda: healthy(token=LATE),
    "login": lambda: healthy(login=LATE, catalog=NotChecked("there is no token to show")),
    "catalog": lambda: healthy(catalog=LATE),
    "database": lambda: healthy(database=LATE),
    "outside": lambda: _outside("portus", LATE),
    "trust": lambda: healthy(refused={**healthy().refused, ("edge", "web"): NotChecked(LATE.reason)}),
}


@pytest.mark.parametrize("name", LATE_ANSWERS)
def test_an_answer_that_is_late_says_nothing_of_keys_passwords_or_certificates(name: str) -> None:
    verdicts = [each.verdict for each in examine(LATE_ANSWERS[name]()) if state(each) in (FAILED, NOT_CHECKED) and not each.blocked_by]
    told = [f"{each.seen} {each.fix}" if isinstance(each, Failed) else getattr(each, "reason", "") for each in verdicts]
    assert [text for text in told if "no answer in 10 s: slow or overloaded" in text]
    for text in told:
        assert not re.search(r"(?i)\b(key|keys|password|passwords|certificate|certificates|secret_key_base)\b", text), text


def test_what_could_not_be_seen_is_not_checked_and_does_not_hold() -> None:
    snapshot = healthy(database=NotChecked("the cluster forbids it"))
    assert failed(snapshot) == {}
    assert "database" in not_checked(snapshot)
    assert not passed(examine(snapshot))


def test_every_check_rests_on_earlier_ones_only() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert set(check.after) <= seen, check.name
        seen.add(check.name)


def test_a_config_that_is_no_yaml_is_the_crash_of_its_registry_alone() -> None:
    found = stage.registry_file("/etc/docker/registry/config.yml", "a: b: c")
    found["registry"] = dataclasses.replace(found["registry"], pods=_unready(found["registry"]), problems=("bad config",))
    assert set(failed(healthy(workloads=found))) == {"registry-pods"}


def _unready(workload: Workload) -> tuple[Pod, ...]:
    return tuple(dataclasses.replace(pod, ready=False) for pod in workload.pods)


def test_a_push_under_way_is_no_broken_delivery() -> None:
    assert failed(_waiting(delivered=2)) == {}


def test_a_few_fresh_events_are_the_workers_daily_work() -> None:
    assert failed(healthy(database=database(fresh=backlog(2, 3)))) == {}


def test_a_claim_that_waits_for_its_first_pod_is_no_broken_one() -> None:
    assert failed(healthy(claims=(Claim(name="portus-backups", phase="Pending", waits=True),))) == {}


def test_a_new_pod_that_cannot_start_is_told_while_the_old_one_serves() -> None:
    found = stage.workloads()
    web = found["web"]
    new = dataclasses.replace(web.pods[0], name="portus-1", ready=False)
    found["web"] = dataclasses.replace(web, pods=(*web.pods, new), problems=("ErrImagePull: no such tag",))
    assert set(failed(healthy(workloads=found))) == {"web-pods"}


def test_apache_has_no_worker_and_speaks_plainly_inside() -> None:
    before = healthy()
    found: dict[str, Workload] = stage.registry_file(
        "/etc/docker/registry/config.yml", stage.config().replace(f"https://{PORTUS}/v2/web", "http://portus.example.svc/v2/web")
    )
    del found["worker"]
    refused = {pair: why for pair, why in before.refused.items() if pair != ("registry", "web")}
    reached = {**{pair: why for pair, why in before.reached.items() if pair[0] == "web"}, ("registry", "portus.example.svc"): ""}
    expected = dataclasses.replace(before.expected, portus_version="2.2")
    older = database(migrations=("20160927141850",))
    findings = examine(
        healthy(expected=expected, workloads=found, refused=refused, reached=reached, health=NotChecked("not asked"), database=older)
    )
    assert passed(findings)
    assert not any(state(each) == NOT_CHECKED for each in findings)


def test_the_manual_names_every_check_in_order() -> None:
    manual = (ROOT / "docs" / "operate" / "doctor.md").read_text(encoding="utf-8")
    checks = manual.partition("\n## Checks\n")[2].partition("\n## ")[0]
    rows = [line.split("`")[1] for line in checks.splitlines() if line.startswith("| `") and not line.split("`")[1].endswith("=1")]
    assert rows == [check.name for check in CHECKS]


def test_events_wait_for_a_worker_only_once_it_has_started() -> None:
    """The genuine one boots for a minute and more, and what was pushed meanwhile is no finding."""
    old = database(fresh=backlog(3, 500))
    for since, found in ((10, set()), (200, {"events"})):
        workloads = stage.workloads()
        (pod,) = workloads["worker"].pods
        pods = (dataclasses.replace(pod, ready_since=stage.now() - since),)
        workloads["worker"] = dataclasses.replace(workloads["worker"], pods=pods)
        assert set(failed(healthy(database=old, workloads=workloads))) == found
