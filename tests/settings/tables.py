"""Wrong stack files as table rows: what is changed in a right one, the one problem that it gets, and the file after the fix."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.settings.parse import parse
from components.settings.report.problems import Problem, SettingsError
from components.settings.stack import StackSettings

BASE: dict[str, Any] = {
    "profile": "development",
    "host": "portus.example.com",
    "registry": {"host": "registry.example.com"},
    "portus": {"version": "2.5"},
    "exposure": {"kind": "load_balancer"},
}

SECRETS = {
    "password", "secret", "client_secret", "accesskey", "secretkey", "accountkey", "keyfile", "accesskeyid", "accesskeysecret",
    "privateKey", "authorization",
}  # fmt: skip

REMOVED = object()
"""Takes a key away."""


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One row.

    Args:
        name: of the test.
        change: over ``BASE``; nested, a list or a text takes the place of what stands there.
        key: of the only problem.
        rule: what it says.
        fix: what it tells to do.
        fixed: over ``change``: the fix, followed to the letter.
    """

    name: str
    change: Mapping[str, Any]
    key: str
    rule: str
    fix: str
    fixed: Mapping[str, Any]

    @property
    def raw(self) -> dict[str, Any]:
        """The wrong stack file."""
        return merged(BASE, self.change)


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``change`` laid over it."""
    result = copy.deepcopy(dict(base))
    for key, value in change.items():
        if value is REMOVED:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = merged({}, value) if isinstance(value, Mapping) else copy.deepcopy(value)
    return result


def accepted(raw: Mapping[str, Any]) -> StackSettings:
    """Return the settings; every secret counts as encrypted."""
    return parse(raw, file="stack.yaml", encrypted=lambda path: path[-1] in SECRETS)


def problems(raw: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return what is wrong with ``raw``, nothing where it is accepted."""
    try:
        accepted(raw)
    except SettingsError as error:
        return error.problems
    return ()


def report(raw: Mapping[str, Any], *, encrypted: bool = True) -> tuple[str, tuple[Problem, ...]]:
    """Return the report on ``raw`` and its problems, both empty where it is accepted; every secret counts as ``encrypted``."""
    try:
        parse(raw, file="stack.yaml", encrypted=lambda _: encrypted)
    except SettingsError as error:
        return str(error), error.problems
    return "", ()


def below(path: str, value: Any) -> dict[str, Any]:
    """Return ``value`` at a dotted path."""
    for step in reversed(path.split(".")):
        value = {step: value}
    return dict(value)


LDAP = {"enabled": True, "hostname": "dc1.corp.example.com", "base": "dc=corp,dc=example,dc=com"}
S3 = {"driver": "s3", "region": "us-east-1", "bucket": "images", "accesskey": "AKIAEXAMPLE", "secretkey": "abc/def+ghi"}
AZURE = {"driver": "azure", "accountname": "company", "container": "images", "accountkey": "YWNjb3VudC1rZXk="}
GOOGLE = {"type": "service_account", "client_email": "registry@example.com", "private_key": "of-google-cloud"}
GCS = {"driver": "gcs", "bucket": "images", "keyfile": json.dumps(GOOGLE)}
OSS = {"driver": "oss", "region": "oss-cn-beijing", "bucket": "images", "accesskeyid": "LTAI5tAAAAAAAAAA", "accesskeysecret": "of-alibaba"}
SWIFT = {
    "driver": "swift", "authurl": "https://keystone.example.com/v3", "username": "u", "password": "secret-word", "container": "images",
}  # fmt: skip
MAIL = {"enabled": True, "address": "smtp.example.com"}
PROXY = "http://proxy.corp.example.com:3128"
LOCAL = "localhost,127.0.0.1,svc,cluster.local"
OWN = f"{LOCAL},portus.example.com,registry.example.com"


def ldap(**settings: Any) -> dict[str, Any]:
    """Return a stack file's part with a directory."""
    return below("portus.config.ldap", merged(LDAP, settings))


def mail(version: str = "2.5", /, **smtp: Any) -> dict[str, Any]:
    """Return a stack file's part with a mail server."""
    return {"portus": {"version": version, "config": {"email": {"from": "portus@corp.example.com", "smtp": merged(MAIL, smtp)}}}}


def storage(base: dict[str, Any], version: str = "2.8", /, **settings: Any) -> dict[str, Any]:
    """Return a stack file's part with an object store."""
    return {"registry": {"version": version, "storage": merged(base, settings)}}


def env(workload: str, *variables: tuple[str, str]) -> dict[str, Any]:
    """Return a stack file's part with variables."""
    return below(f"workloads.{workload}.env", [{"name": name, "value": value} for name, value in variables])


BESIDE: Mapping[str, Mapping[str, Any]] = {
    "s3": below("registry.storage", S3),
    "swift": below("registry.storage", SWIFT),
    "redis": below("registry.redis", {"kind": "external", "addr": "redis.example.com:6379"}),
    "redis with its password": below("registry.redis", {"kind": "external", "addr": "redis.example.com:6379", "password": "p"}),
    "endpoint": below("registry.notifications.extraEndpoints", [{"name": "ci", "url": "https://ci.example.com"}]),
    "external database": {"database": {"kind": "external", "host": "db.example.com", "user": "portus", "password": "a" * 40}},
    "ldap": below("portus.config.ldap", {"enabled": False, "authentication": {"enabled": False, "password": "p"}}),
    "smtp": below("portus.config.email.smtp", {"enabled": False, "password": "p"}),
    "oauth": below(
        "portus.config.oauth",
        {"openid_connect": {"enabled": False, "secret": "s"}, "gitlab": {"enabled": False}, "open_id": {"enabled": False}},
    ),
    "ingress": below("exposure.kind", "ingress"),
}
"""Parts of a stack file that a value of `stack_with` is beside; most have a secret."""


def stack_with(path: str, value: Any, beside: str = "") -> dict[str, Any]:
    """Return a stack file with ``value`` at a dotted path, and the part of `BESIDE` that has the name ``beside``."""
    raw = merged(BASE, BESIDE.get(beside, {}))
    *above, last = path.split(".")
    node: Any = raw
    for step in above:
        node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
    node[last] = value
    return raw
