"""Keys of Portus' config.yml, after environment and file have been merged."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

from ops.adopt import keys
from ops.adopt.classify import values
from ops.adopt.classify.values import has_password
from ops.adopt.model import Findings, Item
from ops.adopt.portus_keys import FEATURES, HOST_KEY, KEYS, PROVIDERS, REQUIRED, REQUIRED_BEFORE_2_4, SAMPLES

PUBLIC_NAME: Final = "the public name, see the top of the report"
TLS_CHECK: Final = "every exposure of this program offers TLS, so Portus' own check stays on"
_ELSEWHERE: Final = {HOST_KEY: PUBLIC_NAME, "check_ssl_usage.enabled": TLS_CHECK}
DELETING: Final = ("update-delete", "on-start")
URLS: Final = ("security.clair.server", "security.zypper.server", "oauth.gitlab.server", "oauth.open_id.identifier")
ADDRESSES: Final = ("ldap.hostname", "email.smtp.address", "security.clair.server", "security.zypper.server", "oauth.gitlab.server")
SERVERS: Final = ("ldap.hostname", "email.smtp.address")
BASES: Final = ("security.clair.server", "security.zypper.server", "oauth.gitlab.server")
"""URLs that paths are appended to."""
MAIL_ADDRESSES: Final = ("email.from", "email.reply_to")
UNREAD: Final = "\0"
"""Replaces the content of a file that only the old machine has."""


def near_name(name: str, known: Iterable[str], separator: str) -> str:
    """Return the known name that ``name`` shortens or misspells, "" for none."""
    words = set(name.split(separator))
    longer = sorted((each for each in known if words < set(each.split(separator))), key=lambda each: len(each.split(separator)))
    close = difflib.get_close_matches(name, list(known), 1, 0.9)
    return next(iter([*close, *longer]), "")


def classify(entries: dict[str, Item], inner: frozenset[str], findings: Findings) -> None:
    """Judge the keys of Portus' config.yml that count; ``inner`` are names that only the old machine resolves."""
    off = {feature for feature in FEATURES if not _is_on(f"{feature}.enabled", entries)}
    server = entries.get("security.clair.server")
    if server is None or server.text == "" or values.host_and_port(server.text)[0] in inner:
        off.add("security.clair")
    version = str(findings.settings[keys.VERSION])
    for key, item in entries.items():
        feature = next((each for each in sorted(off) if key.startswith(f"{each}.")), "")
        if key in _ELSEWHERE:
            findings.not_needed(item, _ELSEWHERE[key])
        elif key not in KEYS:
            _unknown(key, item, findings)
        elif item.text == "":
            findings.not_needed(item, "empty: Portus' own default")
        elif feature and key != "security.clair.server":
            findings.not_needed(item, f"{feature} is off, as it is by default")
        elif not KEYS[key].first <= version <= KEYS[key].last:
            _other_release(key, item, entries, findings)
        elif not _by_others(key, item, off, findings):
            _setting(key, item, inner, findings)
    _interplay(entries, off, findings)


def _by_others(key: str, item: Item, off: set[str], findings: Findings) -> bool:
    """Judge a key whose meaning depends on other features; return whether it is one."""
    if item.text == UNREAD:
        command = f"pulumi config set --secret --path '{keys.PREFIX}{keys.PORTUS_CONFIG}.{key}' < FILE"
        findings.ask(item, f"its value is in a file or secret that is not here: {command}")
    elif item.text == SAMPLES.get(key):
        findings.not_needed(item, "the sample that Portus ships")
    elif key == "signup.enabled" and "ldap" not in off:
        findings.not_needed(item, "LDAP closes the sign-up, whatever it says")
    elif key == "oauth.local_login.enabled" and off >= set(PROVIDERS) and values.flag(item.value) is False:
        findings.ask(item, "no user could log in: no other provider is enabled. It is left out: which one was meant?")
    else:
        return False
    return True


def _interplay(entries: Mapping[str, Item], off: set[str], findings: Findings) -> None:
    """Note what the settings that were taken still need of each other."""
    config, version = keys.PORTUS_CONFIG, str(findings.settings[keys.VERSION])
    if findings.settings.get(f"{config}.first_user_admin.enabled") is False:
        findings.settings[keys.BOOTSTRAP_ENABLED] = False  # the first set-up needs it on; the users come with the dump
    for feature, needed in REQUIRED.items():
        if (
            any(feature == each or feature.startswith(f"{each}.") for each in off)
            or not KEYS[f"{feature}.enabled"].first <= version <= KEYS[f"{feature}.enabled"].last
        ):
            continue
        also = REQUIRED_BEFORE_2_4 if feature == "email.smtp" and version < "2.4" else ()
        for key in (*needed, *also):
            target = f"{config}.{key}"
            if target not in findings.settings and target not in findings.secrets:
                where = entries[key].place if key in entries else "the source does not have it"
                findings.missing[target] = f"{feature} is on and needs it ({where})"


