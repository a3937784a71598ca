"""What becomes of single keys: the decisions that adoption makes, and those that it leaves to the reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ops.adopt import keys
from ops.adopt.classify.overview import names
from ops.adopt.model import Fate, Findings
from tests.ops.adopt import support

CONFIG = keys.PORTUS_CONFIG


def web(tmp_path: Path, *variables: str, image: str = "opensuse/portus:2.4.3", more: str = "", **answers: str) -> Findings:
    """Return what becomes of a Portus with these variables."""
    lines = "".join(f"      - {variable}\n" for variable in ("PORTUS_MACHINE_FQDN_VALUE=portus.team.test", *variables))
    text = f"services:\n  web:\n    image: {image}\n    environment:\n{lines}{more}"
    return support.adopted(support.lay(tmp_path, {"docker-compose.yml": text}), **answers)


def test_no_secret_of_the_database_is_kept() -> None:
    findings = support.adopted("tls-and-nginx")
    for name in ("services.web.environment.PORTUS_DB_PASSWORD", "MYSQL_ROOT_PASSWORD"):
        assert support.of(findings, name).fate is Fate.NOT_NEEDED
    assert findings.secrets == {}


@pytest.mark.parametrize("image", ["opensuse/portus:2.3", "opensuse/portus:2.4.3", "opensuse/portus:2.5"])
def test_the_hidden_users_password_is_not_kept_where_portus_sets_it_at_each_start(image: str, tmp_path: Path) -> None:
    findings = web(tmp_path, "PORTUS_PASSWORD=Old0123456789012345678901234567890123", image=image)
    assert support.of(findings, "PORTUS_PASSWORD").fate is Fate.NOT_NEEDED
    assert findings.secrets == {}


def test_the_hidden_users_password_is_kept_up_to_2_2() -> None:
    findings = support.adopted("apache-2-2")
    assert findings.secrets == {keys.EXISTING_PORTUS_PASSWORD: "Zebra0123456789012345678901234567890"}


def test_a_too_short_password_up_to_2_2_is_replaced_and_reported(tmp_path: Path) -> None:
    findings = web(tmp_path, "PORTUS_PORTUS_PASSWORD=short", image="opensuse/portus:2.2")
    assert findings.secrets[keys.EXISTING_PORTUS_PASSWORD] != "short"
    assert "replaced by a new one" in support.of(findings, "PORTUS_PORTUS_PASSWORD").text
    assert support.complaints(findings) == []


@pytest.mark.parametrize(
    ("image", "version", "fate"),
    [
        ("opensuse/portus:2.4.3", "2.4", Fate.TAKEN),
        ("docker.io/opensuse/portus:2.5", "2.5", Fate.TAKEN),
        ("opensuse/portus:head", "2.5", Fate.DECISION),
        ("opensuse/portus", "2.4", Fate.DECISION),
        ("registry.team.test:5000/own/portus:v2.3.1", "2.3", Fate.DECISION),
        ("own/portus@sha256:" + "a" * 64, "2.4", Fate.DECISION),
    ],
)
def test_the_release_is_read_from_the_tag_and_asked_where_the_tag_is_none(image: str, version: str, fate: Fate, tmp_path: Path) -> None:
    findings = web(tmp_path, image=image)
    assert findings.settings[keys.VERSION] == version
    assert support.of(findings, "services.web.image").fate is fate


def test_the_answer_decides_the_release(tmp_path: Path) -> None:
    findings = web(tmp_path, image="opensuse/portus:head", version="2.4")
    assert findings.settings[keys.VERSION] == "2.4"
    assert support.of(findings, "services.web.image").fate is Fate.TAKEN


@pytest.mark.parametrize(
    ("service", "survive", "why"),
    [
        ("portus.team.test", True, "same host"),
        ("images.team.test", True, "same host"),
        ("images.team.test:443", True, "same host"),
        ("portus.team.test:5000", False, "publicPort to 5000"),
        ("192.0.2.7:5000", False, "IP address"),
        ("[2001:db8::7]:5000", False, "IP address"),
        ("localhost:5000", False, "not a public DNS name"),
        ("registry:5000", False, "not a public DNS name"),
        ("portus.team.test:80", False, "no stack serves HTTPS on port 80"),
    ],
)
def test_the_report_says_whether_image_names_survive(service: str, survive: bool, why: str, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    text = (
        "services:\n  web:\n    image: opensuse/portus:2.5\n    environment: {PORTUS_MACHINE_FQDN_VALUE: portus.team.test}\n"
        f"  images:\n    image: registry:2\n    environment:\n      REGISTRY_AUTH_TOKEN_SERVICE: '{service}'\n"
    )
    source = support.read(support.lay(tmp_path, {"docker-compose.yml": text}))
    found = names(source, support.adopted(tmp_path / "docker-compose.yml"))
    assert (found.survive, why in found.why) == (survive, True), found


def test_image_names_are_reported_first(tmp_path: Path) -> None:
    file = support.COMPOSE / "ip-address" / "docker-compose.yml"
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path), env=support.ENVIRONMENT)
    assert result.output.startswith("Image names do not survive: 192.0.2.7:5000")
    for name in ("report.md", "plan.md"):
        text = (tmp_path / "adopt-prod" / name).read_text()
        assert text.index("192.0.2.7:5000") < 250


def test_a_source_that_does_not_name_the_registry_leaves_the_names_open(tmp_path: Path) -> None:
    file = support.COMPOSE / "bare" / "docker-compose.yml"
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path))
    assert result.output.startswith("Image names are not known: the source does not name the registry")
    assert "**Do images keep their names?** Not known" in (tmp_path / "adopt-prod" / "plan.md").read_text()


REGISTRY = "  images:\n    image: registry:2\n    environment:\n      REGISTRY_AUTH_TOKEN_SERVICE: registry.team.test\n"


@pytest.mark.parametrize(("host", "asked"), [("portus.team.test", False), ("registry.team.test", False), ("hub.team.test", True)])
def test_another_name_at_which_clients_get_tokens_is_asked(host: str, asked: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    findings = web(tmp_path, more=f"{REGISTRY}      REGISTRY_AUTH_TOKEN_REALM: https://{host}/v2/token\n")
    assert [question for question in findings.questions if f"--host {host}" in question] == findings.questions[: int(asked)]
    assert findings.settings[keys.HOST] == "portus.team.test"


def test_portus_gets_the_name_at_which_clients_get_tokens_if_its_own_is_unusable(tmp_path: Path) -> None:
    findings = web(
        tmp_path,
        "PORTUS_MACHINE_FQDN_VALUE=portus",
        more=f"{REGISTRY}      REGISTRY_AUTH_TOKEN_REALM: https://hub.team.test:3000/v2/token\n",
    )
    assert findings.settings[keys.HOST] == "hub.team.test"


@pytest.mark.parametrize(("secret", "host"), [("{file: ./name}", "portus.team.test"), ("{external: true}", None)])
def test_the_public_name_is_read_from_a_secret(secret: str, host: str | None, tmp_path: Path) -> None:
    text = (
        "services:\n  web:\n    image: opensuse/portus:2.5\n    environment: {PORTUS_MACHINE_FQDN_VALUE: /run/secrets/name}\n"
        f"    secrets: [name]\nsecrets:\n  name: {secret}\n"
    )
    findings = support.adopted(support.lay(tmp_path, {"docker-compose.yml": text, "name": "portus.team.test\n"}))
    assert findings.settings.get(keys.HOST) == host
    assert "\0" not in findings.missing.get(keys.HOST, "")


@pytest.mark.parametrize(
    ("image", "part"),
    [
        ("registry.team.test/hub/portus-registry:3", "the tag names no release|newest of that series"),
        ("hub/portus-nginx", "front proxy of its own"),
        ("hub/portus-mariadb:1", "MariaDB of its own"),
        ("hub/registry-browser", "not part of this program"),
    ],
)
def test_an_image_of_a_team_is_known_by_the_last_word_of_its_name(image: str, part: str, tmp_path: Path) -> None:
    findings = web(tmp_path, more=f"  other: {{image: '{image}'}}\n")
    assert re.search(part, support.of(findings, "services.other.image").text)


def test_an_unusable_host_is_named_as_missing_and_answered_by_an_option() -> None:
    assert "192.0.2.7" in support.adopted("ip-address").missing[keys.HOST]
    assert support.adopted("ip-address", host="portus.team.test").settings[keys.HOST] == "portus.team.test"


def test_the_environment_wins_over_the_configuration_file() -> None:
    findings = support.adopted("config-mounted")
    assert findings.settings[f"{CONFIG}.gravatar.enabled"] is False
    assert "PORTUS_GRAVATAR_ENABLED" in support.of(findings, "gravatar.enabled").text
    assert findings.settings[f"{CONFIG}.registry.jwt_expiration_time.value"] == 20


def test_settings_of_a_feature_that_is_off_are_not_written() -> None:
    findings = support.adopted("config-mounted")
    assert support.of(findings, "email.smtp.password").fate is Fate.NOT_NEEDED
    assert not [key for key in findings.settings if "smtp" in key]


def test_what_would_delete_during_the_move_is_written_harmless_and_asked() -> None:
    findings = support.adopted("github-traefik-cleanup")
    assert findings.settings[f"{CONFIG}.background.sync.strategy"] == "update"
    assert findings.settings[f"{CONFIG}.delete.garbage_collector.enabled"] is False
    for name in ("PORTUS_BACKGROUND_SYNC_STRATEGY", "PORTUS_DELETE_GARBAGE_COLLECTOR_ENABLED"):
        assert support.of(findings, name).fate is Fate.DECISION


MAIL = ("PORTUS_EMAIL_SMTP_ENABLED=true", "PORTUS_EMAIL_SMTP_ENABLE_STARTTLS_AUTO=true")


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("email.from", "Portus <portus@team.test>", "portus@team.test"),
        ("email.from", "portus@team", ""),
        ("email.from", "po..rtus@team.test", ""),
        ("email.smtp.address", "Mail.Team.Test", "mail.team.test"),
        ("email.smtp.address", "mail_team", ""),
        ("email.smtp.address", "smtp://mail.team.test:587", ""),
        ("security.clair.server", "http://clair.team.test:6060/", "http://clair.team.test:6060"),
        ("security.clair.server", "http://clair_team:6060", ""),
    ],
)
def test_an_address_that_the_program_refuses_is_corrected_or_asked(name: str, value: str, taken: str, tmp_path: Path) -> None:
    given = {"email.from": "a@team.test", "email.smtp.address": "mail.team.test"} | {name: value}
    variables = [f"PORTUS_{key.replace('.', '_').upper()}={text}" for key, text in given.items()]
    findings = web(tmp_path, *MAIL, *variables)
    verdict = support.of(findings, f"PORTUS_{name.replace('.', '_').upper()}")
    assert findings.settings.get(f"{CONFIG}.{name}", "") == taken
    assert verdict.fate is (Fate.TAKEN if taken else Fate.DECISION)
    assert {complaint.partition(":")[0] for complaint in support.complaints(findings)} == set(findings.missing)


def test_a_feature_inside_one_that_is_off_is_not_missing(tmp_path: Path) -> None:
    findings = web(tmp_path, "PORTUS_LDAP_AUTHENTICATION_ENABLED=true")
    assert findings.missing == {}


def test_a_setting_of_another_release_has_no_counterpart() -> None:
    verdict = support.of(support.adopted("github-traefik-cleanup"), "PORTUS_DELETE_GARBAGE_COLLECTOR_KEEP_LATEST")
    assert (verdict.fate, "only Portus 2.5" in verdict.text) == (Fate.NO_COUNTERPART, True)


def test_a_misspelt_variable_is_asked_with_the_name_that_was_meant() -> None:
    findings = support.adopted("ldap-clear-misspelt")
    assert "PORTUS_LDAP_AUTHENTICATION_ENABLED" in support.of(findings, "PORTUS_LDAP_AUTHENTICATON_ENABLED").text
    assert "PORTUS_BACKGROUND_SYNC_ENABLED" in support.of(findings, "PORTUS_SYNC_ENABLED").text


@pytest.mark.parametrize(
    ("variable", "key"),
    [("PORTUS_SIGNUP_ENABLED='false'", "portus:portus.config.signup.enabled"), ("PORTUS_LOG_LEVEL='info'", "portus:portus.logLevel")],
)
def test_quotes_inside_a_value_are_asked_with_the_key_to_write(variable: str, key: str, tmp_path: Path) -> None:
    verdict = support.of(web(tmp_path, variable), variable.partition("=")[0])
    assert verdict.fate is Fate.DECISION
    assert f"write it without quotes as {key}" in verdict.text


@pytest.mark.parametrize("quotes", ["''", '""'])
def test_nothing_between_quotes_is_no_value(quotes: str, tmp_path: Path) -> None:
    findings = web(tmp_path, f"PORTUS_EMAIL_FROM={quotes}", "PORTUS_EMAIL_SMTP_ENABLED=true")
    assert support.of(findings, "PORTUS_EMAIL_FROM").fate is Fate.NOT_NEEDED
    assert f"{CONFIG}.email.from" in findings.missing


def test_quotes_inside_a_value_that_the_program_sets_are_not_asked() -> None:
    assert support.of(support.adopted("ldap-clear-misspelt"), "RAILS_SERVE_STATIC_FILES").fate is Fate.NOT_NEEDED


def test_a_service_of_the_old_deployment_is_asked_for_its_address() -> None:
    findings = support.adopted("ldap-inside")
    assert support.of(findings, "PORTUS_LDAP_HOSTNAME").fate is Fate.DECISION
    assert support.of(support.adopted("clair-redis-external"), "PORTUS_SECURITY_CLAIR_SERVER").fate is Fate.DECISION


def test_an_alias_in_a_network_is_a_service_of_the_old_deployment(tmp_path: Path) -> None:
    more = "  db:\n    image: mariadb:10.0.23\n    networks: {inner: {aliases: [store]}}\nnetworks: {inner: {}}\n"
    assert support.of(web(tmp_path, "PORTUS_DB_HOST=store", more=more), "PORTUS_DB_HOST").fate is Fate.NOT_NEEDED


@pytest.mark.parametrize("variables", [{"PORTUS_DB_HOST": "db"}, {}])
def test_a_tool_of_the_same_image_is_no_second_portus(variables: dict[str, str], tmp_path: Path) -> None:
    tool = {"image": "opensuse/portus:2.4.3", "command": "bash"}
    server = {"image": "opensuse/portus:2.4.3", "environment": variables}
    text = yaml.safe_dump({"services": {"portus": server, "tool": tool}})
    findings = support.adopted(support.lay(tmp_path, {"docker-compose.yml": text}))
    assert "is not part of this program" in support.of(findings, "services.tool.image").text


def test_a_program_that_is_built_and_not_known_is_asked_and_a_proxy_by_its_name_is_not(tmp_path: Path) -> None:
    findings = web(tmp_path, more="  scan:\n    build: ./scan\n  proxy:\n    build: ./proxy\n")
    assert "is not part of this program" in support.of(findings, "services.scan.build").text
    assert support.of(findings, "services.proxy.build").fate is Fate.NOT_NEEDED


def test_a_database_elsewhere_is_asked() -> None:
    assert "server elsewhere" in support.of(support.adopted("clair-redis-external"), "PORTUS_DB_HOST").text


def test_postgresql_is_asked_since_no_dump_of_it_can_be_loaded(tmp_path: Path) -> None:
    assert "postgresql" in support.of(web(tmp_path, "PORTUS_DB_ADAPTER=postgresql"), "PORTUS_DB_ADAPTER").text


def test_a_secret_in_a_file_is_read() -> None:
    findings = support.adopted("swarm-secrets")
    assert findings.secrets == {f"{CONFIG}.email.smtp.password": "zebra-mail"}
    assert findings.settings[f"{CONFIG}.email.smtp.port"] == 587


def test_s3_is_taken_with_its_keys_encrypted() -> None:
    findings = support.adopted("s3-certbot")
    storage = {key.rpartition(".")[2]: value for key, value in findings.settings.items() if key.startswith(f"{keys.REGISTRY_STORAGE}.")}
    assert storage == {"driver": "s3", "bucket": "team-images", "region": "eu-west-1", "chunksize": 10485760}
    assert set(findings.secrets) == {f"{keys.REGISTRY_STORAGE}.accesskey", f"{keys.REGISTRY_STORAGE}.secretkey"}


def test_receivers_besides_portus_are_asked_by_name() -> None:
    assert "chat" in support.of(support.adopted("clair-redis-external"), "REGISTRY_NOTIFICATIONS_ENDPOINTS").text


def test_a_worker_with_another_value_than_the_web_server_is_asked(tmp_path: Path) -> None:
    more = "  jobs:\n    image: opensuse/portus:2.4.3\n    environment:\n      PORTUS_BACKGROUND: 1\n      PORTUS_SIGNUP_ENABLED: 'true'\n"
    findings = web(tmp_path, "PORTUS_SIGNUP_ENABLED=false", more=more)
    assert support.of(findings, "services.jobs.environment.PORTUS_SIGNUP_ENABLED").fate is Fate.DECISION
    assert findings.settings[f"{CONFIG}.signup.enabled"] is False


def test_a_worker_of_another_image_is_asked_and_its_keys_that_nothing_needs_are_not(tmp_path: Path) -> None:
    more = "  jobs:\n    image: opensuse/portus:head\n    environment:\n      - PORTUS_BACKGROUND=true\n"
    more += "      - PORTUS_CHECK_SSL_USAGE_ENABLED='false'\n"
    findings = web(tmp_path, "PORTUS_CHECK_SSL_USAGE_ENABLED=false", more=more)
    assert support.of(findings, "services.jobs.environment.PORTUS_CHECK_SSL_USAGE_ENABLED").fate is Fate.NOT_NEEDED
    asked = support.of(findings, "services.jobs.image")
    assert asked.fate is Fate.DECISION
    assert "opensuse/portus:2.4.3" in asked.text


def test_a_secrets_file_that_the_worker_does_not_mount_is_no_other_value(tmp_path: Path) -> None:
    text = (
        "services:\n  web: &web\n    image: opensuse/portus:2.5\n    environment: &own {PORTUS_DB_PASSWORD_FILE: /run/secrets/x}\n"
        "    secrets: [x]\n  jobs:\n    image: opensuse/portus:2.5\n    environment: {<<: *own, PORTUS_BACKGROUND: 'true'}\n"
        "secrets: {x: {file: ./x}}\n"
    )
    findings = support.adopted(support.lay(tmp_path, {"docker-compose.yml": text, "x": "zebra\n"}))
    assert support.of(findings, "services.jobs.environment.PORTUS_DB_PASSWORD_FILE").text == "as in web"


@pytest.mark.parametrize(
    "flags", ["--innodb-buffer-pool-size=2G", "--max_connections=900", "--innodb_buffer_pool_size=64m --max-connections=50"]
)
def test_sizes_of_the_database_are_taken_with_the_memory_that_they_need(flags: str, tmp_path: Path) -> None:
    findings = web(tmp_path, more=f"  db:\n    image: mariadb:10.3\n    command: mysqld {flags}\n")
    assert support.of(findings, "services.db.command").fate is Fate.TAKEN
    assert support.complaints(findings) == []


@pytest.mark.parametrize("count", [1, 2, 3, 8, 32, 99])
def test_puma_workers_are_taken_with_the_memory_that_they_need(count: int, tmp_path: Path) -> None:
    assert support.complaints(web(tmp_path, f"PORTUS_PUMA_WORKERS={count}")) == []


@pytest.mark.parametrize(
    ("endpoint", "fate"),
    [
        ("https://s3.team.test", Fate.TAKEN),
        ("http://minio:9000", Fate.DECISION),
        ("s3.team.test", Fate.DECISION),
        ("https://user:zebra@s3.team.test", Fate.DECISION),
    ],
)
def test_the_address_of_a_store_is_taken_or_asked_and_never_with_a_password(endpoint: str, fate: Fate, tmp_path: Path) -> None:
    more = (
        "  images:\n    image: registry:2\n    environment:\n"
        "      REGISTRY_STORAGE_S3_BUCKET: b\n      REGISTRY_STORAGE_S3_REGION: us-east-1\n"
        f"      REGISTRY_STORAGE_S3_REGIONENDPOINT: {endpoint}\n  minio: {{image: minio/minio}}\n"
    )
    findings = web(tmp_path, more=more)
    assert support.of(findings, "REGISTRY_STORAGE_S3_REGIONENDPOINT").fate is fate
    assert "zebra" not in str(findings.settings)
    assert [complaint for complaint in support.complaints(findings) if "regionendpoint" in complaint] == []


def test_a_url_of_portus_with_a_password_is_asked_and_not_written(tmp_path: Path) -> None:
    findings = web(tmp_path, "PORTUS_SECURITY_CLAIR_SERVER=http://scan:zebra@clair.team.test")
    assert support.of(findings, "PORTUS_SECURITY_CLAIR_SERVER").fate is Fate.DECISION
    assert "zebra" not in str(findings.settings) + str(findings.verdicts[0].text)


@pytest.mark.parametrize(
    ("written", "fate", "replicas"),
    [
        ("{labels: [a=b], placement: {constraints: [node.role == worker]}}", Fate.NOT_NEEDED, None),
        ("{replicas: 3}", Fate.TAKEN, 3),
        ("{replicas: 1, mode: replicated}", Fate.NOT_NEEDED, None),
        ("{replicas: 2, resources: {limits: {memory: 2G}}}", Fate.DECISION, 2),
        ("{resources: {limits: {memory: 2G}}}", Fate.DECISION, None),
    ],
)
def test_of_deploy_only_limits_are_asked_and_the_web_servers_replicas_are_taken(
    written: str, fate: Fate, replicas: int | None, tmp_path: Path
) -> None:
    findings = web(tmp_path, more=f"    deploy: {written}\n")
    assert support.of(findings, "services.web.deploy").fate is fate
    assert findings.settings.get(keys.WEB_REPLICAS) == replicas
    assert support.complaints(findings) == []


def test_an_image_of_2_2_that_is_pinned_by_digest_is_kept_as_it_is(tmp_path: Path) -> None:
    image = "registry.team.test/own/portus@sha256:" + "a" * 64
    findings = web(tmp_path, image=image, version="2.2")
    assert findings.settings[keys.IMAGE_PORTUS] == image
    assert support.complaints(findings) == []
