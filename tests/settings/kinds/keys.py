"""What a report says of keys by another name, in another section, or without their section's kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.settings.kinds.messages import EXTERNAL, LIST, SECTION
from tests.settings.tables import AZURE, OSS, REMOVED, S3, SWIFT, Wrong, below, ldap, mail, merged, storage


def strangers() -> Iterator[Wrong]:
    """Yield keys that many sections have: nobody can know which one was meant."""
    top = (
        "accept, backup, cluster, credentials, database, exposure, host, images, network, observability, portus, profile, protect, "
        "registry, tls, workloads"
    )
    registry = (
        "autoscaling, catalogMaxEntries, deleteEnabled, extraConfig, host, http, logLevel, maintenance, notifications, redirect, "
        "redis, replicas, resources, serviceAccount, storage, version"
    )
    for key, known in (("name", top), ("registry.name", registry), ("portus.name", "bootstrap, config, logLevel, version, web, worker")):
        yield Wrong(
            name=key,
            change=below(key, "hub"),
            key=key,
            rule="unknown key",
            fix=f"remove it; known here: {known}",
            fixed=below(key, REMOVED),
        )


def _moved(key: str, fixed: dict[str, Any]) -> dict[str, Any]:
    """Return ``fixed``, with ``key`` taken away."""
    *above, last = key.split(".")
    result = node = merged({}, fixed)
    for step in above:
        node = node.setdefault(step, {})
    node[last] = REMOVED
    return result


def words() -> Iterator[Wrong]:
    """Yield sections under another word: what is inside them is not a problem of its own, because it may be right for what was meant."""
    peer = {"ipBlock": {"cidr": "10.0.0.0/8"}}
    rows: list[tuple[str, Any, str, Any]] = [
        ("network.egress", [{"to": [peer], "ports": [{"port": 443}]}], "extraEgress", [{"workloads": ["web"], "ports": [{"port": 443}]}]),
        ("network.ingress", [{"from": [peer]}], "extraIngress", [{"workloads": ["edge"], "from": [peer], "ports": [{"port": 8443}]}]),
        ("networkPolicy", {"enabled": True}, "network", {"policies": True}),
        ("workloads.web.environment", ["TZ=UTC"], "env", [{"name": "TZ", "value": "UTC"}]),
        ("workloads.web.envFrom", [{"secretRef": {"name": "x"}}], "env", []),
    ]
    for key, value, right, fixed in rows:
        above, _, _ = key.rpartition(".")
        yield Wrong(
            name=key,
            change=below(key, value),
            key=key,
            rule="unknown key",
            fix=f"did you mean '{right}'?",
            fixed=_moved(key, below(f"{above}.{right}".lstrip("."), fixed)),
        )


def joined() -> Iterator[Wrong]:
    """Yield keys that join a section's key and one inside it, and keys one section too high."""
    rows: list[tuple[str, Any, str, dict[str, Any]]] = [
        (
            "registry.serviceAccountAnnotations",
            {"a": "b"},
            "write 'serviceAccount: {annotations: ...}'",
            below("registry.serviceAccount.annotations", {"a": "b"}),
        ),
        (
            "workloads.web.serviceAccountName",
            "portus",
            "write 'serviceAccount: {name: ...}'",
            below("workloads.web.serviceAccount.name", "portus"),
        ),
        ("databaseName", "portus", "write 'portus:database: {name: ...}'", {"database": {"kind": "in_cluster", "name": "portus"}}),
        ("registry_log_level", "warn", "write 'portus:registry: {logLevel: ...}'", below("registry.logLevel", "warn")),
        ("backup.claimSize", "20Gi", "write 'claim: {size: ...}'", below("backup.claim.size", "20Gi")),
        ("portus.puma_workers", 2, "write pumaWorkers under 'web'", below("portus.web.pumaWorkers", 2)),
        ("web", {"replicas": 2}, "write it under 'portus' or 'workloads'", below("portus.web.replicas", 2)),
        (
            "registry.health",
            {"storagedriver": {"enabled": True}},
            "write it under extraConfig",
            below("registry.extraConfig.health.storagedriver.enabled", value=True),
        ),
        (
            "registry.storage.claimName",
            "blobs",
            "write 'existingClaim: {name: ...}'",
            below("registry.storage", {"driver": "filesystem", "existingClaim": {"name": "blobs"}}),
        ),
        ("schedule", "@daily", "write it under 'backup'", below("backup.schedule", "@daily")),
        ("portus.web.resources.cpu", "1", "write it under 'limits' or 'requests'", below("portus.web.resources.limits.cpu", "1")),
    ]
    for key, value, fix, fixed in rows:
        yield Wrong(name=key, change=below(key, value), key=key, rule="unknown key", fix=fix, fixed=_moved(key, fixed))
    yield Wrong(
        name="ports of a node by their names",
        change={"exposure": {"kind": "node_port", "nodePorts": {"https": 30443}}},
        key="exposure.nodePorts",
        rule="unknown key",
        fix="write 'httpsNodePort: ...', and for plain HTTP 'httpNodePort: ...'",
        fixed={"exposure": {"nodePorts": REMOVED, "httpsNodePort": 30443}},
    )
    yield Wrong(
        name="portusVersion in place of its section",
        change={"portus": REMOVED, "portusVersion": "2.5"},
        key="portusVersion",
        rule="unknown key",
        fix="write 'portus:portus: {version: ...}'",
        fixed={"portusVersion": REMOVED, "portus": {"version": "2.5"}},
    )


