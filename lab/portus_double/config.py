"""Settings: the shipped values, over them ``config-local.yml``, over that the environment, typed as cconfig types it.

The environment is read as the images' own files read it: secrets and database values are pasted unquoted into YAML there, so a
password of digits becomes a number and ``a #b`` loses its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from .errors import ApplicationError
from .release import Release

Value = str | int | bool | None

_INTEGER: Final = re.compile(r"[+-]?(?:0[xX](?P<hex>[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB](?P<bin>[01]+(?:_[01]+)*)"
                             r"|0[oO]?(?P<oct>[0-7]+(?:_[0-7]+)*)|(?:0[dD])?(?P<dec>[1-9]\d*(?:_\d+)*|0))\Z")  # fmt: skip
LOCAL_CONFIG: Final = "/srv/Portus/config/config-local.yml"


def shipped(release: Release) -> dict[str, Any]:
    """Return the shipped settings that have an effect on what a deployment sees."""
    encryption = {"method": "", "options": {"ca_file": "", "ssl_version": "TLSv1_2"}}
    permissions = ("change_visibility", "create_team", "manage_team", "create_namespace", "manage_namespace")
    return {
        "delete": {"enabled": release.delete_enabled, "contributors": False},
        "first_user_admin": {"enabled": True},
        "signup": {"enabled": True},
        "check_ssl_usage": {"enabled": True},
        "registry": {
            "jwt_expiration_time": {"value": release.jwt_minutes},
            "catalog_page": {"value": 100},
            "timeout": {"value": 2},
            "read_timeout": {"value": 120},
        },
        "machine_fqdn": {"value": "portus.test.lan"},
        "display_name": {"enabled": False},
        "user_permission": {**{name: {"enabled": True} for name in permissions}, "push_images": {"policy": "allow-teams"}},
        "anonymous_browsing": {"enabled": True},
        "background": {"registry": {"enabled": True}, "sync": {"enabled": True, "strategy": "initial"}},
        "pagination": {"per_page": 10},
        "ldap": {
            "enabled": False,
            "hostname": "ldap_hostname",
            "port": 389,
            **({"method": "plain"} if release.early_ldap else {"encryption": encryption}),
            "base": "",
            **({"admin_base": ""} if release.admin_base else {}),
            "filter": "",
            "uid": "uid",
            "authentication": {"enabled": False, "bind_dn": "", "password": ""},
            "guess_email": {"enabled": False, "attr": ""},
        },
    }


def typed(text: str) -> Value:
    """Return an environment value as cconfig sees it: true and false become booleans, any Ruby integer literal a number.

    So ``0x1F``, ``0b1``, ``1_000`` and ``010`` (octal, 8) are numbers, and an all-digit password is mangled.
    """
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    bare = text.strip()
    match = _INTEGER.match(bare)
    if match is None:
        return text
    for name, base in (("hex", 16), ("bin", 2), ("oct", 8), ("dec", 10)):
        if (digits := match.group(name)) is not None:
            return int(digits.replace("_", ""), base) * (-1 if bare.startswith("-") else 1)
    return text


def pasted(text: str) -> Value:
    """Return what is left of a value that database.yml or secrets.yml pastes unquoted behind a key.

    Raises:
        ApplicationError: the line is not YAML any more, so the application cannot start.
    """
    try:
        value = yaml.safe_load(f"key: {text}\n")["key"]
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise ApplicationError("Psych::SyntaxError", "could not parse the YAML of the application's secrets") from error
    return value if isinstance(value, str | int | bool) or value is None else str(value)


class Settings:
    """The merged settings. Unknown names of the environment and of the file are ignored in silence, as in the genuine one.

    Args:
        environ: the process environment; its names are ``PORTUS_`` and the path in capitals.

    Raises:
        ApplicationError: the local file is there and is not a mapping.
    """

    def __init__(self, release: Release, environ: Mapping[str, str]) -> None:
        path = Path(environ.get("PORTUS_LOCAL_CONFIG_PATH") or LOCAL_CONFIG)
        local: Any = {}
        if path.is_file():
            local = yaml.safe_load(path.read_text(encoding="utf-8"))
            if not isinstance(local, dict):
                raise ApplicationError("StandardError", "Wrong format for the config-local file!")
        passed = environ
        if release.server == "apache":
            # Apache hands Passenger only what its PassEnv lines name: the rest of the environment has no effect there.
            passed = {name: value for name, value in environ.items() if name == "PORTUS_MACHINE_FQDN_VALUE"}
        self._tree = _merge(shipped(release), local, passed, "PORTUS")

    def value(self, path: str) -> Value:
        """Return the setting at ``path`` (``registry.timeout.value``)."""
        node: Any = self._tree
        for part in path.split("."):
            node = node[part]
        return node if isinstance(node, str | int | bool) or node is None else None

    def enabled(self, path: str) -> bool:
        """Return whether ``path.enabled`` is the boolean true: 1, yes and on are not."""
        return self.value(f"{path}.enabled") is True

    def number(self, path: str) -> int:
        """Return the setting as Ruby's ``to_i`` reads it: leading digits, else 0."""
        value = self.value(path)
        if isinstance(value, str):
            match = re.match(r"\s*[+-]?\d+", value)
            return int(match.group()) if match else 0
        return int(value or 0)


