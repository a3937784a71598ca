"""Settings: cconfig's typing, the order of sources, values pasted into YAML, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.portus_double.config import Settings, database_address, pasted, secrets, typed
from lab.portus_double.errors import ApplicationError
from lab.portus_double.release import RELEASES

PUMA, APACHE = RELEASES["2.5"], RELEASES["2.2"]
COMPLETE = {"PORTUS_SECRET_KEY_BASE": "b1", "PORTUS_KEY_PATH": "/k", "PORTUS_PASSWORD": "p1"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("15", 15),
        ("-5", -5),
        ("010", 8),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("08", "08"),
        ("1__0", "1__0"),
        ("", ""),
        ("yes", "yes"),
        ("15m", "15m"),
    ],
)
def test_the_environment_is_typed_as_ruby_reads_integers(text: str, value: object) -> None:
    assert typed(text) == value
    assert type(typed(text)) is type(value)


def test_only_the_boolean_true_enables() -> None:
    for value, enabled in (("true", True), ("1", False), ("yes", False), ("false", False)):
        assert Settings(PUMA, {"PORTUS_DELETE_ENABLED": value}).enabled("delete") is enabled


def test_environment_wins_over_the_local_file_and_that_over_what_is_shipped(tmp_path: Path) -> None:
    local = tmp_path / "config-local.yml"
    local.write_text("machine_fqdn:\n  value: file.example.test\nregistry:\n  jwt_expiration_time:\n    value: 7\n")
    settings = Settings(PUMA, {"PORTUS_LOCAL_CONFIG_PATH": str(local), "PORTUS_MACHINE_FQDN_VALUE": "env.example.test"})
    assert settings.value("machine_fqdn.value") == "env.example.test"
    assert settings.number("registry.jwt_expiration_time.value") == 7
    assert Settings(PUMA, {}).value("machine_fqdn.value") == "portus.test.lan"


def test_apache_passes_only_the_host_name_on() -> None:
    settings = Settings(APACHE, {"PORTUS_MACHINE_FQDN_VALUE": "portus.example.test", "PORTUS_SIGNUP_ENABLED": "false"})
    assert settings.value("machine_fqdn.value") == "portus.example.test"
    assert settings.enabled("signup")


@pytest.mark.parametrize(("text", "value"), [("Abc123", "Abc123"), ("12345", 12345), ("a #b", "a"), ("0123", 83), ("true", True)])
def test_a_value_pasted_into_yaml_is_what_yaml_makes_of_it(text: str, value: object) -> None:
    assert pasted(text) == value


@pytest.mark.parametrize("text", ["@a", "%a", "a: b", "[a", "*a"])
def test_a_value_that_breaks_the_yaml_keeps_the_application_from_starting(text: str) -> None:
    with pytest.raises(ApplicationError):
        pasted(text)


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_each_secret_is_mandatory(name: str) -> None:
    for broken in ({**COMPLETE, name: ""}, {key: value for key, value in COMPLETE.items() if key != name}):
        with pytest.raises(ApplicationError, match=f"Environment variable `{name}` has not been set! This variable is mandatory"):
            secrets(PUMA, broken)


def test_secrets_do_not_show_in_a_representation() -> None:
    assert "p1" not in repr(secrets(PUMA, COMPLETE))
    assert "hidden1" not in repr(database_address(PUMA, {"PORTUS_DB_PASSWORD": "hidden1"}))


def test_apache_knows_no_database_port() -> None:
    assert database_address(APACHE, {"MARIADB_SERVICE_HOST": "db", "MARIADB_SERVICE_PORT": "3307"}).port == 3306


def test_a_port_injected_by_a_service_link_keeps_puma_from_starting() -> None:
    with pytest.raises(ApplicationError):
        database_address(PUMA, {"PORTUS_DB_PORT": "tcp://10.0.0.1:3306"})
