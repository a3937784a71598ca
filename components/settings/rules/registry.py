"""Portus and the registry together, and the registry's own settings."""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from pydantic import SecretStr

from components.common.versions import RegistryVersion
from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.rule import rule
from components.settings.sections.registry import ExternalRedis
from components.settings.sections.storage import DRIVERS
from components.settings.stack import StackSettings
from components.settings.types.known_by import unknown
from components.settings.types.secrets import ExistingSecret
from components.settings.types.values import image_tag

HEADERS_OF_SECRETS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Of requests; in small letters, as HTTP compares them."""


@rule()
def catalog_has_room_for_a_page(stack: StackSettings) -> Iterator[Problem]:
    """The registry refuses a page larger than its maximum, which ends Portus' synchronization."""
    page = stack.portus.config.registry.catalog_page.value
    if page is not None and page > stack.registry.catalog_max_entries:
        yield Problem(
            key="portus.config.registry.catalog_page.value",
            value=str(page),
            rule=f"must be at most registry.catalogMaxEntries ({stack.registry.catalog_max_entries})",
            fix="lower it, or raise registry.catalogMaxEntries",
        )


@rule(requires=("registry.version",), voids=True)
def registry_version_knows_each_setting(stack: StackSettings) -> Iterator[Problem]:
    """The registry ignores what it does not know; a driver that is gone ends it in a panic."""
    version = stack.registry.version
    for key, value, known in unknown(stack.registry, version, "registry"):
        yield Problem(
            key=key,
            value=_shown(value),
            rule=f"must not be used with registry {version}; versions that support it: {known}",
            fix=f'set registry.version: "{known}"' + ("" if key.endswith(".driver") else ", or remove it"),
        )


@rule(requires=("registry.version",))
def registry_image_is_of_its_version(stack: StackSettings) -> Iterator[Problem]:
    """2.8 and 3.x look for their configuration and their token signers in different places."""
    tag, version = image_tag(stack.images.registry or ""), stack.registry.version
    major = (tag or "").removeprefix("v").partition(".")[0]
    if tag and major.isdigit() and major != version.value.partition(".")[0]:
        yield Problem(
            key="images.registry",
            value=json.dumps(stack.images.registry),
            rule=f"must be an image of registry {version}, which registry.version names",
            fix="name another tag, or set registry.version",
        )


@rule(requires=("registry.version",))
def extra_config_is_the_registrys_and_free(stack: StackSettings) -> Iterator[Problem]:
    """The registry ignores an unknown key silently. What connects it to Portus must not be overridden."""
    for found in wrong(stack.registry.extra_config, stack.registry.version):
        hidden = is_secret_name(found.path.rpartition(".")[2])
        value = HIDDEN if hidden else "" if isinstance(found.value, dict | list | None) else json.dumps(found.value)
        yield Problem(key=f"registry.extraConfig.{found.path}", value=value, rule=found.rule, fix=found.fix)


@rule(requires=("registry.redis", "registry.version"))
def redis_options_need_redis(stack: StackSettings) -> Iterator[Problem]:
    """Nothing reads them without a server."""
    found = wrong(stack.registry.extra_config, stack.registry.version)
    free = not any(f"{each.path}.".startswith("redis.") for each in found)  # else that key has its own fix: to write it elsewhere
    if "redis" in stack.registry.extra_config and stack.registry.redis is None and free:
        yield Problem(
            key="registry.extraConfig.redis",
            value="",
            rule="has no effect without registry.redis: no cache is configured",
            fix="set it, or remove this",
        )


@rule()
def notification_endpoints_have_names_of_their_own(stack: StackSettings) -> Iterator[Problem]:
    """The registry's metrics would mix them up."""
    count = Counter(extra.name for extra in stack.registry.notifications.extra_endpoints)
    for name in sorted(name for name, times in count.items() if times > 1):
        yield Problem(
            key="registry.notifications.extraEndpoints",
            value=json.dumps(name),
            rule="must have another name for each endpoint",
            fix="choose another name",
        )


@rule()
def headers_have_no_secret(stack: StackSettings) -> Iterator[Problem]:
    """They are in clear text in a ConfigMap; an endpoint's called Authorization loses to the setting of that name."""
    for name in stack.registry.http.headers:
        if _is_secret_header(name):
            yield Problem(
                key=f"registry.http.headers.{name}",
                value=HIDDEN,
                rule="must not be a secret, as its name says: the registry sends it to every client",
                fix="remove it, and replace the secret: it is exposed",
            )
    for index, extra in enumerate(stack.registry.notifications.extra_endpoints):
        for name in extra.headers:
            if _is_secret_header(name):
                key = f"registry.notifications.extraEndpoints[{index}]"
                yield Problem(
                    key=f"{key}.headers.{name}",
                    value=HIDDEN,
                    rule="must not be a secret, as its name says: headers are in a ConfigMap",
                    fix=f"write {key}.authorization, encrypted; replace the secret if it was deployed like this: it is exposed",
                )


