"""What a counter adds to a stack, and what a Secret of somebody else leaves out of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from components.settings.sections.credentials import ExistingCredentials, RotationSettings
from components.settings.types.base import key_of, names_and_keys
from tests.components.rendered import program, volume
from tests.recorder import Program, Registered, texts

TEXT = "5f0c9b7e2d41a8836b7c0d9e4f1a2b3c"


def _generated(registered: Program) -> list[str]:
    return sorted(each.name for each in registered.resources if each.type.startswith("random:"))


def _files(workload: Registered, name: str) -> dict[str, tuple[str, str]]:
    """Return file -> Secret and key of a projected volume."""
    sources = [source["secret"] for source in volume(workload, name)["projected"]["sources"]]
    return {item["path"]: (source["name"], item["key"]) for source in sources for item in source["items"]}


def _decoded(secret: Registered) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret.inputs["data"].items()}


def _rotated(**counters: int) -> Program:
    return program(credentials={"rotation": {key_of(RotationSettings, name): counter for name, counter in counters.items()}})


@pytest.mark.parametrize("role", ["root", "application", "backup"])
def test_raising_a_counter_of_the_database_adds_two_jobs_and_leaves_the_servers_pod_alone(role: str) -> None:
    before, after = program(), _rotated(**{f"database_{role}": 2})
    jobs = {each.name for each in after.all("Job")} - {each.name for each in before.all("Job")}
    assert jobs == {"mariadb-rotation-accept", "mariadb-rotation-keep"}
    assert set(_generated(after)) - set(_generated(before)) == {f"credentials-database-{role}-2"}
    assert set(_generated(before)) < set(_generated(after)), "the former value stays"
    assert after.one("StatefulSet", "mariadb-server").inputs == before.one("StatefulSet", "mariadb-server").inputs


def test_a_stack_whose_counters_are_one_has_nothing_of_it() -> None:
    registered = program()
    assert not [each.name for each in registered.resources if "rotation" in each.name or each.name == "network-accounts"]


def test_the_jobs_know_every_password_that_root_may_have_and_the_others_by_hash_alone() -> None:
    registered = _rotated(database_root=3, database_application=2)
    content = _decoded(registered.one("Secret", "mariadb-rotation-files"))
    assert set(content) == {"login-01", "login-02", "login-03", "hash-root", "hash-application"}
    assert all(content[name].startswith("*") for name in content if name.startswith("hash"))


def test_the_servers_own_files_are_the_current_passwords_and_roots_previous_one() -> None:
    server = _rotated(database_root=2).one("StatefulSet", "mariadb-server")
    assert set(_files(server, "credentials")) == {"root-password", "previous-root-password", "password", "backup-password"}


def test_only_the_pods_of_a_rotation_are_let_in_besides_and_only_while_there_is_one() -> None:
    policy = _rotated(database_backup=2).one("NetworkPolicy", "network-accounts")
    assert "ingress" not in policy.spec
    assert [port["port"] for rule in policy.spec["egress"] for port in rule["ports"]] == [3306]
    assert not [each for each in program().all("NetworkPolicy") if each.name == "network-accounts"]


def test_an_adopted_secret_is_the_first_version() -> None:
    given: dict[str, Any] = {"existing": {"databaseApplication": {"secure": TEXT}, "portusPassword": {"secure": TEXT}}}
    for counter, taken_over in ((1, True), (2, False)):
        said = given | {"rotation": {"databaseApplication": counter, "portusPassword": counter}}
        content = _decoded(program(credentials=said).one("Secret", "portus-credentials"))
        assert (content["database-password"] == TEXT, content["portus-password"] == TEXT) == (taken_over, taken_over)


def _foreign() -> Program:
    return program(credentials={"existing": {key: {"secret": "somebodys", "key": key} for _, key in names_and_keys(ExistingCredentials)}})


def test_an_existing_secret_is_mounted_or_referenced_everywhere_and_never_copied() -> None:
    registered = _foreign()
    server, web = registered.one("StatefulSet", "mariadb-server"), registered.one("Deployment", "portus-web")
    assert _files(server, "credentials")["root-password"] == ("somebodys", "databaseRoot")
    assert _files(server, "credentials")["password"] == ("somebodys", "databaseApplication")
    assert _files(server, "credentials")["backup-password"] == ("somebodys", "databaseBackup")
    assert _files(web, "credentials")["database-password"] == ("somebodys", "databaseApplication")
    assert _files(registered.one("Job", "first-set-up-job"), "files")["password"] == ("somebodys", "administrator")
    environment = {each["name"]: each for each in registered.one("Deployment", "registry-deployment").containers[0]["env"]}
    assert environment["REGISTRY_HTTP_SECRET"]["valueFrom"]["secretKeyRef"] == {"name": "somebodys", "key": "httpSecret"}
    made = {each.name for each in registered.all("Secret")}
    assert made.isdisjoint({"mariadb-credentials", "portus-credentials", "registry-http"})
    assert not [text for each in registered.all("Secret") for text in texts(each.inputs) if "generated-password" in text]


def test_the_cache_and_the_registry_get_a_new_password_together() -> None:
    said = {"host": "registry.example.com", "redis": {"kind": "in_cluster"}}
    registered = program(registry=said, credentials={"rotation": {"registryCache": 2}})
    assert "registry-cache-password-2" in _generated(registered)
    held = volume(registered.one("Deployment", "registry-cache-deployment"), "configuration")["secret"]["secretName"]
    environment = {each["name"]: each for each in registered.one("Deployment", "registry-deployment").containers[0]["env"]}
    assert environment["REGISTRY_REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == held


def test_clients_restart_after_both_passwords_are_accepted_and_before_the_previous_one_is_revoked() -> None:
    after = _dependencies(program(credentials={"rotation": {"databaseApplication": 2}}, backup={"enabled": True}))
    assert "mariadb-server" in after["mariadb-rotation-accept"]
    clients = {"portus-web", "worker-deployment", "backup-schedule", "backup-restore"}
    for name in clients - {"worker-deployment"}:  # which follows the web server
        assert "mariadb-rotation-accept" in after[name], name
    assert clients - {"portus-web"} <= after["mariadb-rotation-keep"]
    assert "portus-web" in after["first-set-up-job"], "which the worker follows"


def test_the_registry_knows_the_next_signer_before_it_signs() -> None:
    first = _dependencies(program(tls={"source": "self_signed"}))
    second = _dependencies(program(tls={"source": "self_signed", "signingKeyVersion": 2}))
    assert ("registry-deployment" in first["portus-web"], "registry-deployment" in second["portus-web"]) == (False, True)


def _dependencies(registered: Program) -> dict[str, frozenset[str]]:
    """Return what each resource waits for, by logical name; a component's children in its place."""
    return {resource.name: resource.after for resource in registered.resources}
