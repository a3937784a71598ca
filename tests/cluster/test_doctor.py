"""The doctor on a real stack: all checks pass when it is healthy; whatever is broken by hand, it names that check and no other."""

from __future__ import annotations

import dataclasses
import json
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from lab import cluster
from lab.cluster import Publication
from lab.environment import Lab
from ops.check import check
from ops.console import Step
from ops.deployment import Deployment
from ops.doctor import command
from ops.doctor.command import diagnose
from ops.doctor.database import examine_database
from ops.doctor.expected import expected_of
from ops.doctor.facts import Contact, Database, Expected
from ops.doctor.objects import examine_objects
from ops.doctor.report import as_json, passed
from ops.doctor.services import LDAP, OAUTH, questions
from ops.doctor.snapshot import Snapshot
from ops.doctor.verdicts import Failed
from ops.kube.pods import Pods, hushed
from tests.cluster.breaking import Breaker, Template
from tests.cluster.conftest import until
from tests.cluster.own_stack import OwnStack, own_stack, published
from tests.ops.doctor.stage import certificate

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.61"
PORTUS, _ = HOSTS = ("portus.doctor.test", "registry.doctor.test")
HEALTHY_SECONDS = 60.0
"""It answers while somebody waits; 5 s on two idle cores."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("doctor", tmp_path_factory.mktemp("doctor")) as deployed:
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30763, names=HOSTS)):
            yield deployed


@pytest.fixture(scope="module")
def expected(stack: OwnStack) -> Expected:
    """What Pulumi's state says after the deployment; asking takes seconds, and nothing that is broken by hand changes it."""
    return expected_of(stack)


