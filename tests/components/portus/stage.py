"""Portus' settings and secrets as its containers' environment is made from them, without the program."""

from __future__ import annotations

from typing import Any

from components.common.pods import SecretKey
from components.common.trust import TlsFiles
from components.common.versions import PortusVersion
from components.mariadb import DatabaseEndpoint
from components.portus import image_family
from components.portus.inputs import DATABASE_PASSWORD, PORTUS_PASSWORD, SECRET_KEY_BASE, PortusInputs, PortusSecrets, Role
from components.portus.settings_text import existing_secrets, given_secrets
from components.settings.parse import parse
from components.settings.stack import StackSettings


def stack_of(version: str, config: dict[str, Any]) -> StackSettings:
    """Return a stack of ``version`` with these settings of Portus."""
    images = {} if version >= "2.3" else {"portus": f"registry.example.com/portus:{version}"}
    raw = {
        "profile": "development",
        "host": "portus.example.com",
        "images": images,
        "portus": {"version": version, "config": config, "bootstrap": {"enabled": version != "2.0", "username": "jdoe"}},
        "exposure": {"kind": "load_balancer"},
    }
    return parse(raw, file="stack.yaml", encrypted=lambda _: True)


def inputs_of(stack: StackSettings, *, port: int = 3306) -> PortusInputs:
    """Return the facts behind an environment; the database listens on ``port``."""
    known = [SECRET_KEY_BASE, PORTUS_PASSWORD, DATABASE_PASSWORD, *given_secrets(stack)]
    keys = {**{key: SecretKey("own", key) for key in known}, **existing_secrets(stack)}
    database = DatabaseEndpoint(host="mariadb", port=port, name="portus", user="portus", password=SecretKey("db", "password"), ready=())
    secrets = PortusSecrets(keys=keys, administrator=SecretKey("portus", "administrator"), tls=TlsFiles(secret="tls", trust="trust"))
    return PortusInputs(stack=stack, database=database, secrets=secrets)


def environment(version: str, config: dict[str, Any], role: Role = Role.WEB, *, port: int = 3306) -> dict[str, Any]:
    """Return the environment of a container of ``version``."""
    stack = stack_of(version, config)
    return dict(image_family(PortusVersion(version)).environment(inputs_of(stack, port=port), role))