def synonyms() -> Iterator[Wrong]:
    """Yield keys by the name that other programs give them: a guess by the letters would be none, or another key."""
    smtp = {"enabled": True, "address": "smtp.example.com"}
    volume = {"name": "s", "emptyDir": {}}
    rows: list[tuple[str, Any, str, dict[str, Any]]] = [
        (
            "portus.config.email.smtp.starttls",
            True,
            "enable_starttls_auto",
            {"portus": {"config": {"email": {"from": "p@example.com", "smtp": smtp}}}},
        ),
        ("portus.config.ldap.user_base", "dc=corp", "base", below("portus.config.ldap", {"enabled": True, "hostname": "dc1.example.com"})),
        ("backup.retention", 30, "keep", {}),
        ("backup.cron", "17 3 * * *", "schedule", {}),
        ("images.db", "mariadb:10.11", "mariadb", {}),
        ("exposure.nodePort", 30443, "httpsNodePort", {"exposure": {"kind": "node_port"}}),
        ("portus.config.oauth.keycloak", {"enabled": False}, "openid_connect", {}),
        ("backup.claimName", "dumps", "existingClaim", {}),
    ]
    for key, value, right, change in rows:
        above, _, _ = key.rpartition(".")
        yield Wrong(
            name=key,
            change=merged(change, below(key, value)),
            key=key,
            rule="unknown key",
            fix=f"did you mean '{right}'?",
            fixed=_moved(key, below(f"{above}.{right}", value)),
        )
    for source, wrong, right in (
        ("secret", "name", "secretName"),
        ("persistentVolumeClaim", "name", "claimName"),
    ):
        volumes = [{"name": "s", source: {wrong: "ca"}}]
        yield Wrong(
            name=f"{wrong} of {source}",
            change=below("workloads.web", {"volumes": volumes, "volumeMounts": [{"name": "s", "mountPath": "/s"}]}),
            key=f"workloads.web.volumes[0].{source}.{wrong}",
            rule="unknown key",
            fix=f"did you mean '{right}'?",
            fixed=below("workloads.web.volumes", [{"name": "s", source: {right: "ca"}}]),
        )
    yield Wrong(
        name="path of a mount",
        change=below("workloads.web", {"volumes": [volume], "volumeMounts": [{"name": "s", "path": "/s"}]}),
        key="workloads.web.volumeMounts[0].path",
        rule="unknown key",
        fix="did you mean 'mountPath'?",
        fixed=below("workloads.web.volumeMounts", [{"name": "s", "mountPath": "/s"}]),
    )
    for key, value, fix in (
        ("workloads.web.livenessProbe", {"initialDelaySeconds": 30}, "remove it: this program sets it"),
        ("workloads.edge.securityContext", {"runAsUser": 1000}, "remove it: this program sets it"),
        ("observability.serviceMonitor", True, "write monitor: service"),
        ("observability.grafana", {"enabled": True}, "write dashboard: true"),
    ):
        yield Wrong(name=key, change=below(key, value), key=key, rule="unknown key", fix=fix, fixed=below(key, REMOVED))


def opposites() -> Iterator[Wrong]:
    """Yield keys that say the opposite of the one that their letters are close to: its name alone would turn the setting around."""
    minio = {**S3, "regionendpoint": "https://minio.example.com"}
    hook = {"name": "ci", "url": "https://ci.example.com"}
    rows: list[tuple[str, Any, str, dict[str, Any]]] = [
        ("backup.disabled", True, "enabled", {}),
        ("portus.config.signup.disabled", True, "enabled", {}),
        ("portus.config.gravatar.disable", True, "enabled", {}),
        ("registry.http.http2.enabled", False, "disabled", {}),
        ("registry.redirect.enabled", False, "disable", {}),
        ("unprotect", True, "protect", {}),
        ("network.noPolicies", True, "policies", {}),
        ("cluster.skipCreateNamespace", True, "createNamespace", {}),
        ("registry.storage.verify", False, "skipverify", storage(minio)),
        ("registry.storage.unencrypted", True, "encrypt", storage(minio)),
    ]
    for key, value, right, change in rows:
        above, _, _ = key.rpartition(".")
        yield Wrong(
            name=key,
            change=merged(change, below(key, value)),
            key=key,
            rule="unknown key",
            fix=f"write '{right}' with the opposite value",
            fixed=_moved(key, below(f"{above}.{right}".lstrip("."), not value)),
        )
    yield Wrong(
        name="an endpoint that is enabled",
        change=below("registry.notifications.extraEndpoints", [{**hook, "enabled": True}]),
        key="registry.notifications.extraEndpoints[0].enabled",
        rule="unknown key",
        fix="write 'disabled' with the opposite value",
        fixed=below("registry.notifications.extraEndpoints", [{**hook, "disabled": False}]),
    )


