"""Portus' own settings: environment over config-local.yml over what Portus ships."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from ops.adopt import keys
from ops.adopt.classify import settings, values
from ops.adopt.classify.settings import PUBLIC_NAME, TLS_CHECK
from ops.adopt.classify.values import inner_names
from ops.adopt.model import Findings, Item, Mount, Role, Source, Workload
from ops.adopt.portus_keys import VARIABLES

NEWLY_MADE: Final = "the stack makes a new one"
_DATABASE = "the stack's database has its own account; the data come by the dump"
_IMAGE = "the image's start script and this program decide it"

PROCESS: Final[Mapping[str, str]] = {
    **{f"PORTUS_DB_{name}": _DATABASE for name in ("HOST", "USERNAME", "PASSWORD", "PORT", "POOL", "TIMEOUT", "SOCKET", "DATABASE")},
    **{f"PORTUS_PRODUCTION_{name}": _DATABASE for name in ("HOST", "USERNAME", "PASSWORD", "DATABASE")},
    **{f"PORTUS_DEVELOPMENT_{name}": _DATABASE for name in ("HOST", "USERNAME", "PASSWORD", "DATABASE")},
    **{f"MARIADB_{name}": _DATABASE for name in ("SERVICE_HOST", "SERVICE_PORT", "USER", "PASSWORD", "DATABASE")},
    "PORTUS_SECRET_KEY_BASE": f"{NEWLY_MADE}: every browser logs in once more, nothing else changes",
    "PORTUS_KEY_PATH": f"{NEWLY_MADE}: no token outlives the freeze, so the old signing key is not needed",
    "PORTUS_CRT_PATH": "the certificate: see the questions",
    "PORTUS_PUMA_TLS_KEY": "Portus always serves TLS; the certificate: see the questions",
    "PORTUS_PUMA_TLS_CERT": "Portus always serves TLS; the certificate: see the questions",
    "PORTUS_MACHINE_FQDN": PUBLIC_NAME,
    "PORTUS_MACHINE_FQDN_VALUE": PUBLIC_NAME,
    "PORTUS_CHECK_SSL_USAGE_ENABLED": TLS_CHECK,
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
    "TZ": f"set {keys.PREFIX}{keys.WORKLOADS}, if log times must be local",
}
"""Variable -> why it has no counterpart."""

FILES: Final = frozenset(
    f"PORTUS_{name}_FILE" for name in ("DB_PASSWORD", "PASSWORD", "SECRET_KEY_BASE", "EMAIL_SMTP_PASSWORD", "LDAP_AUTHENTICATION_PASSWORD")
)
"""Variables that name a file with the value; the images read no others."""
DATABASE_HOSTS: Final = ("PORTUS_DB_HOST", "PORTUS_PRODUCTION_HOST", "MARIADB_SERVICE_HOST")
LOG_LEVELS: Final = ("info", "warn", "error", "fatal")
PUMA: Final = {"PORTUS_PUMA_WORKERS": (keys.PUMA_WORKERS, 32), "PORTUS_PUMA_MAX_THREADS": (keys.PUMA_MAX_THREADS, 64)}
"""Variable -> key of the stack file and its maximum."""
PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})


def classify(source: Source, findings: Findings) -> None:
    """Judge Portus' and its worker's environment, and its configuration file."""
    web, worker = source.with_role(Role.PORTUS), source.with_role(Role.WORKER)
    inner = inner_names(source)
    entries: dict[str, Item] = {}
    for key, item in source.portus_config:
        if key in entries:
            findings.not_needed(entries[key], f"{item.place} overrides it")
        entries[key] = item
    for workload in (web, worker):
        if workload:
            _environment(workload, entries, findings, first=web if workload is worker else None, inner=inner)
    settings.classify(entries, inner, findings)


def _environment(
    workload: Workload, entries: dict[str, Item], findings: Findings, *, first: Workload | None, inner: frozenset[str]
) -> None:
    for name, written in workload.environment.items():
        item = resolved(name, written, workload)
        plain = name.removesuffix("_FILE") if name in FILES else name
        if first and name in first.environment and name != "PORTUS_BACKGROUND":
            same_file = written.text == first.environment[name].text  # the worker may not mount it
            if same_file or resolved(name, first.environment[name], first).text == item.text:
                findings.not_needed(item, f"as in {first.name}")
            elif PROCESS.get(plain, _DATABASE) != _DATABASE:
                findings.not_needed(item, PROCESS[plain])
            else:
                findings.ask(item, f"{first.name} has another value, which is taken: is it right for both?")
        elif item.text in {"''", '""'}:
            findings.not_needed(item, "empty but for its quotes: Portus' own default")
        elif values.quoted(item.text) and (target := _target(plain)):
            findings.ask(item, f"the quotes are part of the value, so Portus ignores or misreads it: write it without quotes as {target}")
        elif plain in VARIABLES and plain not in PROCESS:
            key = VARIABLES[plain]
            if key in entries:
                findings.not_needed(entries[key], f"{name} ({item.place}) overrides it")
            entries[key] = item
        elif plain in DATABASE_HOSTS and item.text and item.text not in inner:
            question = "the stack takes the data into a MariaDB of its own. Keep the server instead? docs/deploy/database.md"
            findings.ask(item, f"the database is a server elsewhere; {question}")
        else:
            _process(name, plain, item, findings)


def _target(variable: str) -> str:
    """Return the key of the stack file for a variable of Portus, "" if it has none."""
    if variable in VARIABLES and variable not in PROCESS:
        return f"{keys.PREFIX}{keys.PORTUS_CONFIG}.{VARIABLES[variable]}"
    known = {"PORTUS_LOG_LEVEL": keys.LOG_LEVEL, **{name: setting[0] for name, setting in PUMA.items()}}
    return f"{keys.PREFIX}{known[variable]}" if variable in known else ""


def _process(name: str, plain: str, item: Item, findings: Findings) -> None:
    """Judge a variable that is not a key of Portus' config.yml."""
    if plain in {"PORTUS_PASSWORD", "PORTUS_PORTUS_PASSWORD"}:
        _hidden_user(item, findings)
    elif plain == "PORTUS_DB_ADAPTER":
        _adapter(item, findings)
    elif plain == "PORTUS_LOG_LEVEL":
        _log_level(item, findings)
    elif plain in PUMA:
        _puma(item, PUMA[plain], findings)
    elif plain in PROCESS:
        findings.not_needed(item, PROCESS[plain])
    elif plain in GONE:
        findings.drop(item, GONE[plain])
    elif plain.upper() in PROXIES:
        findings.ask(item, f"does Portus need the proxy from the cluster, too? Then write it under {keys.PREFIX}{keys.WORKLOADS}")
    elif plain.startswith("PORTUS_"):
        _unknown_variable(name, item, findings)
    elif plain.startswith(("VIRTUAL_", "LETSENCRYPT_", "ACME_")):
        findings.not_needed(item, "read by the old front proxy; the stack has its own")
    else:
        findings.drop(item, "neither Portus nor this program reads it")