def _merge(shipped_tree: dict[str, Any], local: Any, environ: Mapping[str, str], prefix: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key, default in shipped_tree.items():
        name = f"{prefix}_{key}".upper()
        from_file = local.get(key) if isinstance(local, dict) else None
        if isinstance(default, dict):
            merged[key] = _merge(default, from_file, environ, name)
        elif name in environ:
            merged[key] = typed(environ[name])
        else:
            merged[key] = default if from_file is None else from_file
    return merged


@dataclass(frozen=True)
class Secrets:
    """What the application cannot run without in production."""

    key_base: str
    key_path: str
    portus_password: str

    def __repr__(self) -> str:
        """Hide the values: this object may end up in a traceback."""
        return f"Secrets(key_path={self.key_path!r})"


def secrets(release: Release, environ: Mapping[str, str]) -> Secrets:
    """Return the secrets.

    Raises:
        ApplicationError: a mandatory one is missing or empty, or PORTUS_PRODUCTION_* is used without its newer name.
    """
    if release.server == "apache":
        key_base = _text(environ.get("PORTUS_SECRET_KEY_BASE"))
        if not key_base:
            raise ApplicationError("RuntimeError", "Missing `secret_token` and `secret_key_base` for 'production' environment")
        return Secrets(
            key_base=key_base,
            key_path=environ.get("PORTUS_KEY_PATH") or "/secrets/portus.key",
            portus_password=_text(environ.get("PORTUS_PORTUS_PASSWORD")),
        )
    found: dict[str, str] = {}
    for name in ("SECRET_KEY_BASE", "KEY_PATH", "PASSWORD"):
        found[name] = _text(environ.get(f"PORTUS_{name}"))
        if not found[name].strip():
            raise ApplicationError(
                "RuntimeError",
                f"Environment variable `PORTUS_{name}` has not been set! This variable is "
                "mandatory in production because it's needed for the generation of secrets.",
            )
    for name in ("HOST", "USERNAME", "PASSWORD", "DATABASE"):
        if environ.get(f"PORTUS_PRODUCTION_{name}") and not environ.get(f"PORTUS_DB_{name}"):
            raise ApplicationError("Portus::DeprecationError", "The database configuration has been extended: use PORTUS_DB_* names.")
    return Secrets(found["SECRET_KEY_BASE"], found["KEY_PATH"], found["PASSWORD"])


def _text(raw: str | None) -> str:
    value = pasted(raw) if raw else ""
    return "" if value is None else str(value)


@dataclass(frozen=True)
class DatabaseAddress:
    """Where the database is; the defaults are database.yml's."""

    host: str
    port: int
    user: str
    password: Value
    name: str
    socket: str | None = None

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"DatabaseAddress({self.user}@{self.host}:{self.port}/{self.name})"


def database_address(release: Release, environ: Mapping[str, str] = os.environ) -> DatabaseAddress:
    """Return the database's address; the Apache image has no port setting: always 3306."""
    if release.server == "apache":
        return DatabaseAddress(
            host=environ.get("MARIADB_SERVICE_HOST") or "localhost",
            port=3306,
            user=environ.get("MARIADB_USER") or "portus",
            password=pasted(environ.get("MARIADB_PASSWORD", "")),
            name=environ.get("MARIADB_DATABASE") or "portus_production",
        )
    port = environ.get("PORTUS_DB_PORT") or "3306"
    if not port.strip().isdigit():
        # A Service named portus-db makes Kubernetes inject PORTUS_DB_PORT=tcp://10.0.0.1:3306.
        raise ApplicationError("TypeError", "no implicit conversion of String into Integer")
    return DatabaseAddress(
        host=str(pasted(environ.get("PORTUS_DB_HOST") or "localhost")),
        port=int(port),
        user=str(pasted(environ.get("PORTUS_DB_USERNAME") or "root")),
        password=pasted(environ.get("PORTUS_DB_PASSWORD") or ""),
        name=str(pasted(environ.get("PORTUS_DB_DATABASE") or "portus_production")),
        socket=environ.get("PORTUS_DB_SOCKET") or None,
    )