def _is_secret_header(name: str) -> bool:
    return name.lower() in HEADERS_OF_SECRETS or is_secret_name(name.replace("-", ""))


@rule(requires=("registry.redis.password",))
def redis_user_has_a_password(stack: StackSettings) -> Iterator[Problem]:
    """Redis knows no user without one."""
    redis = stack.registry.redis
    if isinstance(redis, ExternalRedis) and redis.username is not None and redis.password is None:
        yield Problem(
            key="registry.redis.username",
            value=json.dumps(redis.username),
            rule="must not be set without registry.redis.password",
            fix="set registry.redis.password, or remove username",
        )


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, ExistingSecret) or not isinstance(value, str | int | bool):
        return ""
    return json.dumps(value)


class Kind(StrEnum):
    """What a value has to be."""

    SWITCH = "true or false"
    NUMBER = "a whole number"
    TEXT = "a text"
    DURATION = "a Go duration with its unit, e.g. 300ms or 5m"
    TEXTS = "a list of texts"
    MAPPING = "a section with keys of your own"
    SECTIONS = "a list of sections"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may be set; ``only``: the one version that knows it."""

    kind: Kind
    only: RegistryVersion | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A key that the stack decides otherwise."""

    where: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one key of ``extraConfig``."""

    path: str
    value: object
    rule: str
    fix: str


Tree = Mapping[str, "Key | Decided | Tree"]

_OLD: Final = RegistryVersion.V2_8
_NEW: Final = RegistryVersion.V3_1
_CHECK: Final[Tree] = {"enabled": Key(Kind.SWITCH), "interval": Key(Kind.DURATION), "threshold": Key(Kind.NUMBER)}
_BY_STORAGE: Final = Decided("write it under registry.storage")

KNOWN: Final[Tree] = {
    "version": Decided("remove it: the format has one version"),
    "log": {
        "level": Decided("write registry.logLevel"),
        "accesslog": {"disabled": Key(Kind.SWITCH)},
        "formatter": Key(Kind.TEXT),
        "fields": Key(Kind.MAPPING),
        "hooks": Decided("remove it: it holds the password of a mail account, and config.yml is not a Secret; alert on the Pods' log"),
        "reportcaller": Key(Kind.SWITCH, _NEW),
    },
    "storage": {
        "cache": {"blobdescriptor": Decided("write registry.redis"), "blobdescriptorsize": Key(Kind.NUMBER, _NEW)},
        "tag": {"concurrencylimit": Key(Kind.NUMBER, _NEW)},
        "delete": Decided("write registry.deleteEnabled"),
        **{name: Decided(f"write registry.{name}") for name in ("redirect", "maintenance")},
        **dict.fromkeys((*DRIVERS, "inmemory"), _BY_STORAGE),
    },
    "middleware": {name: Key(Kind.SECTIONS) for name in ("registry", "repository", "storage")},
    "http": {
        "relativeurls": Decided("remove it: it has no effect with http.host, which this program sets"),
        **{name: Decided("write it under registry.http") for name in ("headers", "draintimeout", "http2")},
        **{name: Decided("remove it: it follows from the stack") for name in ("addr", "net", "host", "prefix", "secret", "debug", "h2c")},
        "tls": Decided("remove it: it follows from portus:tls"),
    },
    "auth": Decided("remove it: only Portus authorizes; it follows from portus:host and portus:tls"),
    "notifications": {
        "endpoints": Decided("write registry.notifications.extraEndpoints"),
        "events": {"includereferences": Key(Kind.SWITCH)},
    },
    "redis": {
        **{name: Key(Kind.DURATION) for name in ("dialtimeout", "readtimeout", "writetimeout")},
        **{
            name: Key(Kind.DURATION, _NEW)
            for name in ("minretrybackoff", "maxretrybackoff", "pooltimeout", "connmaxidletime", "connmaxlifetime")
        },
        **{name: Key(Kind.NUMBER, _NEW) for name in ("protocol", "maxretries", "poolsize", "minidleconns", "maxidleconns")},
        "pool": {"maxidle": Key(Kind.NUMBER, _OLD), "maxactive": Key(Kind.NUMBER, _OLD), "idletimeout": Key(Kind.DURATION, _OLD)},
        **{name: Decided("write it under registry.redis") for name in ("addr", "addrs", "db", "username", "password", "tls")},
    },
    "health": {"storagedriver": _CHECK, "file": Key(Kind.SECTIONS), "http": Key(Kind.SECTIONS), "tcp": Key(Kind.SECTIONS)},
    "catalog": Decided("write registry.catalogMaxEntries"),
    "tags": {"maxtags": Key(Kind.NUMBER, _NEW)},
    "validation": {
        "enabled": Key(Kind.SWITCH, _OLD),
        "disabled": Key(Kind.SWITCH, _OLD),
        "manifests": {
            "urls": {"allow": Key(Kind.TEXTS), "deny": Key(Kind.TEXTS)},
            "indexes": {"platforms": Key(Kind.TEXT, _NEW), "platformlist": Key(Kind.SECTIONS, _NEW)},
        },
    },
    "policy": {"repository": {"classes": Key(Kind.TEXTS)}},
    "compatibility": {"schema1": {"enabled": Key(Kind.SWITCH, _OLD)}},
    "proxy": Decided("remove it: a registry that mirrors another one accepts no push"),
    "reporting": Decided("remove it: its keys are secrets, and config.yml is not a Secret"),
}
"""The keys of config.yml that ``registry.extraConfig`` may say, and what it may not.

