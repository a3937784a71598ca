"""Portus' own settings: environment over config-local.yml over what Portus ships."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from ops.adopt import keys
from ops.adopt.classify import values
from ops.adopt.model import Findings, Item, Mount, Role, Source, Workload
from ops.adopt.portus_keys import FEATURES, HOST_KEY, KEYS, VARIABLES

NEWLY_MADE: Final = "the stack makes a new one"
_DATABASE = "the stack's database has its own account; the data come by the dump"
_IMAGE = "the image's start script and this program decide it"

PROCESS: Final[Mapping[str, str]] = {
    **{f"PORTUS_DB_{name}": _DATABASE for name in ("HOST", "USERNAME", "PASSWORD", "PORT", "POOL", "TIMEOUT", "SOCKET", "DATABASE")},
    **{f"PORTUS_PRODUCTION_{name}": _DATABASE for name in ("HOST", "USERNAME", "PASSWORD", "DATABASE")},
    **{f"PORTUS_DEVELOPMENT_{name}": _DATABASE for name in ("HOST", "USERNAME", "PASSWORD", "DATABASE")},
    **{f"MARIADB_{name}": _DATABASE for name in ("SERVICE_HOST", "SERVICE_PORT", "USER", "PASSWORD", "DATABASE")},
    "PORTUS_SECRET_KEY_BASE": f"{NEWLY_MADE}: every browser logs in once more, nothing else changes",
    "PORTUS_KEY_PATH": f"{NEWLY_MADE}: no token outlives the freeze, so the old signing key is worth nothing",
    "PORTUS_CRT_PATH": "the certificate: see the questions",
    "PORTUS_PUMA_TLS_KEY": "Portus always serves TLS; the certificate: see the questions",
    "PORTUS_PUMA_TLS_CERT": "Portus always serves TLS; the certificate: see the questions",
    "PORTUS_MACHINE_FQDN": "the public name, see the top of the report",
    "PORTUS_MACHINE_FQDN_VALUE": "the public name, see the top of the report",
    "PORTUS_CHECK_SSL_USAGE_ENABLED": "every exposure of this program offers TLS, so Portus' own check stays on",
    "PORTUS_BACKGROUND": "the stack runs the worker as a Deployment of its own",
    "PORTUS_INIT_COMMAND": _IMAGE,
    "RAILS_SERVE_STATIC_FILES": "Portus serves its own pages' files here",
    **dict.fromkeys(
        ("PORTUS_PUMA_HOST", "PORTUS_PUMA_USE_UNIX_SOCKET", "PORTUS_PUMA_DAEMONIZE", "PORTUS_GEM_GLOBAL",
         "RAILS_ENV", "RACK_ENV", "NODE_ENV", "CCONFIG_PREFIX", "PORTUS_LOCAL_CONFIG_PATH", "SKIP_MIGRATION", "CATALOG_CRON",
         "PORTUS_PORT", "PORTUS_APPLICATION_PORT"), _IMAGE,
    ),
    **dict.fromkeys(
        ("PORTUS_INIT_REGISTRY_NAME", "PORTUS_INIT_REGISTRY_HOSTNAME", "PORTUS_INIT_REGISTRY_USE_SSL", "REGISTRY_HOSTNAME",
         "REGISTRY_PORT", "REGISTRY_NAME", "REGISTRY_SSL_ENABLED"), "the registry's record comes with the dump; the plan corrects its host",
    ),
}  # fmt: skip

GONE: Final[Mapping[str, str]] = {
    "RAILS_RELATIVE_URL_ROOT": "Portus has a host of its own here, no path: tell users the new address",
    "PORTUS_ADMIN_PASSWORD": "the users come with the dump, with their passwords",
    "PORTUS_DEBUG": "made by another image than opensuse/portus",
    "TZ": "set portus:workloads, if log times must be local",
}
"""Variable -> why it has no counterpart."""

FILES: Final = frozenset(
    f"PORTUS_{name}_FILE" for name in ("DB_PASSWORD", "PASSWORD", "SECRET_KEY_BASE", "EMAIL_SMTP_PASSWORD", "LDAP_AUTHENTICATION_PASSWORD")
)
"""Variables that name a file with the value; the images read no others."""
DATABASE_HOSTS: Final = ("PORTUS_DB_HOST", "PORTUS_PRODUCTION_HOST", "MARIADB_SERVICE_HOST")
LOG_LEVELS: Final = ("info", "warn", "error", "fatal")
DELETING: Final = ("update-delete", "on-start")
PUMA: Final = {"PORTUS_PUMA_WORKERS": (keys.PUMA_WORKERS, 32), "PORTUS_PUMA_MAX_THREADS": (keys.PUMA_MAX_THREADS, 64)}
"""Variable -> key of the stack file and its maximum."""
PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})


def classify(source: Source, findings: Findings) -> None:
    """Judge Portus' and its worker's environment, and its configuration file."""
    web, worker = source.with_role(Role.PORTUS), source.with_role(Role.WORKER)
    inner = _inner_names(source)
    entries: dict[str, Item] = {}
    for key, item in source.portus_config:
        if key in entries:
            findings.follows(entries[key], f"{item.place} overrides it")
        entries[key] = item
    for workload in (web, worker):
        if workload:
            _environment(workload, entries, findings, first=web if workload is worker else None, inner=inner)
    _settings(entries, inner, findings)


def _inner_names(source: Source) -> frozenset[str]:
    """Return the names that only the old deployment resolves: of its services, and what links call them."""
    names = {workload.name for workload in source.workloads}
    for workload in source.workloads:
        for item in workload.rest:
            if item.key.endswith(("links", ".container_name", ".hostname")):
                texts = item.value if isinstance(item.value, list) else [item.value]
                names |= {str(text).rpartition(":")[2] for text in texts}
    return frozenset(names)


def _environment(
    workload: Workload, entries: dict[str, Item], findings: Findings, *, first: Workload | None, inner: frozenset[str]
) -> None:
    for name, written in workload.environment.items():
        item = _resolved(name, written, workload)
        plain = name.removesuffix("_FILE") if name in FILES else name
        if first and name in first.environment and name != "PORTUS_BACKGROUND":
            if _resolved(name, first.environment[name], first).text == item.text:
                findings.follows(item, f"as in {first.name}")
            else:
                findings.ask(item, f"{first.name} has another value, which is taken: is it right for both?")
        elif values.quoted(item.text) and plain.startswith(("PORTUS_", "RAILS_")):
            findings.ask(item, "the quotes are part of the value, so Portus does not read it as meant: write it as you want it")
        elif plain in VARIABLES and plain not in PROCESS:
            key = VARIABLES[plain]
            if key in entries:
                findings.follows(entries[key], f"{name} ({item.place}) overrides it")
            entries[key] = item
        elif plain in DATABASE_HOSTS and item.text and item.text not in inner:
            question = "the stack takes the data into a MariaDB of its own. Keep the server instead? docs/deploy/database.md"
            findings.ask(item, f"the database is a server elsewhere; {question}")
        else:
            _process(name, plain, item, findings)


def _process(name: str, plain: str, item: Item, findings: Findings) -> None:
    """Judge a variable that is no key of Portus' config.yml."""
    if plain in {"PORTUS_PASSWORD", "PORTUS_PORTUS_PASSWORD"}:
        _hidden_user(item, findings)
    elif plain == "PORTUS_DB_ADAPTER":
        _adapter(item, findings)
    elif plain == "PORTUS_LOG_LEVEL":
        _log_level(item, findings)
    elif plain in PUMA:
        _puma(item, PUMA[plain], findings)
    elif plain in PROCESS:
        findings.follows(item, PROCESS[plain])
    elif plain in GONE:
        findings.drop(item, GONE[plain])
    elif plain.upper() in PROXIES:
        findings.ask(item, "does Portus need the proxy from the cluster, too? Then write it under portus:workloads")
    elif plain.startswith("PORTUS_"):
        _unknown_variable(name, item, findings)
    elif plain.startswith(("VIRTUAL_", "LETSENCRYPT_", "ACME_")):
        findings.follows(item, "read by the old front proxy; the stack has its own")
    else:
        findings.drop(item, "neither Portus nor this program reads it")