def _is_on(key: str, entries: dict[str, Item]) -> bool:
    return key in entries and values.flag(entries[key].value) is True


def _unknown(key: str, item: Item, findings: Findings) -> None:
    near = near_name(key, KEYS, ".")
    if near:
        findings.ask(item, f"Portus has no {key} and ignores it. Was {near} meant? Then write {keys.PREFIX}{keys.PORTUS_CONFIG}.{near}")
    else:
        findings.drop(item, "Portus has no such setting and ignores it")


def _other_release(key: str, item: Item, entries: dict[str, Item], findings: Findings) -> None:
    if key == "ldap.method" and "ldap.encryption.method" not in entries and item.text in {"starttls", "simple_tls"}:
        method = {"starttls": "start_tls"}.get(item.text, item.text)
        findings.take(item, f"{keys.PORTUS_CONFIG}.ldap.encryption.method", method, "by its name since 2.3")
        return
    known = KEYS[key]
    when = known.first if known.first == known.last else f"{known.first} to {known.last}"
    findings.drop(item, f"only Portus {when} reads it, and this one is {findings.settings[keys.VERSION]}")


def _setting(key: str, item: Item, inner: frozenset[str], findings: Findings) -> None:
    """Judge a key that counts in this release."""
    host = values.host_and_port(item.text)[0]
    if key in ADDRESSES and host in inner:
        _inner_address(key, item, host, findings)
    elif has_password(item.text) and KEYS[key].kind != "secret":
        findings.ask(item, "has a password in it, which would be stored as plain text, so it is left out: how else can Portus log in?")
    elif key in URLS and not item.text.startswith(("http://", "https://")):
        findings.ask(item, "must begin with http:// or https://, so it is left out: what was meant?")
    elif key in (*SERVERS, *URLS) and not values.names_a_server(host):
        findings.ask(item, f"{host} is not a name that the DNS can have, so it is left out: at which name does the cluster reach it?")
    elif key in SERVERS and item.text.strip().lower() != host:
        findings.ask(item, "must be a host alone, without scheme and port, so it is left out: which host and port are meant?")
    elif key in (*SERVERS, *BASES, *MAIL_ADDRESSES):
        _address(key, item, findings)
    elif key.endswith((".ca_file", ".ca_path")) and item.text != "/etc/ssl/certs":
        findings.ask(
            item, f"a file of the old container: which CA is it? Write it under {keys.PREFIX}{keys.TLS_EXTRA_CAS}, then set this again"
        )
    elif key == "ldap.encryption.options.ssl_version":
        findings.not_needed(item, "read only beside ca_file; unset, the best that both know")
    else:
        _plain(key, item, findings)


def _address(key: str, item: Item, findings: Findings) -> None:
    """Take an address in the form that the program accepts, which Portus reads as well."""
    target, text = f"{keys.PORTUS_CONFIG}.{key}", item.text.strip()
    form = values.mail_address(text) if key in MAIL_ADDRESSES else text.lower() if key in SERVERS else text.rstrip("/")
    if form:
        findings.take(item, target, form, "" if form == item.text else "in the form that this program accepts")
    else:
        findings.ask(item, "must be a mail address with a domain, so it is left out: what was meant?")


def _plain(key: str, item: Item, findings: Findings) -> None:
    """Take a key by the kind of its value, except what could delete during the move."""
    target, kind = f"{keys.PORTUS_CONFIG}.{key}", KEYS[key].kind
    if key == "background.sync.strategy" and item.text in DELETING:
        findings.settings[target] = "update"
        findings.ask(item, f"{item.text} deletes what the registry does not list, so `update` is written: switch back after the check?")
    elif key == "delete.garbage_collector.enabled" and values.flag(item.value):
        findings.settings[target] = False
        findings.ask(item, "Portus would delete old tags from its first minute on, so false is written: switch it on after the check?")
    elif key == "delete.contributors" and values.flag(item.value) and findings.settings[keys.VERSION] == "2.5":
        findings.ask(item, "2.5 answers 500 on the teams' page with it, so it is left out: who besides owners must delete?")
    elif kind == "secret":
        findings.take_secret(item, target, item.text)
    elif kind == "flag":
        _checked(item, target, values.flag(item.value), "must be true or false", findings)
    elif kind == "number":
        _checked(item, target, values.number(item.value), "must be a number", findings)
    else:
        findings.take(item, target, item.text)


def _inner_address(key: str, item: Item, host: str, findings: Findings) -> None:
    if key in SERVERS and values.names_a_server(item.text):  # required while the feature is on
        findings.settings[f"{keys.PORTUS_CONFIG}.{key}"] = item.text
    findings.ask(item, f"{host} is a service of the old deployment: at which address does the cluster reach it?")


def _checked(item: Item, target: str, value: bool | int | None, rule: str, findings: Findings) -> None:  # noqa: FBT001 - a value, no switch
    if value is None:
        findings.ask(item, f"{rule}, so it is left out: what was meant?")
    else:
        findings.take(item, target, value)
