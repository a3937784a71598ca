"""Every setting of Portus, in every release: what adoption writes loads, or is named as missing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ops.adopt import keys
from ops.adopt.classify import Answers, classify
from ops.adopt.classify.overview import RELEASES
from ops.adopt.model import Fate, Findings, Item, Place, Role, Source, Workload
from ops.adopt.portus_keys import KEYS
from tests.ops.adopt import support

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
    assert support.of(findings, "PORTUS_EMAIL_NAME").fate is Fate.FOLLOWS
    assert f"{keys.PORTUS_CONFIG}.email.from" in findings.missing
