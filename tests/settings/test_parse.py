"""What is accepted, what is told at once, and where it stands."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import pytest
import yaml
from pydantic import ValidationError

from components.settings.load import _content, _is_secure, _parsed, sections, settings_of, unknown_namespaces
from components.settings.parse import parse
from components.settings.report.problems import HIDDEN, SettingsError
from components.settings.report.stack_file import located, without_settings
from components.settings.stack import StackSettings
from components.settings.types.cron import read
from tests.recorder import Program, run_program
from tests.settings.corpus import BAD, StackFile

BASE: dict[str, Any] = {
    "profile": "development",
    "host": "portus.example.com",
    "portus": {"version": "2.5"},
    "exposure": {"kind": "load_balancer"},
}


def parsed(**sections: Any) -> StackSettings:
    return parse({**BASE, **sections}, file="stack.yaml", encrypted=lambda _: True)


def problems(**sections: Any) -> dict[str, str]:
    with pytest.raises(SettingsError) as raised:
        parsed(**sections)
    return {problem.key: problem.rule for problem in raised.value.problems}


def configured(version: str = "2.5", **config: Any) -> StackSettings:
    images = {} if version >= "2.3" else {"portus": f"registry.example.com/portus:{version}"}
    return parsed(portus={"version": version, "config": config, "bootstrap": {"enabled": version != "2.0"}}, images=images)


def test_the_smallest_stack_file_needs_host_version_and_exposure() -> None:
    stack = parse({k: v for k, v in BASE.items() if k != "profile"} | {"accept": ["self_signed_certificate"]}, file="", encrypted=bool)
    assert stack.registry_authority == "portus.example.com"
    assert stack.protect


def test_settings_cannot_be_changed_once_they_are_read() -> None:
    stack = parsed()
    for section in (stack, stack.portus.web, stack.exposure.edge, stack.tls):
        name = next(iter(type(section).model_fields))
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, name, getattr(section, name))


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5"])
def test_each_version_takes_what_all_know(version: str) -> None:
    stack = configured(version, gravatar={"enabled": False}, email={"from": "portus@example.com", "name": "Portus"})
    assert stack.portus.config.gravatar.enabled is False


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ldap.hostname", "ldap"),
        ("ldap.hostname", "10.0.0.1"),
        ("ldap.hostname", "fd00::1".replace(":", "-")),
        ("ldap.hostname", "ldap.directory.svc.cluster.local"),
        ("ldap.base", r"ou=People\, old,dc=example,dc=com"),
        ("ldap.filter", "mail=george*"),
        ("ldap.filter", "(&(objectClass=person)(|(ou=a)(ou=b)))"),
        ("delete.garbage_collector.tag", r"build-\d+"),
        ("delete.garbage_collector.tag", r"\A(?<name>build|test)-\h+\z"),
        ("delete.garbage_collector.tag", r"(?<!v)\p{Alpha}+$"),
        ("security.clair.server", "http://clair:6060"),
        ("oauth.openid_connect.issuer", "https://tenant.example.com/"),
        ("oauth.google_oauth2.id", "1234567890-abc.apps.googleusercontent.com"),
        ("email.name", "Portus — Registry"),
        ("email.name", "0815"),  # no octal number, so Ruby leaves it a text
    ],
)
def test_values_that_look_odd_and_are_right(path: str, value: str) -> None:
    config: dict[str, Any] = {path.rsplit(".", maxsplit=1)[-1]: value}
    for step in reversed(path.split(".")[:-1]):
        config = {step: config}
    for feature in ("ldap", "oauth", "delete"):
        _off(config.get(feature))
    assert configured(**config)


def _off(node: Any) -> None:
    """Switch every feature on the way off, so that its settings may stand there."""
    if isinstance(node, dict):
        if not {"hd", "team", "garbage_collector"} & set(node) and not all(isinstance(item, dict) for item in node.values()):
            node.setdefault("enabled", False)
        for item in node.values():
            _off(item)


def test_what_is_accepted_by_name_is_not_refused() -> None:
    sync = {"background": {"sync": {"strategy": "update-delete"}, "registry": {"enabled": False}}}
    stack = parsed(portus={"version": "2.5", "config": sync}, accept=["deleting_synchronization", "unrecorded_pushes"])
    assert stack.portus.config.background.sync.strategy == "update-delete"


def test_a_secret_may_stand_in_a_secret_of_somebody_else() -> None:
    oauth = {"gitlab": {"enabled": True, "application_id": "abc", "secret": {"secret": "gitlab", "key": "client-secret"}}}
    stack = parse({**BASE, "portus": {"version": "2.5", "config": {"oauth": oauth}}}, file="", encrypted=lambda _: False)
    assert stack.portus.config.oauth.gitlab.secret is not None


def test_everything_wrong_is_told_at_once() -> None:
    found = problems(
        host="https://portus.example.com",
        portus={"version": "2.4", "config": {"pagination": {"per_page": 9}, "email": {"smtp": {"enabled": "yes"}}}},
        database={"kind": "in_cluster", "user": "root", "pool": 5},
        exposure={"kind": "node_port", "httpsNodePort": 30443, "httpNodePort": 30443},
    )
    assert set(found) == {
        "host",
        "portus.config.pagination.per_page",
        "portus.config.email.smtp.enabled",
        "database.user",
        "database.pool",
        "exposure.httpNodePort",
    }


def test_a_rule_does_not_speak_of_what_is_blamed_already() -> None:
    config = {"email": {"from": "Portus", "smtp": {"enabled": True, "address": "smtp:25"}}}
    assert set(problems(portus={"version": "2.5", "config": config})) == {
        "portus.config.email.from",
        "portus.config.email.smtp.address",
    }


def test_a_rule_that_rests_on_a_wrong_version_is_silent() -> None:
    config = {"pagination": {"limit": 9}}
    assert set(problems(portus={"version": "2.7", "config": config})) == {"portus.version"}


@pytest.mark.parametrize("secret", ["hunter2-hunter2", "12345678"])
def test_no_value_of_a_secret_is_ever_shown(secret: str) -> None:
    config = {
        "ldap": {"authentication": {"password": secret, "pasword": secret}},
        "email": {"smtp": {"user_name": "x", "password": [secret]}},
    }
    with pytest.raises(SettingsError) as raised:
        parse({**BASE, "portus": {"version": "2.5", "config": config}}, file="", encrypted=lambda _: False)
    assert secret not in str(raised.value)
    assert HIDDEN in str(raised.value)


def test_the_letters_of_a_certificate_are_taken_for_no_secret() -> None:
    certificate = f"-----BEGIN CERTIFICATE-----\nMIIpWd{'A' * 58}\n-----END CERTIFICATE-----\n"
    tls = {"source": "existing_secret", "secret": "portus", "certificate": [certificate]}
    raw = {"host": "portus.example.com", "portus": {"version": "2.5"}, "exposure": {"kind": "load_balancer"}, "tls": tls}
    with pytest.raises(SettingsError) as raised:
        parse(raw, file="f", encrypted=lambda _: False)
    (problem,) = raised.value.problems
    assert problem.fix == "write one text after '|', with all certificates in it and without '-'"


def test_each_problem_names_the_line_of_its_key_or_of_the_nearest_above() -> None:
    (file,) = (each for each in BAD if each.id == "together/every_section")
    lines = file.row["file"].splitlines()
    named = re.findall(r"portus:(\S+).*\(line (\d+)\)", file.report())
    assert len(named) > 10
    for key, line in named:
        steps = [f"portus:{key.split('.')[0]}", *key.split(".")[1:]]
        assert any(lines[int(line) - 1].strip().startswith(f"{step}:") for step in steps), key


def test_the_line_of_an_entry_of_a_list_is_the_entrys(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(yaml.safe_dump({"config": {f"portus:{k}": v for k, v in {**BASE, "accept": ["unprotected_state", "x"]}.items()}}))
    wanted = next(n for n, line in enumerate(file.read_text().splitlines(), start=1) if line.strip() == "- x")
    assert f'portus:accept[1] = "x"  (line {wanted})' in StackFile(file).report()


@pytest.mark.parametrize(("name", "fit"), [("qa_", "qa"), ("_qa", "qa"), ("a" * 64, "a" * 63), ("qa.", "qa"), ("-", "portus")])
def test_a_stack_whose_name_is_no_label_is_refused_with_the_rule(name: str, fit: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(BASE, file="stack.yaml", encrypted=bool, name=name)
    (problem,) = raised.value.problems
    assert (problem.namespace, problem.key, problem.fix) == ("pulumi", "stack", f"pulumi stack rename {fit}")
    assert parse(BASE, file="stack.yaml", encrypted=bool, name=fit)


@pytest.mark.parametrize("name", ["qa", "qa-1.eu_west", "a" * 63, "Q"])
def test_a_stacks_name_that_is_a_label_is_accepted(name: str) -> None:
    assert parse(BASE, file="stack.yaml", encrypted=bool, name=name)


# A stack file without any settings is one problem.


WRITE = "write config:, and below it portus:host, portus:portus and portus:exposure (stacks/ has examples)"


@pytest.mark.parametrize(
    ("text", "key", "line", "fix"),
    [
        ("", "config", 0, f"the file is empty or missing: {WRITE}"),
        ("# nothing\n", "config", 0, f"the file is empty or missing: {WRITE}"),
        ("encryptionsalt: v1:abc\n", "config", 0, WRITE),
        ("config:\n", "config", 1, WRITE),
        ("config: {}\n", "config", 1, WRITE),
        ("confg:\n  portus:host: portus.example.com\n", "confg", 1, "did you mean 'config'?"),
        ("Config:\n  portus:host: portus.example.com\n", "Config", 1, "did you mean 'config'?"),
        (
            "portus:host: portus.example.com\n",
            "config",
            0,
            "write 'config:' above portus:host, and all keys that begin with 'portus:' below it, indented",
        ),
    ],
)
def test_an_empty_file_or_one_without_config_says_so_and_nothing_else(tmp_path: Path, text: str, key: str, line: int, fix: str) -> None:
    file = tmp_path / "Pulumi.qa.yaml"
    file.write_text(text)
    rule = "must have the settings of this program" if key == "config" else "unknown key"
    where = f"  (line {line})" if line else ""
    head = "Pulumi.qa.yaml: 1 problem; nothing was created or changed."
    assert StackFile(file).report() == f"{head}\n\n  1. {key}{where}\n     {rule}\n     fix: {fix}\n"


@pytest.mark.parametrize("text", ["PORTUS_HOST=portus.example.com\n", "- portus:host: a\n", "42\n"], ids=["env", "list", "number"])
def test_a_file_that_is_no_mapping_says_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "Pulumi.qa.yaml"
    file.write_text(text)
    problems = without_settings(yaml.safe_load(text), "portus")
    assert [(each.key, each.rule, each.fix) for each in problems] == [("config", "must be a mapping that begins with 'config:'", WRITE)]


def test_a_key_of_the_program_beside_config_is_told_with_everything_else(tmp_path: Path) -> None:
    """Pulumi ignores it, so the stack would have the default instead."""
    written = {"portus:profile": "development", "portus:portus": '{"version": "2.5"}', "portus:exposure": '{"kind": "load_balancer"}'}
    file = tmp_path / "Pulumi.qa.yaml"
    content = {"config": written, "portus:backup": {"keep": 90}, "x-anchors": {}}
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        _parsed(sections(written, "portus:"), content, file=file.name, encrypted=lambda _: True, unknown_namespaces=())
    found = {(problem.namespace, problem.key): problem for problem in located(raised.value, file).problems}
    assert set(found) == {("portus", "host"), ("", "portus:backup")}
    assert found["", "portus:backup"].line == 5
    assert found["", "portus:backup"].rule == "must be below 'config:': Pulumi ignores it here"


@pytest.mark.parametrize("text", ["2026-13-45", "=", "0x_", '"\\ud800"', "!Ref x", "[" * 3000 + "]" * 3000], ids=range(6))
def test_the_program_reads_a_stack_file_without_a_traceback(tmp_path: Path, text: str) -> None:
    file = tmp_path / "Pulumi.qa.yaml"
    file.write_text(f"config:\n  portus:cluster: {{context: {text}}}\n  portus:database: {{password: {{secure: v1:abc}}}}\n")
    assert _is_secure(settings_of(_content(file), "portus:"), ("database", "password"))


ALL_BARE = {"host": "portus.example.com", "portus": '{"version": "2.5"}', "exposure": '{"kind": "load_balancer"}'}
ONE_BARE = {
    "portus:profile": "development",
    "host": "portus.example.com",
    "portus:portus": '{"version": "2.5"}',
    "portus:exposure": '{"kind": "load_balancer"}',
}


def _refused(tmp_path: Path, configuration: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return namespace, key and fix of each problem of a stack with ``configuration``, as the program itself reports them."""
    file = tmp_path / "Pulumi.qa.yaml"
    file.write_text(yaml.safe_dump({"config": dict(configuration)}, sort_keys=False), encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        _parsed(
            sections(configuration, "portus:"),
            yaml.safe_load(file.read_text(encoding="utf-8")),
            file=file.name,
            encrypted=lambda _: True,
            unknown_namespaces=unknown_namespaces(configuration),
        )
    found = located(raised.value, file).problems
    assert all(problem.line for problem in found)
    return [(problem.namespace, problem.key, problem.fix) for problem in found]


@pytest.mark.parametrize("sign", [".", "_", "-", "/"])
def test_keys_with_another_sign_behind_the_prefix_are_one_problem(tmp_path: Path, sign: str) -> None:
    fix = f"write 'portus:host' instead of 'portus{sign}host', and the same for every other key"
    assert _refused(tmp_path, {f"portus{sign}{key}": value for key, value in ALL_BARE.items()}) == [("", "config", fix)]


def test_keys_without_the_prefix_are_one_problem_for_each_mistake(tmp_path: Path) -> None:
    everything = "write 'portus:host' instead of 'host', and the same for every other key"
    assert _refused(tmp_path, ALL_BARE) == [("", "config", everything)]
    assert _refused(tmp_path, ONE_BARE) == [("", "host", "write 'portus:host'")]
    foreign = {f"other:{key.removeprefix('portus:')}": value for key, value in ONE_BARE.items()}
    assert [fix for _, _, fix in _refused(tmp_path, foreign)] == [
        "write 'portus:profile'",
        "write 'portus:host'",
        "write 'portus:portus'",
        "write 'portus:exposure'",
    ]


def test_the_program_refuses_a_stack_without_settings_with_one_problem() -> None:
    program = Program("nothing")
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": "[]"}), pytest.raises(pulumi.RunError, match="1 problem") as raised:
        run_program("nothing", {}, into=program)
    assert "the file is empty or missing" in str(raised.value)
    assert program.resources == []


# Schedules are read as Kubernetes' own parser reads them.


HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("17 2 * * *", DAY),
        ("@daily", DAY),
        ("@hourly", HOUR),
        ("*/15 * * * *", 900),
        ("0 1,13 * * *", 12 * HOUR),
        ("0 6-18/6 * * *", 12 * HOUR),
        ("30 3 * * mon-fri", 3 * DAY),
        ("30 3 * * SUN", 7 * DAY),
        ("0 0 1 * ?", 31 * DAY),
        ("0 0 13 * 5", 7 * DAY),  # either the 13th or a Friday
        ("0 0 */2 * 1", 2 * DAY),  # a step says something too
        ("0 0 29 2 *", 1461 * DAY),
    ],
)
def test_the_longest_time_between_two_runs(text: str, gap: int) -> None:
    assert read(text).longest_gap() == gap


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "1- * * * *",
        "a * * * *",
        "*-5 * * * *",
        "1/0 * * * *",
    ],
)
def test_what_kubernetes_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it has|is not a|a step above zero|ends before"):
        read(text)