def _adapter(item: Item, findings: Findings) -> None:
    if item.text in {"mysql2", ""}:
        findings.follows(item, "MariaDB, as here")
    else:
        findings.ask(
            item, f"{item.text}: this program runs Portus on MariaDB, which loads no dump of {item.text}. How do the data get there?"
        )


def _log_level(item: Item, findings: Findings) -> None:
    if item.text in LOG_LEVELS:
        findings.take(item, keys.LOG_LEVEL, item.text)
    else:
        findings.drop(item, "debug prints the environment, secrets included, into the log; others Portus does not know")


def _unknown_variable(name: str, item: Item, findings: Findings) -> None:
    near = _near(name, VARIABLES, "_")
    if near:
        target = f"{keys.PREFIX}{keys.PORTUS_CONFIG}.{VARIABLES[near]}"
        findings.ask(item, f"Portus has no {name} and ignores it. Was {near} meant? Then write {target}")
    else:
        findings.drop(item, "Portus has no such setting and ignores it")


def _near(name: str, known: Iterable[str], separator: str) -> str:
    """Return the known name that ``name`` shortens or misspells, "" for none."""
    words = set(name.split(separator))
    longer = sorted((each for each in known if words < set(each.split(separator))), key=lambda each: len(each.split(separator)))
    close = difflib.get_close_matches(name, list(known), 1, 0.9)
    return next(iter([*close, *longer]), "")