def charts() -> Iterator[Wrong]:
    """Yield Secrets that are named in the way of charts: the secrets that they stand for are not missing."""
    place = {"secret": "portus", "key": "password"}
    account = {"enabled": True, "bind_dn": "cn=portus,dc=example"}
    keys = {"accesskey": REMOVED, "secretkey": REMOVED}
    rows: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ("database.existingSecret", {"database": merged(EXTERNAL, {"password": REMOVED})}, ("password",)),
        ("registry.storage.existingSecret", storage(merged(S3, keys)), ("accesskey", "secretkey")),
        ("portus.config.ldap.authentication.secretName", ldap(authentication=account), ("password",)),
        ("portus.config.email.smtp.secretRef", mail(user_name="portus"), ("password",)),
    ]
    for key, change, wanted in rows:
        above, _, _ = key.rpartition(".")
        right = [below(f"{above}.{name}", place) for name in wanted]
        yield Wrong(
            name=key,
            change=merged(change, below(key, "portus")),
            key=key,
            rule="unknown key",
            fix="write " + " and ".join(f"'{name}: {{secret: <name>, key: <key>}}'" for name in wanted),
            fixed=_moved(key, merged(right[0], right[-1])),
        )


def unsaid() -> Iterator[Wrong]:
    """Yield sections whose kind is missing, although their keys tell it, and values with a key too many or quotes that mislead."""
    for key, section, kind in (
        ("database.kind", {"claim": {"size": "20Gi"}}, "in_cluster"),
        ("database.kind", {"host": "db", "user": "portus", "password": {"secret": "db", "key": "password"}}, "external"),
        ("registry.storage.driver", {"claim": {"size": "20Gi"}}, "filesystem"),
        ("registry.redis.kind", {"addr": "redis.example.com:6379"}, "external"),
        ("tls.source", {"validityDays": 90}, "self_signed"),
    ):
        above, _, tag = key.rpartition(".")
        yield Wrong(
            name=f"{key} of {', '.join(section)}",
            change=below(above, section),
            key=key,
            rule="must be set",
            fix=f"set it to {kind}, to which the other keys belong",
            fixed=below(f"{above}.{tag}", kind),
        )
    peers = [{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "192.168.0.0/16"}}]
    rows: list[tuple[str, Any, str, str, Any]] = [
        ("network.policies", {"enabled": True}, "must be true or false", "write only true, without 'enabled:'", True),
        ("exposure.edge.hstsMaxAge", "0600", "must be a whole number", "write 600", 600),
        ("portus", '{version: "2.5"}', SECTION, "write it without quotes around it", {"version": "2.5"}),
        (
            "network.clients",
            ["10.0.0.0/8", "192.168.0.0/16"],
            "must be a list of sections",
            "write [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 192.168.0.0/16}}]",
            peers,
        ),
        ("network.clients", "10.0.0.0/8", LIST, "write [{ipBlock: {cidr: 10.0.0.0/8}}]", peers[:1]),
        ("workloads.web.env", "TZ=UTC", LIST, 'write [{name: TZ, value: "UTC"}]', [{"name": "TZ", "value": "UTC"}]),
    ]
    for key, value, rule, fix, fixed in rows:
        yield Wrong(name=f"{key} {value}", change=below(key, value), key=key, rule=rule, fix=fix, fixed=below(key, fixed))
    for ports, fix, right in (
        ([443, 8443], "[{port: 443}, {port: 8443}]", [{"port": 443}, {"port": 8443}]),
        (["8000-8099", 443], "[{port: 8000, endPort: 8099}, {port: 443}]", [{"port": 8000, "endPort": 8099}, {"port": 443}]),
    ):
        yield Wrong(
            name=f"ports {ports}",
            change=below("network.extraEgress", [{"workloads": ["web"], "ports": ports}]),
            key="network.extraEgress[0].ports",
            rule="must be a list of sections",
            fix=f"write {fix}",
            fixed=below("network.extraEgress", [{"workloads": ["web"], "ports": right}]),
        )
    yield Wrong(
        name="volume of Docker Compose",
        change=below("workloads.web.volumes", ["./ca.crt:/etc/ca.crt:ro"]),
        key="workloads.web.volumes[0]",
        rule=SECTION,
        fix="write keys below it: configMap, csi, emptyDir, name, persistentVolumeClaim, secret",
        fixed=below("workloads.web.volumes", [{"name": "ca", "configMap": {"name": "ca"}}]),
    )


