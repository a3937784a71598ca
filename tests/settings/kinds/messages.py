"""What a report says of the shape of a value, of names and addresses, and of versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.settings.tables import REMOVED, S3, Wrong, below, ldap, merged, storage

EXTERNAL = {"kind": "external", "host": "db", "user": "portus", "password": {"secret": "db", "key": "password"}}
VERSIONS = "must be one of 2.0, 2.1, 2.2, 2.3, 2.4, 2.5"
LIST, SECTION, TEXT = "must be a list", "must be a section with its own keys", "must be text"


def shapes() -> Iterator[Wrong]:
    """Yield values of another shape; the report shows the right one."""
    rows: list[tuple[str, Any, str, str, Any]] = [
        ("images.pullSecrets", "regcred", LIST, "write [regcred]", ["regcred"]),
        ("images.pullSecrets", {"name": "regcred"}, LIST, "write [regcred]", ["regcred"]),
        ("accept", {"no_backups": True}, LIST, "write [no_backups]", ["no_backups"]),
        ("accept", {"no_backups": "yes"}, LIST, "write [no_backups]", ["no_backups"]),
        (
            "backup.claim.accessModes",
            "RWO",
            LIST,
            "write a list; each entry is one of ReadWriteOnce, ReadWriteMany, ReadWriteOncePod",
            ["ReadWriteOnce"],
        ),
        ("exposure.ipFamilies", "dual", LIST, "write a list; each entry is one of IPv4, IPv6", ["IPv4"]),
        ("backup.claim.accessModes", {"mode": "ReadWriteOnce"}, LIST, "write [ReadWriteOnce]", ["ReadWriteOnce"]),
        ("workloads.web.env", {"TZ": "UTC"}, LIST, 'write [{name: TZ, value: "UTC"}]', [{"name": "TZ", "value": "UTC"}]),
        (
            "workloads.web.env",
            {"name": "TZ", "value": "UTC"},
            LIST,
            "write '- ' before its first key, name: it is a list of such entries",
            [{"name": "TZ", "value": "UTC"}],
        ),
        (
            "registry.notifications.extraEndpoints",
            {"ci": {"url": "https://ci.example.com"}},
            LIST,
            "write '- name: ci' with its keys below it, instead of 'ci:'",
            [{"name": "ci", "url": "https://ci.example.com"}],
        ),
        ("workloads.all.nodeSelector", ["disk=ssd", "zone=a"], SECTION, 'write {disk: "ssd", zone: "a"}', {"disk": "ssd", "zone": "a"}),
        ("exposure.annotations", [{"name": "a", "value": "b"}], SECTION, 'write {a: "b"}', {"a": "b"}),
        ("registry.serviceAccount", "registry", SECTION, "write keys below it: annotations, name", {"name": "registry"}),
        ("exposure", "load_balancer", SECTION, "write 'kind: load_balancer' below it", {"kind": "load_balancer"}),
        ("registry.deleteEnabled", "yes", "must be true or false", "write true", True),
        ("portus.web.replicas", "two", "must be a whole number", "write a number from 1 to 20", 2),
        ("portus.web.replicas", 0, "must be a number from 1 to 20", "write a number from 1 to 20", 1),
        ("portus.config.registry.jwt_expiration_time.value", 0, "must be a number from 1 to 1440", "write a number from 1 to 1440", 5),
        (
            "exposure.loadBalancerSourceRanges",
            ["10.1.2.3/8"],
            "must be a network in CIDR form, e.g. 10.0.0.0/8",
            "write 10.0.0.0/8",
            ["10.0.0.0/8"],
        ),
        (
            "images.edge",
            "HAProxy:2",
            "must be an image reference: registry/name:tag, optionally @sha256:digest",
            "write haproxy:2",
            "haproxy:2",
        ),
    ]
    for key, value, rule, fix, fixed in rows:
        inside = isinstance(value, list) and not fix.startswith("write {")
        yield Wrong(
            name=f"{key} {value}",
            change=below(key, value),
            key=f"{key}[0]" if inside else key,
            rule=rule,
            fix=fix,
            fixed=below(key, fixed),
        )
    yield Wrong(
        name="pull secrets as Kubernetes has them",
        change=below("images.pullSecrets", [{"name": "regcred"}]),
        key="images.pullSecrets[0]",
        rule=TEXT,
        fix="write only regcred, without 'name:'",
        fixed=below("images.pullSecrets", ["regcred"]),
    )
    yield Wrong(
        name="variable as a text",
        change=below("workloads.web.env", ["TZ=UTC"]),
        key="workloads.web.env[0]",
        rule=SECTION,
        fix='write {name: TZ, value: "UTC"}',
        fixed=below("workloads.web.env", [{"name": "TZ", "value": "UTC"}]),
    )
    yield Wrong(
        name="variables as a section without keys",
        change=below("workloads.web.env", {}),
        key="workloads.web.env",
        rule="must be a list",
        fix="write a list; each entry is Kubernetes' EnvVar",
        fixed=below("workloads.web.env", [{"name": "TZ", "value": "UTC"}]),
    )


def secrets() -> Iterator[Wrong]:
    """Yield Secrets that are named in another way."""
    named = "; or name a Secret of the namespace: {secret: <name>, key: <key>}"
    yield Wrong(
        name="Secret's name as the password",
        change={"database": {**EXTERNAL, "password": "portus-database"}},
        key="database.password",
        rule="must be a letter followed by at least 31 letters or digits: Portus writes it unquoted into YAML",
        fix=f"ask the server's administrator for a password that begins with a letter and has 32 letters and digits or more{named}",
        fixed={"database": {"password": {"secret": "portus-database", "key": "password"}}},
    )
    yield Wrong(
        name="Secret by Kubernetes' key",
        change={"database": {**EXTERNAL, "password": {"name": "db", "key": "password"}}},
        key="database.password.name",
        rule="unknown key",
        fix="did you mean 'secret'?",
        fixed={"database": {"password": {"name": REMOVED, "secret": "db"}}},
    )
    for form in ({"secretKeyRef": {"name": "db", "key": "password"}}, {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}):
        key = next(iter(form))
        yield Wrong(
            name=f"Secret by {key}",
            change={"database": {**EXTERNAL, "password": form}},
            key=f"database.password.{key}",
            rule="unknown key",
            fix="write only {secret: <name>, key: <key>}",
            fixed={"database": {"password": {key: REMOVED, "secret": "db", "key": "password"}}},
        )


def versions() -> Iterator[Wrong]:
    """Yield versions that do not exist, and what a version does not know."""
    for given, fix, fixed in (
        ("2.10", "write one of 2.0, 2.1, 2.2, 2.3, 2.4, 2.5", "2.5"),
        ("2.6", "write one of 2.0, 2.1, 2.2, 2.3, 2.4, 2.5", "2.5"),
        ("2", "write one of 2.0, 2.1, 2.2, 2.3, 2.4, 2.5", "2.5"),
        ("2.4.3", "did you mean '2.4'?", "2.4"),
        ("v2.5", "did you mean '2.5'?", "2.5"),
        (2.5, 'put it in quotes: "2.5"', "2.5"),
    ):
        yield Wrong(
            name=f"Portus {given!r}",
            change=below("portus.version", given),
            key="portus.version",
            rule=VERSIONS,
            fix=fix,
            fixed=below("portus.version", fixed),
        )
    for given, fix, fixed in (
        ("2.8.3", "did you mean '2.8'?", "2.8"),
        ("3", "did you mean '3.1'?", "3.1"),
        ("3.0", "write one of 2.8, 3.1", "3.1"),
        ("2.80", "write one of 2.8, 3.1", "2.8"),
    ):
        yield Wrong(
            name=f"registry {given}",
            change=below("registry.version", given),
            key="registry.version",
            rule="must be one of 2.8, 3.1",
            fix=fix,
            fixed=below("registry.version", fixed),
        )
    oss = {"driver": "oss", "accesskeyid": "a", "accesskeysecret": "b", "region": "oss-cn-beijing", "bucket": "images"}
    swift = {"driver": "swift", "authurl": "https://keystone.example.com/v3", "username": "u", "password": "p", "container": "images"}
    for store in (oss, swift):
        yield Wrong(
            name=f"{store['driver']} on 3.1",
            change=storage(store, "3.1"),
            key="registry.storage.driver",
            rule="must not be used with registry 3.1; versions that support it: 2.8",
            fix='set registry.version: "2.8"',
            fixed=below("registry.version", "2.8"),
        )
    yield Wrong(
        name="3.1's switch on 2.8",
        change=storage(S3, forcepathstyle=True),
        key="registry.storage.forcepathstyle",
        rule="must not be used with registry 2.8; versions that support it: 3.1",
        fix='set registry.version: "3.1", or remove it',
        fixed=below("registry.version", "3.1"),
    )
    old = {"portus": {"version": "2.2"}, "images": {"portus": "registry.example.com/portus:2.2"}}
    github = {"enabled": True, "client_id": "abc", "client_secret": "def", "team": "x"}
    for key, value, known in (
        ("oauth", {"github": github}, "2.3"),
        ("background", {"sync": {"strategy": "update"}}, "2.3"),
        ("pagination", {"per_page": 10, "before_after": 2}, "2.4"),
    ):
        last = "2.5"
        yield Wrong(
            name=f"{key} on 2.2",
            change=merged(old, below(f"portus.config.{key}", value)),
            key=f"portus.config.{key}",
            rule=f"must not be set for Portus 2.2; versions that know this section: {known} to {last}",
            fix=f'remove it, or set portus.version: "{known}"',
            fixed=below(f"portus.config.{key}", REMOVED),
        )
    yield Wrong(
        name="per_page on 2.4",
        change=merged(below("portus.version", "2.4"), below("portus.config.pagination.per_page", 10)),
        key="portus.config.pagination.per_page",
        rule="must not be set for Portus 2.4; versions that know this setting: 2.5",
        fix='remove it, or set portus.version: "2.5"',
        fixed=below("portus.version", "2.5"),
    )
    yield Wrong(
        name="openid_connect on 2.4, incomplete",
        change=merged(below("portus.version", "2.4"), below("portus.config.oauth.openid_connect", {"enabled": True})),
        key="portus.config.oauth.openid_connect",
        rule="must not be set for Portus 2.4; versions that know this section: 2.5",
        fix='remove it, or set portus.version: "2.5"',
        fixed=below("portus.config.oauth", REMOVED),
    )
    yield Wrong(
        name="no encryption in words",
        change=ldap(encryption={"method": "plain"}),
        key="portus.config.ldap.encryption.method",
        rule="must be one of simple_tls, start_tls",
        fix="remove it: without it Portus encrypts nothing",
        fixed=below("portus.config.ldap.encryption.method", REMOVED),
    )


CRON = "must be a schedule of five fields as in cron (minute, hour, day of the month, month, day of the week)"


def times() -> Iterator[Wrong]:
    """Yield schedules that cron does not read, and say what they mean."""
    for text, why, right in (
        ("02:30", "it has 1 field", "30 2 * * *"),
        ("nightly", "it has 1 field", "@daily"),
        ("Weekly", "it has 1 field", "@weekly"),
        ("0 17 2 * * *", "it has 6 fields", "17 2 * * *"),
        ("0 2 * * sunday", "'sunday' is not a day of the week (0 to 6)", "0 2 * * sun"),
        ("0 2 1 january *", "'january' is not a month (1 to 12)", "0 2 1 jan *"),
    ):
        yield Wrong(
            name=f"schedule {text}",
            change=below("backup.schedule", text),
            key="backup.schedule",
            rule=f"{CRON}: {why}",
            fix=f"write '{right}'",
            fixed=below("backup.schedule", right),
        )


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
            "portus\u3002example\uff0ecom",
            "must be written as in the DNS, in ASCII letters",
            "write 'portus.example.com'",
            "portus.example.com",
        ),
        (
            "host",
            "portus.example.com/portus",
            "must be only a host name, without scheme or path",
            "write 'portus.example.com'",
            "portus.example.com",
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
            "exposure.loadBalancerSourceRanges",
            ["office.example.com"],
            "must be a network in CIDR form, e.g. 10.0.0.0/8",
            "write the addresses of that host, each with its prefix, e.g. 10.1.2.3/32: a name is not possible here",
            ["10.1.2.3/32"],
        ),
        ("images.redis", "7.2", "must have a tag or a digest", "write the image before it: <image>:7.2", "redis:7.2"),
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
        for end in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known", "//.well-known/x"):
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