def _puma(item: Item, setting: tuple[str, int], findings: Findings) -> None:
    count = values.number(item.text)
    if findings.settings[keys.VERSION] < "2.3":
        findings.drop(item, "Portus up to 2.2 runs Apache, not Puma")
    elif not count:
        findings.ask(item, "must be a number above zero, so it is left out: what was meant?")
    else:
        findings.take(item, setting[0], min(count, setting[1]))


def _hidden_user(item: Item, findings: Findings) -> None:
    """Keep the password of Portus' own user only where Portus cannot set a new one: up to 2.2."""
    if findings.settings[keys.VERSION] >= "2.3":
        findings.follows(item, f"{NEWLY_MADE}, which Portus sets at each start")
    elif values.fits_kept_password(item.text):
        findings.take_secret(
            item, keys.EXISTING_PORTUS_PASSWORD, item.text, "encrypted: up to 2.2 Portus keeps the one that it was made with"
        )
    else:
        findings.take_secret(
            item,
            keys.EXISTING_PORTUS_PASSWORD,
            "p" + secrets.token_hex(20),
            "replaced by a new one: the old one is not 32 letters and digits, a letter first. The plan sets it in the database",
        )


def _resolved(name: str, item: Item, workload: Workload) -> Item:
    """Return the item with the text of the file that it names: ``*_FILE``, and a bare path below /run/secrets."""
    text = item.text
    is_path = name in FILES or (text.startswith("/run/secrets/") and not name.endswith(("_PATH", "_TLS_KEY", "_TLS_CERT", "_CA_FILE")))
    if not is_path:
        return item
    content = _content(next((each for each in workload.mounts if each.target == text), None))
    return Item(item.place, item.key, UNREAD if content is None else content)


ADDRESSES: Final = ("ldap.hostname", "email.smtp.address", "security.clair.server", "security.zypper.server", "oauth.gitlab.server")
UNREAD: Final = "\0"
"""Stands for the content of a file that only the old machine has."""


def _content(mount: Mount | None) -> str | None:
    from pathlib import Path  # noqa: PLC0415 - only secrets in files need it

    if mount is None or not mount.source or not Path(mount.source).is_file():
        return None
    return Path(mount.source).read_text("utf-8", "replace").strip()


def _settings(entries: dict[str, Item], inner: frozenset[str], findings: Findings) -> None:
    """Judge the keys of Portus' config.yml that count; ``inner`` are names that only the old machine resolves."""
    off = {feature for feature in FEATURES if not _is_on(f"{feature}.enabled", entries)}
    version = str(findings.settings[keys.VERSION])
    for key, item in entries.items():
        feature = next((each for each in sorted(off) if key.startswith(f"{each}.")), None)
        if item.text == UNREAD and feature is None:
            command = f"pulumi config set --secret --path '{keys.PREFIX}{keys.PORTUS_CONFIG}.{key}' < FILE"
            findings.ask(item, f"its value is in a file or secret that is not here: {command}")
        elif key == HOST_KEY:
            findings.follows(item, PROCESS["PORTUS_MACHINE_FQDN_VALUE"])
        elif key == "check_ssl_usage.enabled":
            findings.follows(item, PROCESS["PORTUS_CHECK_SSL_USAGE_ENABLED"])
        elif key not in KEYS:
            _unknown(key, item, findings)
        elif item.value is None or item.text == "":
            findings.follows(item, "empty: Portus' own default")
        elif feature:
            findings.follows(item, f"{feature} is off, as it is by default")
        elif not KEYS[key].first <= version <= KEYS[key].last:
            _other_release(key, item, entries, findings)
        else:
            _setting(key, item, inner, findings)


def _is_on(key: str, entries: dict[str, Item]) -> bool:
    return key in entries and values.flag(entries[key].value) is True


def _unknown(key: str, item: Item, findings: Findings) -> None:
    near = _near(key, KEYS, ".")
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
    target, kind = f"{keys.PORTUS_CONFIG}.{key}", KEYS[key].kind
    host = values.host_and_port(item.text)[0]
    if key in ADDRESSES and host in inner:
        _inner_address(key, item, host, findings)
        return
    if key.endswith((".ca_file", ".ca_path")) and item.text != "/etc/ssl/certs":
        findings.ask(
            item, "a file of the old container: which CA is it? Write it under portus:tls.extra_ca_certificates, then set this again"
        )
        return
    if key == "ldap.encryption.options.ssl_version":
        findings.follows(item, "read only beside ca_file; unset, the best that both know")
        return
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
    if key in {"ldap.hostname", "email.smtp.address"}:  # required while the feature is on
        findings.settings[f"{keys.PORTUS_CONFIG}.{key}"] = item.text
    findings.ask(item, f"{host} is a service of the old deployment: at which address does the cluster reach it?")


def _checked(item: Item, target: str, value: bool | int | None, rule: str, findings: Findings) -> None:  # noqa: FBT001 - a value, no switch
    if value is None:
        findings.ask(item, f"{rule}, so it is left out: what was meant?")
    else:
        findings.take(item, target, value)
