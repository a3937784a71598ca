"""Portus and the registry together, and the registry's own settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.registry_keys import is_secret_name, wrong
from components.settings.rules.registry_versions import unknown
from components.settings.rules.rule import rule
from components.settings.sections.registry import ExternalRedis
from components.settings.stack import StackSettings
from components.settings.types.secrets import ExistingSecret
from components.settings.types.values import image_tag

HEADERS_OF_SECRETS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Of requests; in small letters, as HTTP compares them."""


@rule()
def catalog_holds_a_page(stack: StackSettings) -> Iterator[Problem]:
    """The registry refuses a page larger than its maximum, and Portus' synchronisation dies of it."""
    page = stack.portus.config.registry.catalog_page.value
    if page is not None and page > stack.registry.catalog_max_entries:
        yield Problem(
            key="portus.config.registry.catalog_page.value",
            value=str(page),
            rule=f"must be at most registry.catalogMaxEntries ({stack.registry.catalog_max_entries})",
            remedy="lower it, or raise registry.catalogMaxEntries",
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
            remedy=f'set registry.version: "{known}"' + ("" if key.endswith(".driver") else ", or remove it"),
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
            remedy="name another tag, or set registry.version",
        )


@rule(requires=("registry.version",))
def extra_config_is_the_registrys_and_free(stack: StackSettings) -> Iterator[Problem]:
    """An unknown key is ignored in silence, and what ties the registry to Portus is not to be undone."""
    for found in wrong(stack.registry.extra_config, stack.registry.version):
        hidden = is_secret_name(found.path.rpartition(".")[2])
        shown = HIDDEN if hidden else "" if isinstance(found.value, dict | list | None) else json.dumps(found.value)
        yield Problem(key=f"registry.extraConfig.{found.path}", value=shown, rule=found.rule, remedy=found.remedy)


@rule(requires=("registry.redis",))
def redis_options_need_redis(stack: StackSettings) -> Iterator[Problem]:
    """Nothing reads them without a server."""
    if "redis" in stack.registry.extra_config and stack.registry.redis is None:
        yield Problem(
            key="registry.extraConfig.redis",
            value="",
            rule="has no effect without registry.redis: no cache is configured",
            remedy="set it, or remove this",
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
            remedy="choose another name",
        )


@rule()
def headers_hold_no_secret(stack: StackSettings) -> Iterator[Problem]:
    """They are in clear text in a ConfigMap; an endpoint's called Authorization loses to the setting of that name."""
    for name in stack.registry.http.headers:
        if _is_secret_header(name):
            yield Problem(
                key=f"registry.http.headers.{name}",
                value=HIDDEN,
                rule="must not be a secret, as its name says: the registry sends it to every client",
                remedy="remove it, and replace the secret: it is exposed",
            )
    for index, extra in enumerate(stack.registry.notifications.extra_endpoints):
        for name in extra.headers:
            if _is_secret_header(name):
                key = f"registry.notifications.extraEndpoints[{index}]"
                yield Problem(
                    key=f"{key}.headers.{name}",
                    value=HIDDEN,
                    rule="must not be a secret, as its name says: headers are in a ConfigMap",
                    remedy=f"write {key}.authorization, encrypted; replace the secret if it was deployed like this: it is exposed",
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
            remedy="set registry.redis.password, or remove username",
        )


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, ExistingSecret) or not isinstance(value, str | int | bool):
        return ""
    return json.dumps(value)