Source: distribution v2.8.3 and v3.1.2, configuration/configuration.go and docs/configuration.md. The registry itself ignores unknown keys
in silence; so they are refused here.
"""

_SECRET: Final = re.compile(r"pass(word|wd)?$|secret|token$|apikey|authorization|private_?key$|licensekey", re.IGNORECASE)
_DURATION: Final = re.compile(r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+")


def wrong(extra: Mapping[str, Any], version: RegistryVersion) -> Iterator[Wrong]:
    """Yield everything in ``extra`` that the registry would not read, or that is not its to decide."""
    yield from _wrong(extra, KNOWN, version, "")


def _wrong(extra: Mapping[str, Any], known: Tree, version: RegistryVersion, above: str) -> Iterator[Wrong]:
    for name, value in extra.items():
        path, entry = f"{above}.{name}".lstrip("."), known.get(name)
        match entry:
            case None:
                from components.settings.report.locate import setting_of_variable  # noqa: PLC0415 - only a report needs it

                close = difflib.get_close_matches(name, known, n=1)
                setting = setting_of_variable(name)
                fix = f"did you mean '{close[0]}'?" if close else f"remove it; known here: {', '.join(sorted(known))}"
                fix = f"write portus:{setting} instead" if setting else fix
                yield Wrong(path, value, "unknown key of the registry's config.yml", fix)
            case Decided(where):
                yield Wrong(path, value, "must not be set: this program decides it", where)
            case Key(kind, only):
                yield from _wrong_value(path, value, kind, only, version)
            case Mapping() if isinstance(value, Mapping):
                yield from _wrong(value, entry, version, path)
            case Mapping():
                yield Wrong(path, value, "must be a section with its own keys", f"write keys below it: {', '.join(sorted(entry))}")
            case _:
                assert_never(entry)


def _wrong_value(path: str, value: object, kind: Kind, only: RegistryVersion | None, version: RegistryVersion) -> Iterator[Wrong]:
    if only is not None and only is not version:
        yield Wrong(
            path, value, f"must not be used with registry {version}; versions that support it: {only}", "remove it, or use such a version"
        )
    elif not _is(value, kind):
        yield Wrong(path, value, f"must be {kind.value}", f"write {kind.value}")
    else:
        for inner in _secrets(value, path):
            yield Wrong(
                inner,
                None,
                "must not be a secret, as its name says: config.yml is in a ConfigMap",
                "remove it, and replace the secret: it is exposed",
            )


def _is(value: object, kind: Kind) -> bool:
    test: Mapping[Kind, bool] = {
        Kind.SWITCH: isinstance(value, bool),
        Kind.NUMBER: isinstance(value, int) and not isinstance(value, bool),
        Kind.TEXT: isinstance(value, str),
        Kind.DURATION: isinstance(value, str) and _DURATION.fullmatch(value) is not None,
        Kind.TEXTS: isinstance(value, list) and all(isinstance(item, str) for item in value),
        Kind.SECTIONS: isinstance(value, list) and all(isinstance(item, Mapping) for item in value),
        Kind.MAPPING: isinstance(value, Mapping),
    }
    return test[kind]


def is_secret_name(name: str) -> bool:
    """Whether a key of this name may hold a secret."""
    return _SECRET.search(name) is not None


def _secrets(value: object, path: str) -> Iterator[str]:
    """Yield the path of each key inside ``value`` that is named like a secret."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if is_secret_name(str(name)) and any(not text.startswith("/") for text in _texts(item)):
                yield f"{path}.{name}"
            else:
                yield from _secrets(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _secrets(item, f"{path}[{number}]")


def _texts(value: object) -> Iterator[str]:
    """Yield the text, or each of a list: headers have lists of values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
