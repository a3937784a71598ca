"""Names and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.settings.tables import Wrong, below


def names() -> Iterator[Wrong]:
    """Yield names and addresses that are nearly right."""
    rows: list[tuple[str, Any, str, str, Any]] = [
        (
            "host",
            "portus.bücher.example",
            "must be written as in the DNS, in ASCII letters",
            "write 'portus.xn--bcher-kva.example'",
            "portus.xn--bcher-kva.example",
        ),
        (
            "host",
            "Portus.Example.com",
            "must be a DNS name in lower case with a domain, e.g. portus.example.com",
            "write 'portus.example.com'",
            "portus.example.com",
        ),
        (
            "portus.config.security.clair.server",
            "http://clair_server:6060",
            "must be a URL with a host name or an address",
            "write http://clair-server:6060, if the server has that name in the DNS",
            "http://clair-server:6060",
        ),
        (
            "portus.config.security.clair.server",
            "clair:6060",
            "must be a URL that begins with http:// or https://",
            "put https:// before it, or http://",
            "https://clair:6060",
        ),
        (
            "portus.config.security.clair.server",
            "https://clair.example.com/?a=b",
            "must be a URL without a query: the program appends paths to it",
            "write https://clair.example.com/",
            "https://clair.example.com",
        ),
        (
            "portus.config.security.clair.server",
            "https://clair.example.com#top",
            "must be a URL without '#': clients never send what follows it",
            "write https://clair.example.com",
            "https://clair.example.com",
        ),
        (
            "cluster.namespace",
            "team.portus",
            "must be a Kubernetes name: lower case letters, digits and '-', at most 63 characters",
            "write 'team-portus'",
            "team-portus",
        ),
        (
            "images.pullSecrets",
            ["Reg_Cred"],
            "must be a Kubernetes name: lower case letters, digits, '-' and '.', at most 253 characters",
            "write 'reg-cred'",
            ["reg-cred"],
        ),
        (
            "portus.config.security.clair.server",
            "https://portus:hunter2@clair.example.com",
            "must not have a user and a password: this setting is stored as plain text",
            "write 'https://clair.example.com', and change the password: it is exposed",
            "https://clair.example.com",
        ),
    ]
    for key, value, rule, fix, fixed in rows:
        yield Wrong(
            name=f"{key} {value}",
            change=below(key, value),
            key=key + ("[0]" if isinstance(value, list) else ""),
            rule=rule,
            fix=fix,
            fixed=below(key, fixed),
        )
    connect = {"enabled": True, "identifier": "portus", "secret": "aaaa-bbbb"}
    for issuer in ("https://sso.example.com/realms/corp", "https://login.example.com/tenant/v2.0"):
        for end in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
            yield Wrong(
                name=f"issuer {issuer}{end}",
                change=below("portus.config.oauth.openid_connect", {**connect, "issuer": issuer + end}),
                key="portus.config.oauth.openid_connect.issuer",
                rule="must be the issuer, without the path of its discovery document",
                fix=f"write {issuer}",
                fixed=below("portus.config.oauth.openid_connect.issuer", issuer),
            )
    yield Wrong(
        name="issuer with a query",
        change=below("portus.config.oauth.openid_connect", {**connect, "issuer": "https://sso.example.com/?p=b2c"}),
        key="portus.config.oauth.openid_connect.issuer",
        rule="must be a URL without a query",
        fix="write https://sso.example.com/",
        fixed=below("portus.config.oauth.openid_connect.issuer", "https://sso.example.com/"),
    )
    for cidr, excepted in (
        ("10.0.0.0/8", "192.168.0.0/16"),
        ("10.1.0.0/16", "10.0.0.0/8"),
        ("10.1.0.0/16", "10.1.0.0/16"),
        ("fd00::/8", "10.0.0.0/8"),
    ):
        yield Wrong(
            name=f"{excepted} inside {cidr}",
            change=below("network.clients", [{"ipBlock": {"cidr": cidr, "except": [excepted]}}]),
            key="network.clients[0].ipBlock.except[0]",
            rule=f"must be a part of cidr ({cidr}), not all of it",
            fix="remove it, or write a smaller network inside cidr",
            fixed=below("network.clients", [{"ipBlock": {"cidr": cidr}}]),
        )
