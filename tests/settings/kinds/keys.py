"""What a report says of keys by another name, in another section, or without their section's kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.settings.kinds.messages import EXTERNAL, LIST, SECTION
from tests.settings.tables import REMOVED, S3, Wrong, below, ldap, mail, merged, storage


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
