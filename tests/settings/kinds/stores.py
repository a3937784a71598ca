"""Object stores; fixes that say what to write: names outside ASCII, addresses in another form, lists, and secrets given as sections."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.settings.chains import intermediate, leaf, root
from tests.settings.tables import AZURE, GCS, GOOGLE, REMOVED, S3, SWIFT, Wrong, below, env, ldap, mail, merged, storage
from tests.settings.test_certificate_paths import provided


def stores() -> Iterator[Wrong]:
    """Yield what the registry's drivers do not take."""
    unknown = "must be a region that registry {} knows if regionendpoint is not set: otherwise the registry does not start"
    endpoint = "https://s3.{}.amazonaws.com"
    rows: list[tuple[str, str, str, dict[str, Any] | None]] = [
        ("eu-north-1", "2.8", f'set regionendpoint: {endpoint.format("eu-north-1")}, or registry.version: "3.1"', storage(S3, "3.1")),
        ("mx-central-1", "3.1", f"set regionendpoint: {endpoint.format('mx-central-1')}; or did you mean 'me-central-1'?", None),
        ("us-iso-east-1", "2.8", 'set regionendpoint: https://s3.us-iso-east-1.c2s.ic.gov, or registry.version: "3.1"', storage(S3, "3.1")),
        ("eu-west1", "2.8", "did you mean 'eu-west-1'?", storage(S3, region="eu-west-1")),
        ("EU-WEST-1", "3.1", "did you mean 'eu-west-1'?", storage(S3, "3.1", region="eu-west-1")),
        (
            "RegionOne",
            "2.8",
            "set regionendpoint to the server's URL; for Amazon S3 write a region such as eu-west-1",
            storage(S3, regionendpoint="https://s3.corp.example.com"),
        ),
    ]
    for region, version, fix, fixed in rows:
        given = storage(S3, version, region=region)
        yield Wrong(
            name=f"region {region} of {version}",
            change=given,
            key="registry.storage.region",
            rule=unknown.format(version),
            fix=fix,
            fixed=merged(given, {"registry": {"version": "3.1"}})
            if "registry.version" in fix
            else fixed or merged(given, storage(S3, version, region=region, regionendpoint=endpoint.format(region))),
        )
    yield Wrong(
        name="region with a space",
        change=storage(S3, region="eu west 1"),
        key="registry.storage.region",
        rule="must be a region's name, without spaces and '/'",
        fix="write e.g. eu-west-1",
        fixed=storage(S3, region="eu-west-1"),
    )
    yield Wrong(
        name="storage class of 3.1 on 2.8",
        change=storage(S3, storageclass="STANDARD_IA"),
        key="registry.storage.storageclass",
        rule="must be one of STANDARD, REDUCED_REDUNDANCY, NONE in registry 2.8",
        fix='set registry.version: "3.1"; or remove it, and let a lifecycle rule of the bucket change the class',
        fixed=storage(S3, "3.1", storageclass="STANDARD_IA"),
    )
    yield Wrong(
        name="root directory with a query",
        change=storage(S3, rootdirectory="/a?b"),
        key="registry.storage.rootdirectory",
        rule="must be a path inside the bucket, of letters, digits, '.', '-', '_' and '/'",
        fix="write e.g. /registry",
        fixed=storage(S3, rootdirectory="/registry"),
    )
    yield Wrong(
        name="Swift's root directory with a slash at its end",
        change=storage(SWIFT, rootdirectory="registry/"),
        key="registry.storage.rootdirectory",
        rule="must be a path inside the container without '/' at its end: Swift keeps that '/'",
        fix="remove the last '/'",
        fixed=storage(SWIFT, rootdirectory="registry"),
    )
    key = "must be an access key of the storage account, in base64"
    for name, text, fix in (
        (
            "connection string",
            "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=abcd==;EndpointSuffix=core.windows.net",
            "give only what follows 'AccountKey=' in the connection string, up to the next ';'",
        ),
        (
            "SAS token",
            "?sv=2022-11-02&ss=b&sig=abc%3D",
            "give key1 or key2 of 'az storage account keys list'; the registry does not support SAS tokens",
        ),
        ("word", "not base64", "give key1 or key2 as 'az storage account keys list' shows it, whole and in one line"),
    ):
        yield Wrong(
            name=f"Azure's key is a {name}",
            change=storage(AZURE, accountkey=text),
            key="registry.storage.accountkey",
            rule=key,
            fix=fix,
            fixed=storage(AZURE),
        )
    yield Wrong(
        name="Azure's account is a URL",
        change=storage(AZURE, accountname="https://company.blob.core.windows.net"),
        key="registry.storage.accountname",
        rule="must be a storage account's name: 3 to 24 lower case letters and digits",
        fix="write company",
        fixed=storage(AZURE, accountname="company"),
    )
    realms: list[tuple[str, str, Any]] = [
        ("https://company.blob.core.windows.net", "remove it: that is the default", REMOVED),
        ("https://company.blob.core.chinacloudapi.cn/", "write core.chinacloudapi.cn", "core.chinacloudapi.cn"),
        ("blob.core.usgovcloudapi.net", "write core.usgovcloudapi.net", "core.usgovcloudapi.net"),
        ("company.z6.web.core.windows.net", "remove it: that is the default", REMOVED),
        (
            "azurite:10000",
            "remove it for Azure's public cloud, or write the domain of another cloud, e.g. core.usgovcloudapi.net",
            "core.usgovcloudapi.net",
        ),
    ]
    for realm, fix, fixed_realm in realms:
        yield Wrong(
            name=f"realm {realm}",
            change=storage(AZURE, realm=realm),
            key="registry.storage.realm",
            rule="must be only the domain: the registry adds https://<accountname>.blob. before it",
            fix=fix,
            fixed=below("registry.storage.realm", fixed_realm),
        )
    file = "must be the key file of a service account: JSON with type, client_email and private_key"
    whole = "give the whole content of the file that 'gcloud iam service-accounts keys create' writes"
    for name, text, fix in (
        (
            "base64",
            base64.b64encode(json.dumps(GOOGLE).encode()).decode(),
            "decode this base64, because the registry reads plain JSON: base64 -d",
        ),
        ("a word", "not json", whole),
        ("a list", "[]", whole),
        ("without its key's text", json.dumps(GOOGLE | {"private_key": ""}), "give the whole file; private_key is missing"),
        ("cut off", json.dumps({"type": "service_account"}), "give the whole file; client_email and private_key are missing"),
        ("without its key", json.dumps(GOOGLE | {"private_key": None}), "give the whole file; private_key is missing"),
        (
            "an account of a person",
            json.dumps(GOOGLE | {"type": "authorized_user"}),
            'create a key of a service account; this one has type "authorized_user", which the registry cannot use',
        ),
    ):
        yield Wrong(
            name=f"Google's key file is {name}",
            change=storage(GCS, keyfile=text),
            key="registry.storage.keyfile",
            rule=file,
            fix=fix,
            fixed=storage(GCS),
        )


