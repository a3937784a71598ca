"""The tables of adoption agree with the program that it writes for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.settings.sections import storage
from components.settings.stack import Accepted, StackSettings
from ops.adopt import keys
from ops.adopt.classify import Answers, classify
from ops.adopt.classify.overview import RELEASES
from ops.adopt.classify.registry import DRIVERS
from ops.adopt.model import Fate, Findings, Item, Place, Role, Source, Workload
from ops.adopt.portus_keys import KEYS
from tests.ops.adopt import support

MANUAL = Path("docs/reference/settings.md").read_text()


def documented(heading: str) -> dict[str, list[str]]:
    """Return the table below a heading of the manual: key -> cells."""
    section = MANUAL.split(f"{heading}\n", 1)[1]
    section = re.split(r"^#{2,3} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row] for row in rows}


def test_portus_keys_and_their_releases_are_those_of_the_manual() -> None:
    rows = {key: cells for key, cells in documented("### `portus:portus.config`").items() if cells[1]}
    assert {key: (known.first, known.last) for key, known in KEYS.items()} == {
        key: (cells[3].split(" to ")[0], cells[3].split(" to ")[-1]) for key, cells in rows.items()
    }


def test_secret_keys_are_those_that_the_manual_calls_secret() -> None:
    rows = documented("### `portus:portus.config`")
    assert {key for key, known in KEYS.items() if known.kind == "secret"} == {key for key, cells in rows.items() if "secret" in cells[1]}


def test_every_object_store_of_the_settings_can_be_adopted() -> None:
    assert set(DRIVERS) == set(storage.DRIVERS) - {"filesystem"}


@pytest.mark.parametrize("driver", DRIVERS)
def test_parameters_of_storage_drivers_exist(driver: str) -> None:
    rows = documented(f"### `driver: {driver}`")
    assert {f"storage.{name}" for name in DRIVERS[driver]} <= set(rows)


WAIVERS = {keys.SELF_SIGNED, keys.CLEAR_TEXT, keys.FLOATING_TAGS, keys.SHARED_PASSWORDS, keys.UNRECORDED_PUSHES}
NAMED = {name: value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str) and name != "PREFIX"}


@pytest.mark.parametrize("name", sorted(name for name, value in NAMED.items() if value not in WAIVERS))
def test_every_key_that_adoption_names_is_in_the_manual(name: str) -> None:
    section, _, rest = NAMED[name].partition(".")
    text = re.split(r"^## ", MANUAL.split(f"## `{keys.PREFIX}{section}`\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    assert not rest or f"`{rest}`" in text or f"`{keys.PREFIX}{NAMED[name]}`" in text, NAMED[name]


def test_every_waiver_exists() -> None:
    assert {waiver.value for waiver in Accepted} >= WAIVERS


def test_the_sections_of_the_file_exist() -> None:
    assert set(keys.SECTIONS) <= {field.alias or name for name, field in StackSettings.model_fields.items()}


def test_no_other_module_spells_a_key_of_the_stack_file() -> None:
    sections = "|".join(keys.SECTIONS)
    for path in Path("ops/adopt").rglob("*.py"):
        if path.name != "keys.py":
            assert re.findall(rf"portus:(?:{sections})\.\w+", path.read_text()) == [], path


# Every setting of Portus, in every release: what adoption writes loads, or is named as missing.


BY_KIND = {"flag": "true", "number": "30", "secret": "Sec-ret1x", "text": "x"}
BY_KEY = {
    "background.sync.strategy": "update-delete",
    "email.from": "portus@team.test",
    "email.reply_to": "portus@team.test",
    "email.smtp.authentication": "login",
    "email.smtp.ca_path": "/etc/ssl/certs",
    "email.smtp.openssl_verify_mode": "peer",
    "email.smtp.ssl_tls": "tls",
    "jwt_expiration_time.value": "15.minutes",
    "ldap.authentication.bind_dn": "cn=reader,dc=team",
    "ldap.encryption.method": "start_tls",
    "ldap.encryption.options.ssl_version": "TLSv1_2",
    "ldap.filter": "(mail=*)",
    "ldap.group_sync.default_role": "viewer",
    "ldap.method": "starttls",
    "ldap.port": "389",
    "user_permission.push_images.policy": "admin-only",
}
BY_END = {
    "base": "dc=team",
    "domain": "team.test",
    "hd": "team.test",
    "hostname": "ldap.team.test",
    "identifier": "https://id.team.test/",
    "issuer": "https://id.team.test/",
    "server": "https://other.team.test",
    "address": "mail.team.test",
}


def text_of(key: str) -> str:
    """Return a value that Portus takes."""
    end = key.rpartition(".")[2]
    return BY_KEY.get(key) or BY_END.get(end.rpartition("_")[2] if end.endswith("_base") else end) or BY_KIND[KEYS[key].kind]


def portus(version: str, settings: Mapping[str, str]) -> Findings:
    """Return what becomes of a Portus with ``settings`` in its environment."""
    image = Item(Place("f", 1), "image", f"opensuse/portus:{version}")
    web = Workload("web", image, Role.PORTUS, image=image)
    for key, text in {"machine_fqdn.value": "portus.team.test", **settings}.items():
        name = "PORTUS_" + key.replace(".", "_").upper()
        web.environment[name] = Item(Place("f", 2), name, text)
    return classify(Source("compose", workloads=[web]), Answers())


@pytest.mark.parametrize("version", RELEASES)
def test_all_settings_together_load(version: str) -> None:
    findings = portus(version, {key: text_of(key) for key in KEYS if key != "email.smtp.ssl_tls"})
    assert (support.complaints(findings), findings.missing) == ([], {})
    assert len([verdict for verdict in findings.verdicts if verdict.fate is Fate.TAKEN]) > 10


@pytest.mark.parametrize("version", RELEASES)
def test_each_setting_alone_loads_or_names_what_it_needs(version: str) -> None:
    for key, known in KEYS.items():
        for text in ("true", "false") if known.kind == "flag" else (text_of(key),):
            findings = portus(version, {key: text})
            wrong = [complaint for complaint in support.complaints(findings) if complaint.partition(":")[0] not in findings.missing]
            assert wrong == [], (key, text)


@pytest.mark.parametrize(("key", "text"), [("signup.enabled", "yes"), ("email.smtp.port", "smtp"), ("pagination.per_page", "-1")])
def test_a_value_that_portus_cannot_read_is_asked(key: str, text: str) -> None:
    on = {"email.smtp.enabled": "true", "email.from": "portus@team.test", "email.smtp.address": "mail.team.test"}
    findings = portus("2.5", {**on, key: text})
    assert support.of(findings, "PORTUS_" + key.replace(".", "_").upper()).fate is Fate.DECISION
    assert f"{keys.PORTUS_CONFIG}.{key}" not in findings.settings


def test_the_samples_that_portus_ships_are_not_taken() -> None:
    findings = portus("2.5", {"email.from": "portus@example.com", "email.name": "Portus", "email.smtp.enabled": "true"})
    assert support.of(findings, "PORTUS_EMAIL_NAME").fate is Fate.NOT_NEEDED
    assert f"{keys.PORTUS_CONFIG}.email.from" in findings.missing