def servers_of_drivers() -> Iterator[Wrong]:
    """Yield servers and buckets that are nearly what the driver needs."""
    unqueried, versioned = (
        "must be a URL without a query: the driver appends paths to it",
        "must have the version of the identity service in it, or authversion must be set: otherwise the registry does not start",
    )
    point, named = (
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/images",
        "must begin with the bucket's name: the driver adds nothing to it",
    )
    nearly: list[tuple[dict[str, Any], str, str, str, str, str]] = [
        (SWIFT, "authurl", "https://id.example.com/v3?a=b", unqueried, "write https://id.example.com/v3", "https://id.example.com/v3"),
        (SWIFT, "authurl", "https://id.example.com/v4", versioned, "write https://id.example.com/v3", "https://id.example.com/v3"),
        (OSS, "endpoint", "other.oss-a.aliyuncs.com", named, "write images.oss-a.aliyuncs.com", "images.oss-a.aliyuncs.com"),
        (
            S3,
            "bucket",
            point,
            "must be a bucket's name: letters, digits, '.', '-' and '_'",
            "write the alias of the access point, which ends in -s3alias: aws s3control list-access-points shows it",
            "images-s3alias",
        ),
    ]
    for base, name, text, rule, fix, right in nearly:
        yield Wrong(
            name=f"{name} {text}",
            change=storage(base, **{name: text}),
            key=f"registry.storage.{name}",
            rule=rule,
            fix=fix,
            fixed=below(f"registry.storage.{name}", right),
        )


def of_other_versions() -> Iterator[Wrong]:
    """Yield keys of another version: what is missing or does not fit without them is no problem of its own."""
    yield Wrong(
        name="Azure's credentials on 2.8",
        change=storage(AZURE, accountkey=REMOVED, credentials={"type": "default_credentials"}),
        key="registry.storage.credentials",
        rule="must not be used with registry 2.8; versions that support it: 3.1",
        fix='set registry.version: "3.1", or remove it',
        fixed={"registry": {"version": "3.1", "serviceAccount": {}}},
    )
    for method, port, right, fits in (("starttls", 636, "start_tls", 389), ("plain", 3269, "simple_tls", 3269)):
        yield Wrong(
            name=f"LDAP's method {method} with {port}",
            change=ldap(method=method, port=port),
            key="portus.config.ldap.method",
            rule="must not be set for Portus 2.5; versions that know this setting: 2.0 to 2.2",
            fix='remove it, or set portus.version: "2.2"',
            fixed=below("portus.config.ldap", {"method": REMOVED, "port": fits, "encryption": {"method": right}}),
        )
    yield Wrong(
        name="LDAP's encryption on 2.2",
        change=merged(
            {"portus": {"version": "2.2", "bootstrap": {"username": "svc"}}, "images": {"portus": "registry.example.com/portus:2.2"}},
            ldap(port=636, encryption={"method": "simple_tls"}),
        ),
        key="portus.config.ldap.encryption",
        rule="must not be set for Portus 2.2; versions that know this section: 2.3 to 2.5",
        fix='remove it, or set portus.version: "2.3"',
        fixed=below("portus.config.ldap", {"encryption": REMOVED, "method": "simple_tls"}),
    )


def addresses() -> Iterator[Wrong]:
    """Yield servers by what is no host: an IPv6 address in brackets has no port to take away, and a socket has no host."""
    key = "portus.config.ldap.hostname"
    version_6 = "must be a host name, a Service's name or an IPv4 address", "write the server's name: IPv6 addresses are not tested"
    socket = (
        "must be only a host, without scheme, port or path",
        "write the server's DNS name or address: a Pod cannot reach its socket",
    )
    for text, (rule, fix) in (
        ("fd00::1", version_6),
        ("[fd00::1]", version_6),
        ("[fd00::1]:636", version_6),
        ("ldap://[fd00::1]", version_6),
        ("ldapi:///run/slapd/ldapi", socket),
        ("ldapi://%2Frun%2Fldapi", socket),
        ("unix:/run/slapd/ldapi", socket),
    ):
        yield Wrong(
            name=f"directory at {text}", change=ldap(hostname=text), key=key, rule=rule, fix=fix, fixed=below(key, "dc1.example.com")
        )