ASCII, MAIL = (
    "must be written as in the DNS, in ASCII letters",
    "must be an e-mail address, a domain outside ASCII in its xn-- form",
)
URL_HOST = "must be a URL with a host name or an address"
PORT = f"{URL_HOST}, and a port from 1 to 65535"
PROXY_RULE = "must be the URL of an HTTP proxy: http://, its host and its port"
EXTERNAL = {"kind": "external", "host": "db.example.com", "user": "portus", "password": "a" * 40}
ITSELF = "must be a server that Pods can reach: this is the Pod itself"
REACHED = "write the server's DNS name, its Service's name or its address"


def fixes() -> Iterator[Wrong]:
    """Yield values with one thing wrong, whose fix is a text to write."""
    for key, given, rule, fix, fixed in _texts():
        yield Wrong(name=f"{key} {given}", change=below(key, given), key=key, rule=rule, fix=fix, fixed=below(key, fixed))
    yield from _hosts()
    yield from _stores()
    yield from _lists()
    yield from _secrets()


def _texts() -> Iterator[tuple[str, Any, str, str, Any]]:
    mirror = "must be a registry's host, with its path if it has one, without scheme and without '/' at the end"
    yield "registry.host", "registry.größe.example", ASCII, "write 'registry.xn--gre-6ka8i.example'", "registry.xn--gre-6ka8i.example"
    yield "host", "PORTUS.Bücher.example", ASCII, "write 'portus.xn--bcher-kva.example'", "portus.xn--bcher-kva.example"
    yield "host", "πόλις.example", ASCII, "write 'xn--uxadok1c.example'", "xn--uxadok1c.example"
    scanner = "portus.config.security.clair.server"
    yield scanner, "http://clair.bücher.example", URL_HOST, "write http://clair.xn--bcher-kva.example", "http://clair.xn--bcher-kva.example"
    yield (
        scanner,
        "http://clair.example.com:99999",
        PORT,
        "write the host and, if it is not the default, a port up to 65535",
        ("http://clair.example.com:6060"),
    )
    sender = "portus.config.email.from"
    yield sender, "portus@bücher.example", MAIL, "write portus@xn--bcher-kva.example", "portus@xn--bcher-kva.example"
    also = "; the name before it has its own key"
    yield sender, "Portus <portus@example.com>", MAIL, f"write portus@example.com{also}", "portus@example.com"
    yield sender, "<portus@example.com>", MAIL, "write portus@example.com", "portus@example.com"
    full = "write the full name with its domain, e.g. portus.example.com"
    yield "host", "*.example.com", "must be a DNS name in lower case with a domain, e.g. portus.example.com", full, "portus.example.com"
    for given in ("https://mirror.example.com/docker/", "mirror.example.com/docker/", "docker://mirror.example.com/docker"):
        yield "images.mirror", given, mirror, "write mirror.example.com/docker", "mirror.example.com/docker"
    proxy = "http://proxy.example.com:3128"
    for given in ("proxy.example.com:3128", "https://proxy.example.com:3128", "http://proxy.example.com:3128/path"):
        yield "network.proxy.http", given, PROXY_RULE, f"write {proxy}", proxy
    yield (
        "network.proxy.https",
        "socks5://proxy.example.com:1080",
        PROXY_RULE,
        "name a proxy that speaks HTTP: Portus does not support SOCKS",
        proxy,
    )