def _adapter(item: Item, findings: Findings) -> None:
    if item.text in {"mysql2", ""}:
        findings.not_needed(item, "MariaDB, as here")
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
    near = settings.near_name(name, VARIABLES, "_")
    if near:
        target = f"{keys.PREFIX}{keys.PORTUS_CONFIG}.{VARIABLES[near]}"
        findings.ask(item, f"Portus has no {name} and ignores it. Was {near} meant? Then write {target}")
    else:
        findings.drop(item, "Portus has no such setting and ignores it")


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
        findings.not_needed(item, f"{NEWLY_MADE}, which Portus sets at each start")
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


def resolved(name: str, item: Item, workload: Workload) -> Item:
    """Return the item with the text of the file that it names: ``*_FILE``, and a bare path below /run/secrets."""
    text = item.text
    is_path = name in FILES or (text.startswith("/run/secrets/") and not name.endswith(("_PATH", "_TLS_KEY", "_TLS_CERT", "_CA_FILE")))
    if not is_path:
        return item
    content = next((file[1].strip() for mount in workload.mounts for file in mount.files if file[0] == text), None)
    content = content or _content(next((each for each in workload.mounts if each.target == text), None))
    return Item(item.place, item.key, settings.UNREAD if content is None else content)


def _content(mount: Mount | None) -> str | None:
    from pathlib import Path  # noqa: PLC0415 - only secrets in files need it

    if mount is None or not mount.source or not Path(mount.source).is_file():
        return None
    return Path(mount.source).read_text("utf-8", "replace").strip()