@pytest.fixture
def asked_once(expected: Expected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare a test the question what is expected. A test that deploys must ask: its objects get other names."""
    monkeypatch.setattr(command, "expected_of", lambda _: expected)


@pytest.fixture(scope="module")
def breaker(reached: Deployment) -> Breaker:
    return Breaker(reached)


def failed(stack: OwnStack) -> dict[str, str]:
    """Return each failed check and what was seen of it."""
    checks = json.loads(as_json(stack.name, diagnose(stack)))["checks"]
    return {check["check"]: check["seen"] for check in checks if check["state"] == "failed"}


def test_every_check_of_a_healthy_stack_passes_within_a_minute(stack: OwnStack) -> None:
    began = time.monotonic()
    findings = diagnose(stack)
    seconds = time.monotonic() - began
    assert passed(findings), as_json(stack.name, findings)
    assert seconds < HEALTHY_SECONDS


def test_it_pushes_and_compares_when_it_is_asked_to(stack: OwnStack) -> None:
    checks = {check["check"]: check for check in json.loads(as_json(stack.name, diagnose(stack, Lab(), push=True, drift=True)))["checks"]}
    assert "registry.doctor.test/admin/check:latest" in checks["round-trip"]["seen"]
    assert checks["drift"]["state"] == "ok"


def test_a_push_while_the_worker_boots_is_recorded_and_is_no_finding(stack: OwnStack, reached: Deployment, breaker: Breaker) -> None:
    """The genuine one takes up to 91 s, longer than a record may take once it works."""

    def slow(template: Template) -> None:
        template["spec"]["containers"][0]["env"].append({"name": "DOUBLE_WORKER_START_SECONDS", "value": "75"})

    with breaker.template("portus-worker", slow, settles=False):
        check(reached, Step("checking it"))
        assert failed(stack) == {}


def test_an_external_database_is_asked_from_portus_own_pod(stack: OwnStack, reached: Deployment) -> None:
    """Its server has no Pod: the way there begins in that of Portus, as Portus' own does."""
    with hushed():
        seen = examine_objects(stack.kube, Snapshot(expected=expected_of(stack), now=time.time()))
        assert isinstance(seen.workloads, dict)
        outside = dataclasses.replace(seen, workloads={role: each for role, each in seen.workloads.items() if role != "database"})
        pods = Pods(kube=stack.kube, namespace=reached.namespace)
        found = examine_database(pods, outside)
    assert isinstance(found, Database), found
    assert [record.hostname for record in found.records] == ["registry.doctor.test"]
    assert found.charset == "utf8mb3"


LEFT = 'for each in /proc/[0-9]*/comm; do [ "$(<$each)" = cat ] && echo $each; done; true'
"""By bash: every process that carries a connection's bytes."""


def test_a_server_outside_is_asked_from_portus_own_pod_and_nothing_stays_behind_there(stack: OwnStack, expected: Expected) -> None:
    """Portus' own name is in the place of a site of OAuth, its database in that of a directory: a server that speaks no LDAP."""
    settings = {
        "PORTUS_OAUTH_GITLAB_ENABLED": "true",
        "PORTUS_OAUTH_GITLAB_SERVER": f"https://{PORTUS}/api/v1/_ping",
        "PORTUS_LDAP_ENABLED": "true",
        "PORTUS_LDAP_HOSTNAME": "mariadb",
        "PORTUS_LDAP_PORT": "3306",
    }
    with hushed():
        seen = examine_objects(stack.kube, Snapshot(expected=expected, now=time.time()))
        assert isinstance(seen.workloads, dict)
        web = seen.workloads["web"]
        told = tuple(dataclasses.replace(pod, variables={**pod.variables, **settings}) for pod in web.pods)
        seen = dataclasses.replace(seen, workloads={**seen.workloads, "web": dataclasses.replace(web, pods=told)})
        pods = Pods(kube=stack.kube, namespace=expected.namespace)
        began = time.monotonic()
        found = {kind: ask() for kind, ask in questions(pods, seen)}
        seconds = time.monotonic() - began
        assert pods.run(web.ready[0].name, ["bash", "-c", LEFT]) == (0, "")
    oauth, ldap = found[OAUTH], found[LDAP]
    assert isinstance(oauth, Contact)
    assert oauth.seen.startswith("it answers "), oauth
    assert isinstance(ldap, Contact)
    assert (ldap.step, bool(ldap.problem)) == ("login", True), ldap
    assert seconds < HEALTHY_SECONDS


def _image(breaker: Breaker) -> AbstractContextManager[None]:
    def change(template: Template) -> None:
        template["spec"]["containers"][0]["image"] = "localhost/absent:1"

    return breaker.template("portus-worker", change, settles=False)


def _crash(breaker: Breaker) -> AbstractContextManager[None]:
    def change(template: Template) -> None:
        template["spec"]["containers"][0]["command"] = ["sh", "-c", "echo some cause >&2; exit 3"]

    return breaker.template("portus-worker", change, settles=False)


def _nowhere(breaker: Breaker) -> AbstractContextManager[None]:
    def change(template: Template) -> None:
        template["spec"]["nodeSelector"] = {"example.com/disk": "fast"}

    return breaker.template("edge", change, settles=False)


def _alias(breaker: Breaker) -> AbstractContextManager[None]:
    def change(template: Template) -> None:
        template["spec"].pop("hostAliases")

    return breaker.template("registry", change)


@contextmanager
def _expired(breaker: Breaker) -> Iterator[None]:
    text, key = certificate(*HOSTS, days=-3)
    made = breaker.core.create_namespaced_secret(
        breaker.namespace,
        {"metadata": {"generateName": "expired-"}, "type": "kubernetes.io/tls", "stringData": {"tls.crt": text, "tls.key": key}},
    ).metadata.name

    def change(template: Template) -> None:
        for volume in template["spec"]["volumes"]:
            if volume["name"] == "tls":
                volume["secret"]["secretName"] = made

    with breaker.template("registry", change):
        yield
    breaker.core.delete_namespaced_secret(made, breaker.namespace)


@contextmanager
def _rolled_secret(breaker: Breaker) -> Iterator[None]:
    names = [secret.metadata.name for secret in breaker.core.list_namespaced_secret(breaker.namespace).items]
    (name,) = (each for each in names if each.startswith("served-tls-certificate"))
    text, key = certificate(*HOSTS, days=90)
    with breaker.secret_data(name, {"tls.crt": text, "tls.key": key}):
        yield


@contextmanager
def _full_claim(breaker: Breaker) -> Iterator[None]:
    """Lay a small file system over the claim's folder on the node, and fill it."""
    volume = breaker.core.read_namespaced_persistent_volume_claim("registry-data", breaker.namespace).spec.volume_name
    spec = breaker.core.read_persistent_volume(volume).spec
    folder = (spec.host_path or spec.local).path

    def rolled(number: str) -> AbstractContextManager[None]:
        return breaker.template("registry", lambda template: template["metadata"].setdefault("annotations", {}).update(rolled=number))

    assert cluster.run_in_box(["mount", "-t", "tmpfs", "-o", "size=4m,mode=1777", "tmpfs", folder]).returncode == 0
    try:
        with rolled("1"):
            try:
                breaker.deployment.exec(breaker.pod("registry"), ["sh", "-c", "cat /dev/zero > /var/lib/registry/full || true"])
                yield
            finally:  # before the Pod that comes back: it must find the claim as it was
                cluster.run_in_box(["umount", "--lazy", folder])
    except BaseException:
        cluster.run_in_box(["umount", "--lazy", folder])
        raise


@contextmanager
def _hanging_worker(breaker: Breaker) -> Iterator[None]:
    event = "INSERT INTO registry_events (event_id, data, status, created_at, updated_at) VALUES ('{0}', '{{}}', {1}, {2}, {2})"
    with (
        breaker.stopped_processes("worker"),
        breaker.sql(
            event.format("waits", 2, "UTC_TIMESTAMP() - INTERVAL 5 MINUTE"), "DELETE FROM registry_events WHERE event_id = 'waits'"
        ),
    ):
        yield


BEGUN = "DELETE FROM registry_events WHERE status = 1"


def _stuck(breaker: Breaker) -> AbstractContextManager[None]:
    breaker.deployment.sql(BEGUN)  # what breaks before this one have left
    event = (
        "INSERT INTO registry_events (event_id, data, status, created_at, updated_at)"
        " VALUES ('stuck', '{}', 1, UTC_TIMESTAMP() - INTERVAL 1 DAY, UTC_TIMESTAMP() - INTERVAL 1 DAY)"
    )
    return breaker.sql(event, "DELETE FROM registry_events WHERE event_id = 'stuck'")


def _policy(breaker: Breaker) -> AbstractContextManager[None]:
    policies = breaker.network.list_namespaced_network_policy(breaker.namespace).items
    name = next(policy.metadata.name for policy in policies if policy.metadata.name.startswith("network-default"))
    return breaker.without(breaker.network, "network_policy", name)


BREAKS: dict[str, tuple[Callable[[Breaker], AbstractContextManager[None]], str, str]] = {
    "a worker scaled to 0": (lambda b: b.scaled("deployment", "portus-worker"), "worker-pods", "is scaled to 0"),
    "an image that does not exist": (_image, "worker-pods", "ErrImageNeverPull"),
    "a container that ends at once": (_crash, "worker-pods", "some cause"),
    "no node to run on": (_nowhere, "edge-pods", "didn't match Pod's node affinity/selector"),
    "a stopped MariaDB": (lambda b: b.scaled("stateful_set", "mariadb"), "database-pods", "is scaled to 0"),
    "an account with another password": (
        lambda b: b.sql("ALTER USER portus@'%' IDENTIFIED BY 'another'", b.account()),
        "database",
        "Access denied",
    ),
    "a database in latin1": (
        lambda b: b.sql(
            "ALTER DATABASE portus_production CHARACTER SET latin1",
            "ALTER DATABASE portus_production CHARACTER SET utf8 COLLATE utf8_unicode_ci",
        ),
        "charset",
        "latin1",
    ),
    "a migration that has not run": (
        lambda b: b.sql(
            "DELETE FROM schema_migrations WHERE version = '20190314173309'",
            "INSERT INTO schema_migrations (version) VALUES ('20190314173309')",
        ),
        "schema",
        "20190314173309",
    ),
    "a record under another name": (
        lambda b: b.sql(
            "UPDATE registries SET hostname = 'old.example.test', external_hostname = 'old.example.test'",
            "UPDATE registries SET hostname = 'registry.doctor.test', external_hostname = 'registry.doctor.test'",
        ),
        "record",
        "old.example.test",
    ),
    "a bundle with another key": (
        lambda b: b.registry_texts({"token-signers.crt": lambda _: certificate("another.test", days=9)[0]}),
        "signing-key",
        "the registry trusts",
    ),
    "a wrong CA": (
        lambda b: b.registry_texts({"authority-1.crt": lambda _: certificate("another.test", days=9)[0]}),
        "trust-in-registry",
        "self-signed certificate in certificate chain",
    ),
    "notifications that go elsewhere": (
        lambda b: b.registry_texts(
            {"config.yml": lambda text: text.replace(f"https://{PORTUS}/v2/webhooks", "https://elsewhere.test/v2/webhooks")}
        ),
        "notifications",
        "elsewhere.test",
    ),
    "another issuer": (
        lambda b: b.registry_texts({"config.yml": lambda text: text.replace(f"issuer: {PORTUS}", "issuer: portus.test.lan")}),
        "issuer",
        "portus.test.lan",
    ),
    "a realm that is not Portus": (
        lambda b: b.registry_texts({"config.yml": lambda text: text.replace(f"realm: https://{PORTUS}", "realm: https://elsewhere.test")}),
        "challenge",
        "elsewhere.test",
    ),
    "no alias for Portus' name": (_alias, "names-in-registry", "bad address"),
    "an expired certificate": (_expired, "certificate", "expired 3 days ago"),
    "a renewed Secret that no Pod has loaded": (_rolled_secret, "presented", "still presents"),
    "a full claim": (_full_claim, "room", "registry-data is 100% full"),
    "a worker that hangs": (_hanging_worker, "events", "1 events wait"),
    "an event that killed the worker": (_stuck, "stuck-events", "began 1 events"),
    "a policy that is gone": (_policy, "network-policies", "network-default"),
}


@pytest.mark.usefixtures("asked_once")
@pytest.mark.parametrize("name", BREAKS)
def test_it_names_the_failed_check_and_no_other(stack: OwnStack, breaker: Breaker, name: str) -> None:
    break_it, check, seen = BREAKS[name]
    found: dict[str, str] = {}

    def named() -> bool:
        found.clear()
        found.update(failed(stack))
        return set(found) == {check} and seen in found[check]

    with break_it(breaker):
        try:
            until(named, check)
        except AssertionError:
            pytest.fail(f"not '{check}' with '{seen}', but {found}")


LOST = {
    "the account": ("DROP USER portus@'%'", "the server has no account 'portus'@'%'"),
    "its rights": ("REVOKE ALL PRIVILEGES, GRANT OPTION FROM portus@'%'", "Portus' account has no rights there"),
}


@pytest.mark.usefixtures("asked_once")
@pytest.mark.parametrize("lost", LOST)
def test_what_the_database_has_lost_of_portus_comes_back_by_what_the_doctor_says(stack: OwnStack, breaker: Breaker, lost: str) -> None:
    statement, seen = LOST[lost]
    breaker.deployment.sql(statement)
    breaker.deployment.sql("FLUSH PRIVILEGES")

    def verdict() -> Failed | None:
        (found,) = (each for each in diagnose(stack) if each.check.name == "database")
        return found.verdict if isinstance(found.verdict, Failed) else None

    until(lambda: (told := verdict()) is not None and seen in told.seen, seen)
    told = verdict()
    assert told is not None
    command = told.fix.partition(" -- ")[2].removesuffix(" creates it again, with its rights")
    breaker.deployment.exec("mariadb-0", shlex.split(command))
    until(lambda: verdict() is None, "the account works again")


def test_services_that_are_gone_come_back_by_what_the_doctor_says_and_a_push_works(stack: OwnStack, breaker: Breaker) -> None:
    """Each gets another address, which the front proxy, Portus and the registry have to learn."""
    before = {service.metadata.name: service.spec.cluster_ip for service in breaker.core.list_namespaced_service(breaker.namespace).items}
    for name in before:
        breaker.core.delete_namespaced_service(name, breaker.namespace)
    found = {each.check.name: each for each in diagnose(stack) if each.has_failed}
    assert "objects" in found
    verdict = found["objects"].verdict
    assert isinstance(verdict, Failed)
    assert all(f"Service {name}" in verdict.seen for name in before)
    assert "make up REFRESH=1" in verdict.fix
    stack.up("--refresh")
    after = {service.metadata.name: service.spec.cluster_ip for service in breaker.core.list_namespaced_service(breaker.namespace).items}
    assert before.keys() == after.keys()
    assert all(after[name] != before[name] for name in ("portus", "registry"))
    checks = {check["check"]: check for check in json.loads(as_json(stack.name, diagnose(stack, Lab(), push=True)))["checks"]}
    assert checks["round-trip"]["state"] == "ok", {name: check for name, check in checks.items() if check["state"] == "failed"}


def test_every_check_passes_again_when_all_is_fixed(stack: OwnStack, breaker: Breaker) -> None:
    breaker.deployment.sql(BEGUN)  # a worker that loses the database in the middle of an event leaves it begun: the doctor's own fix
    try:
        until(lambda: passed(diagnose(stack)), "all checks pass again")
    except AssertionError:
        pytest.fail(str(failed(stack)))