def _hosts() -> Iterator[Wrong]:
    for key, change in (
        ("database.host", {"database": {**EXTERNAL, "host": "localhost"}}),
        ("portus.config.ldap.hostname", ldap(hostname="127.0.0.1")),
        ("portus.config.email.smtp.address", mail(address="localhost")),
    ):
        yield Wrong(name=f"{key} is the Pod", change=change, key=key, rule=ITSELF, fix=REACHED, fixed=below(key, "server.example.com"))
    yield Wrong(
        name="database by a socket",
        change={"database": {**EXTERNAL, "host": "/var/run/mysqld/mysqld.sock"}},
        key="database.host",
        rule="must be only a host, without scheme, port or path",
        fix="write the server's DNS name or address: a Pod cannot reach its socket",
        fixed=below("database.host", "db.example.com"),
    )
    redis = {"kind": "external", "addr": "redis.example.com:6379", "password": "p"}
    for given in ("redis://redis.example.com:6379/0", "Redis.example.com:6379", "redis.example.com"):
        yield Wrong(
            name=f"Redis at {given}",
            change=below("registry.redis", {**redis, "addr": given}),
            key="registry.redis.addr",
            rule="must be a host and a port, without scheme",
            fix="write redis.example.com:6379",
            fixed=below("registry.redis.addr", "redis.example.com:6379"),
        )
    oidc = {"enabled": True, "issuer": "https://sso.example.com/realms/corp", "identifier": "portus", "secret": "s"}
    for path in (
        "/protocol/openid-connect",
        "/protocol/openid-connect/auth",
        "/protocol/openid-connect/token/",
        "/oauth2/authorize",
        "/v1/token",
        "/oauth/jwks.json",
    ):
        yield Wrong(
            name=f"issuer with {path}",
            change=below("portus.config.oauth.openid_connect", {**oidc, "issuer": f"{oidc['issuer']}{path}"}),
            key="portus.config.oauth.openid_connect.issuer",
            rule="must be the issuer, without the path of one of its endpoints",
            fix=f"write {oidc['issuer']}",
            fixed=below("portus.config.oauth.openid_connect", oidc),
        )


def _stores() -> Iterator[Wrong]:
    for given, version in (("GLACIER", "2.8"), ("GLACIER", "3.1"), ("DEEP_ARCHIVE", "3.1")):
        yield Wrong(
            name=f"storage class {given} of {version}",
            change=storage(S3, version, storageclass=given),
            key="registry.storage.storageclass",
            rule="must be a class whose objects can be read at once: the registry does not restore objects",
            fix="remove it: the default is STANDARD",
            fixed=below("registry.storage.storageclass", REMOVED),
        )
    for given in ("Company", "company.blob.core.windows.net", "https://Company.blob.core.windows.net/images"):
        yield Wrong(
            name=f"Azure's account {given}",
            change=storage(AZURE, accountname=given),
            key="registry.storage.accountname",
            rule="must be a storage account's name: 3 to 24 lower case letters and digits",
            fix="write company",
            fixed=below("registry.storage.accountname", "company"),
        )
    yield Wrong(
        name="IPv6 endpoint without brackets",
        change=storage(S3, regionendpoint="http://fd00::10:9000"),
        key="registry.storage.regionendpoint",
        rule=PORT,
        fix="put the IPv6 address in square brackets",
        fixed=below("registry.storage.regionendpoint", "http://[fd00::10]:9000"),
    )


