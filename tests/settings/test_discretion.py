"""A report does not show a wrong value that may be a secret: often it is the password, in the wrong line."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from components.settings.parse import parse
from components.settings.report.discretion import MASKED, discreet
from components.settings.report.problems import Problem, SettingsError
from tests.settings.tables import merged, report, stack_with

NEIGHBOURS = [
    ("database.user", "external database"),
    ("database.name", "external database"),
    ("database.host", "external database"),
    ("registry.storage.bucket", "s3"),
    ("registry.storage.region", "s3"),
    ("registry.redis.addr", "redis"),
    ("registry.notifications.extraEndpoints.0.name", "endpoint"),
    ("portus.config.ldap.authentication.bind_dn", "ldap"),
    ("portus.config.email.smtp.port", "smtp"),
    ("portus.config.oauth.openid_connect.identifier", "oauth"),
]


@pytest.mark.parametrize(("path", "base"), NEIGHBOURS, ids=[path for path, _ in NEIGHBOURS])
def test_a_wrong_value_beside_a_secret_is_not_shown(path: str, base: str) -> None:
    text, problems = report(stack_with(path, "Geheim 123!\x07", base))
    assert problems
    assert "Geheim" not in text


@pytest.mark.parametrize("password", ["Hunter2!Geheim", "Geheim$Wort$9", "Geheim#Wort#9"])
def test_no_form_of_a_password_is_shown_beside_a_secret(password: str) -> None:
    """A fix that offers the same in small letters would show it as well."""
    wrong = {"database": {"password": "short"}}
    for path, base in NEIGHBOURS:
        for raw in (
            stack_with(path, password, base),
            merged(stack_with(path, password, base), wrong if base == "external database" else {}),
        ):
            shown = re.sub(r"[\W_]", "", report(raw)[0]).casefold()
            assert re.sub(r"[\W_]", "", password).casefold() not in shown, path


@pytest.mark.parametrize("password", ["HunterGeheim42", "Geheim_Wort_9"])
def test_what_may_be_the_password_is_hidden_where_the_password_is_missing_or_wrong(password: str) -> None:
    for change in ({"password": None}, {"password": "short"}):
        raw = stack_with("database.host", password, "external database")
        raw["database"] = {key: value for key, value in {**raw["database"], **change}.items() if value is not None}
        text, problems = report(raw)
        assert {problem.key for problem in problems} == {"database.host", "database.password"}
        assert re.sub("[^a-z]", "", password.casefold()) not in re.sub("[^a-z]", "", text.casefold())


@pytest.mark.parametrize("text", ["password: geheim123", '{"api_key": "geheim123"}', "db password=geheim123 x"])
def test_a_secret_behind_its_name_is_not_shown_in_any_setting(text: str) -> None:
    for path in ("portus.bootstrap.username", "images.pullSecrets", "backup.schedule", "registry.logLevel"):
        shown, problems = report(stack_with(path, [text] if path.endswith("s") else text), encrypted=False)
        assert problems, path
        assert "geheim123" not in shown


def test_a_host_with_a_dot_at_its_end_is_shown_in_the_fix_although_the_password_beside_it_is_missing() -> None:
    smtp = {"enabled": True, "address": "smtp.example.com."}
    _, (problem,) = report(stack_with("portus.config.email", {"from": "a@example.com", "smtp": smtp}))
    assert problem.fix == "write 'smtp.example.com', if the DNS has that name"


SECRETS = {"accesskey", "secretkey", "password", "secret"}
HARMLESS = [
    ("database.host", "Db.Example.com", "external database"),
    ("database.host", "mysql_server", "external database"),
    ("database.port", "3306", "external database"),
    ("registry.storage.regionendpoint", "minio.example.com:9000", "s3"),
    ("registry.storage.bucket", "images/registry", "s3"),
    ("registry.storage.region", "eu-west1", "s3"),
    ("registry.storage.region", "RegionOne", "s3"),
    ("registry.redis.addr", "Redis.example.com:6379", "redis with its password"),
    ("registry.notifications.extraEndpoints.0.timeout", "0s", "endpoint"),
    ("portus.config.email.smtp.address", "smtp://smtp.example.com:587", "smtp"),
    ("portus.config.oauth.openid_connect.issuer", "https://sso.example.com/realms/corp/.well-known/openid-configuration", "oauth"),
]


@pytest.mark.parametrize(("path", "value", "base"), HARMLESS, ids=[f"{path} {value}" for path, value, _ in HARMLESS])
def test_what_is_no_secret_is_shown_beside_one_that_is_given(path: str, value: str, base: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(stack_with(path, value, base), file="stack.yaml", encrypted=lambda key: key[-1] in SECRETS)
    assert [problem.value for problem in refused.value.problems] == [json.dumps(value)]


def test_the_sections_that_hold_no_secret_hide_nothing() -> None:
    """MariaDB in the cluster has its passwords elsewhere, other than an external one."""
    for name, value in (("name", "No"), ("user", "Portus"), ("innodbBufferPoolSize", "256Mi")):
        _, (problem,) = report(merged(stack_with(f"database.{name}", value), {"database": {"kind": "in_cluster"}}), encrypted=False)
        assert problem.value == json.dumps(value)


def test_a_fix_is_whole_where_the_wrong_value_is_a_part_of_it() -> None:
    """/certs is wrong and a part of /etc/ssl/certs, which is right."""
    raw = stack_with(
        "portus.config.email", {"from": "a@example.com", "smtp": {"enabled": True, "address": "s.example.com", "ca_path": "/certs"}}
    )
    raw["portus"]["config"]["email"]["smtp"]["openssl_verify_mode"] = "peer"
    _, (problem,) = report(raw)
    assert problem.value == "/certs"
    assert problem.fix.startswith("write /etc/ssl/certs;")


def test_a_fix_may_repeat_an_address_beside_a_secret() -> None:
    """A fix says what to write."""
    raw = stack_with("database.host", "Db.Example.com", "external database")
    problem = Problem(key="database.host", value='"Db.Example.com"', rule="must be in lower case", fix="write Db.Example.com so")
    assert discreet(problem, raw) == problem
    password = stack_with("database.user", "Geheim-1234", "external database")
    for fix in ("not Geheim-1234", "not geheim_1234"):
        assert discreet(replace(problem, key="database.user", fix=fix), password).fix == f"not {MASKED}"
