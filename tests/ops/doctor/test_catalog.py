"""Each check fails alone, names its cause, and what depends on it is not checked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest

from ops.doctor.catalog import CHECKS, examine
from ops.doctor.facts import Claim, Contact, Workload
from ops.doctor.report import FAILED, NOT_CHECKED, OK, passed, state
from ops.doctor.services import LDAP, OAUTH
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed, Ok, Skipped
from ops.kube.http import Answer, NoAnswer, NotChecked
from ops.paths import ROOT
from tests.ops.doctor import stage
from tests.ops.doctor.breaks import BREAKS, LATE, unready, with_outside, with_served, with_waiting_notifications
from tests.ops.doctor.stage import PORTUS, REGISTRY, backlog, database, failed, healthy, not_checked


def test_every_check_of_a_healthy_stack_passes() -> None:
    findings = examine(healthy())
    assert passed(findings)
    unset = {"ldap", "mail", "oauth"}
    assert {each.check.name for each in findings if state(each) != OK} == {"cache-pods", "first-set-up", "drift", "round-trip", *unset}


def test_services_that_answer_pass_and_those_that_are_off_are_skipped() -> None:
    snapshot = healthy(services={LDAP: (Contact(server="ldap.example.test:389", seen="it accepts anonymous users"),)})
    found = {each.check.name: each for each in examine(snapshot)}
    assert state(found["ldap"]) == OK
    assert found["ldap"].verdict == Ok("ldap.example.test:389: it accepts anonymous users")
    assert found["mail"].verdict == Skipped("the settings do not turn it on")


def test_a_service_that_could_not_be_asked_is_not_checked() -> None:
    unseen = not_checked(healthy(services={OAUTH: (NotChecked("the API server refuses exec"),)}))
    assert unseen == {"oauth"}
    assert {"ldap", "health", "round-trip"} <= not_checked(healthy(services={LDAP: (NotChecked("the API server refuses exec"),)}))


def test_a_push_without_a_result_is_distinguished_from_one_that_was_not_requested() -> None:
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


def test_what_depends_on_a_failed_check_is_not_checked() -> None:
    behind = not_checked(healthy(database=NoAnswer("gone")))
    assert {"charset", "schema", "record", "token", "catalog", "events", "public-portus"} <= behind
    assert not {"certificate", "names-in-registry", "network-policies", "web"} & behind


LATE_ANSWERS: dict[str, Callable[[], Snapshot]] = {
    "web": lambda: with_served("web", LATE),
    "registry": lambda: with_served("registry", LATE),
    "edge": lambda: with_served("edge", LATE),
    "through": lambda: healthy(through={REGISTRY: Answer(status=401), PORTUS: LATE}),
    "token": lambda: healthy(token=LATE),
    "login": lambda: healthy(login=LATE, catalog=NotChecked("there is no token to show")),
    "catalog": lambda: healthy(catalog=LATE),
    "database": lambda: healthy(database=LATE),
    "outside": lambda: with_outside("portus", LATE),
    "trust": lambda: healthy(refused={**healthy().refused, ("edge", "web"): NotChecked(LATE.reason)}),
}


@pytest.mark.parametrize("name", LATE_ANSWERS)
def test_an_answer_that_is_late_says_nothing_of_keys_passwords_or_certificates(name: str) -> None:
    verdicts = [each.verdict for each in examine(LATE_ANSWERS[name]()) if state(each) in (FAILED, NOT_CHECKED) and not each.blocked_by]
    told = [f"{each.seen} {each.fix}" if isinstance(each, Failed) else getattr(each, "reason", "") for each in verdicts]
    assert [text for text in told if "no answer in 10 s: slow or overloaded" in text]
    for text in told:
        assert not re.search(r"(?i)\b(key|keys|password|passwords|certificate|certificates|secret_key_base)\b", text), text


def test_what_could_not_be_read_is_not_checked_and_does_not_pass() -> None:
    snapshot = healthy(database=NotChecked("the cluster forbids it"))
    assert failed(snapshot) == {}
    assert "database" in not_checked(snapshot)
    assert not passed(examine(snapshot))


def test_every_check_depends_on_earlier_ones_only() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert set(check.after) <= seen, check.name
        seen.add(check.name)


def test_a_config_that_is_no_yaml_fails_the_registrys_pods_alone() -> None:
    found = stage.registry_file("/etc/docker/registry/config.yml", "a: b: c")
    found["registry"] = dataclasses.replace(found["registry"], pods=unready(found["registry"]), problems=("bad config",))
    assert set(failed(healthy(workloads=found))) == {"registry-pods"}


def test_a_push_under_way_is_no_broken_delivery() -> None:
    assert failed(with_waiting_notifications(delivered=2)) == {}


def test_a_few_new_events_are_no_finding() -> None:
    assert failed(healthy(database=database(fresh=backlog(2, 3)))) == {}


def test_a_claim_that_waits_for_its_first_pod_is_no_broken_one() -> None:
    assert failed(healthy(claims=(Claim(name="portus-backups", phase="Pending", waits=True),))) == {}


def test_a_new_pod_that_cannot_start_is_reported_while_the_old_one_serves() -> None:
    found = stage.workloads()
    web = found["web"]
    new = dataclasses.replace(web.pods[0], name="portus-1", ready=False)
    found["web"] = dataclasses.replace(web, pods=(*web.pods, new), problems=("ErrImagePull: no such tag",))
    assert set(failed(healthy(workloads=found))) == {"web-pods"}


def test_apache_has_no_worker_and_gets_events_in_plain() -> None:
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
    """The genuine one boots for a minute and more, and what was pushed meanwhile is not a finding."""
    old = database(fresh=backlog(3, 500))
    for since, found in ((10, set()), (200, {"events"})):
        workloads = stage.workloads()
        (pod,) = workloads["worker"].pods
        pods = (dataclasses.replace(pod, ready_since=stage.now() - since),)
        workloads["worker"] = dataclasses.replace(workloads["worker"], pods=pods)
        assert set(failed(healthy(database=old, workloads=workloads))) == found