def _lists() -> Iterator[Wrong]:
    for interval in ("0s", "0m", "0h0m0s"):
        yield Wrong(
            name=f"metrics every {interval}",
            change={"observability": {"monitor": "service", "interval": interval}},
            key="observability.interval",
            rule="must be longer than zero",
            fix="write e.g. 30s, or remove it",
            fixed=below("observability.interval", "30s"),
        )
    authority, own = root(), {"source": "self_signed"}
    indent = "write '- |' on the line before it and indent it: each entry of the list is one text"
    for name, given, fix in (
        ("one text", authority, indent),
        ("a section", {"corp": authority}, "write '- |' instead of 'corp: |', and do the same for every other key"),
    ):
        yield Wrong(
            name=f"authorities as {name}",
            change={"tls": {**own, "extraCaCertificates": given}},
            key="tls.extraCaCertificates",
            rule="must be a list",
            fix=fix,
            fixed={"tls": {**own, "extraCaCertificates": [authority]}},
        )
    tls = provided(leaf() + intermediate(), authority)
    yield Wrong(
        name="authority as a list",
        change={"tls": {**tls, "caCertificate": [authority]}},
        key="tls.caCertificate",
        rule="must be text",
        fix="write one text after '|', with all certificates in it and without '-'",
        fixed={"tls": tls},
    )
    yield Wrong(
        name="certificate with the one that it renewed",
        change={"tls": {**tls, "certificate": leaf() + leaf() + intermediate()}},
        key="tls.certificate",
        rule="must have only the server's certificate and its issuers",
        fix="remove CN=portus.example.com (certificate 2 of 3), which signed none of the others",
        fixed={"tls": tls},
    )
    for key, names in (("images.pullSecrets", ["one", "two"]), ("backup.claim.accessModes", ["ReadWriteOnce", "ReadWriteMany"])):
        if key == "images.pullSecrets":
            yield Wrong(
                name=f"{key} as sections",
                change=below(key, [{"name": name} for name in names]),
                key=key,
                rule="must be a list of texts",
                fix=f"write [{', '.join(names)}]",
                fixed=below(key, names),
            )
        yield Wrong(
            name=f"{key} in one text",
            change=below(key, ", ".join(names)),
            key=key,
            rule="must be a list",
            fix=f"write [{', '.join(names)}]",
            fixed=below(key, names),
        )
    hosts = ["git.example.com", "10.0.0.0/8"]
    proxy = {"http": "http://proxy.example.com:3128"}
    yield Wrong(
        name="NO_PROXY as a variable has it",
        change=below("network.proxy", {**proxy, "noProxy": ",".join(hosts)}),
        key="network.proxy.noProxy",
        rule="must be a list",
        fix=f"write [{', '.join(hosts)}]",
        fixed=below("network.proxy.noProxy", hosts),
    )


def _secrets() -> Iterator[Wrong]:
    rule, ref = (
        "must be one encrypted text, or {secret: <name>, key: <key>}",
        "; or name a Secret of the namespace: {secret: <name>, key: <key>}",
    )
    for key, change, given, right in (
        ("registry.storage.keyfile", storage(GCS), GOOGLE, GCS["keyfile"]),
        ("registry.storage.accountkey", storage(AZURE), {"value": "YQ==", "kind": "key1"}, AZURE["accountkey"]),
        ("database.password", {"database": EXTERNAL}, {"value": "a" * 40}, "a" * 40),
    ):
        yield Wrong(
            name=f"{key} as a section",
            change=merged(change, below(key, REMOVED)) | merged(merged(change, below(key, REMOVED)), below(key, given)),
            key=key,
            rule=rule,
            fix=f"pulumi config set --secret --path 'portus:{key}'{ref}",
            fixed=below(key, right),
        )
    for workload, name, instead in (
        ("web", "PORTUS_DB_PASSWORD", "use the setting for it instead (docs/reference/settings.md)"),
        ("registry", "AWS_SECRET_ACCESS_KEY", "write portus:registry.storage.secretkey instead"),
        ("database", "MARIADB_ROOT_PASSWORD", "write portus:credentials.existing.databaseRoot instead"),
        ("worker", "PORTUS_EMAIL_SMTP_PASSWORD", "write portus:portus.config.email.smtp.password instead"),
    ):
        yield Wrong(
            name=f"secret variable of a setting {name}",
            change=env(workload, (name, "geheim123")),
            key=f"workloads.{workload}.env[0].name",
            rule="must not be a variable that this program sets",
            fix=f"remove it; {instead}; change the secret: it is exposed",
            fixed=below(f"workloads.{workload}.env", []),
        )
