"""Sizes, images and files of workloads."""

from __future__ import annotations

from collections.abc import Iterator

from tests.settings.kinds.parts import ldap, mail
from tests.settings.tables import REMOVED, Wrong, below, merged


def sizes() -> Iterator[Wrong]:
    """Yield amounts that are too small to mean anything."""
    for key in ("timeout", "backoff"):
        yield Wrong(
            name=f"{key} of nothing",
            change=below(f"registry.notifications.{key}", "0s"),
            key=f"registry.notifications.{key}",
            rule="must be longer than zero",
            fix="write e.g. 2s, or remove it",
            fixed=below(f"registry.notifications.{key}", "2s"),
        )
    for text in ("0.5m", "0.0001", "1.2345"):
        yield Wrong(
            name=f"{text} of a processor",
            change=below("portus.web.resources.requests.cpu", text),
            key="portus.web.resources.requests.cpu",
            rule="must be an amount of CPU of 1m or more, in whole millicores: Kubernetes supports nothing finer",
            fix='write e.g. "2", "0.5" or 500m',
            fixed=below("portus.web.resources.requests.cpu", "0.5"),
        )
    for key, size, rule, fix, fixed in (
        ("database.claim.size", "64Mi", "must be 512Mi or more: an empty MariaDB needs about 180Mi", "write 512Mi or more", "512Mi"),
        (
            "registry.storage.claim.size",
            "100Mi",
            "must be 1Gi or more: every layer of every image is stored here",
            "write 1Gi or more",
            "1Gi",
        ),
        ("backup.claim.size", "1Mi", "must be 100Mi or more: 14 backups are kept here", "write 100Mi or more", "100Mi"),
        (
            "backup.scratchSize",
            "32Mi",
            "must be 512Mi or more: each backup is loaded into an empty MariaDB here",
            "write 512Mi or more",
            "512Mi",
        ),
    ):
        kind = {"database": {"kind": "in_cluster"}} if key.startswith("database") else {}
        driver = {"registry": {"storage": {"driver": "filesystem"}}} if key.startswith("registry") else {}
        yield Wrong(
            name=f"{key} {size}",
            change=merged(merged(kind, driver), below(key, size)),
            key=key,
            rule=rule,
            fix=fix,
            fixed=below(key, fixed),
        )


def images() -> Iterator[Wrong]:
    """Yield images of another program or version."""
    for setting, image, own in (
        ("mariadb", "docker.io/library/mysql:8.4.3", "mariadb"),
        ("mariadb", "percona/percona-server:8.0", "mariadb"),
        ("mariadb", "registry.example.com/postgres:16", "mariadb"),
        ("edge", "nginx:1.27", "haproxy"),
        ("redis", "memcached:1.6", "redis or valkey"),
        ("registry", "goharbor/harbor-core:v2.10", "registry or distribution"),
        ("portus", "docker.io/library/registry:2.8.3", "portus"),
    ):
        yield Wrong(
            name=f"{setting}: {image}",
            change=below(f"images.{setting}", image),
            key=f"images.{setting}",
            rule=f"must be an image of {own}",
            fix="remove it: this program then chooses the image",
            fixed=below(f"images.{setting}", REMOVED),
        )
    for tag in ("2.4", "2.4.3", "v2.4.3-1", "2.4-corp"):
        yield Wrong(
            name=f"Portus' image of tag {tag}",
            change=below("images.portus", f"opensuse/portus:{tag}"),
            key="images.portus",
            rule="must be an image of Portus 2.5, which portus.version names",
            fix='name an image of 2.5, or set portus.version: "2.4"',
            fixed={"portus": {"version": "2.4"}},
        )


def files() -> Iterator[Wrong]:
    """Yield CA files that nothing puts into the container."""
    rule, mounted = (
        "must be a path in the container: this path is not mounted in the Pods of {}",
        "; or mount the file with volumes and volumeMounts",
    )
    own = "/certificates/portus-stack-ca.crt"
    also = "; a CA under portus:tls.extraCaCertificates is /certificates/extra-ca-1.crt"
    for path in ("/etc/ldap/ca.crt", "/certificates/corp.crt", "/certificates/extra-ca-1.crt"):
        yield Wrong(
            name=f"ldap {path}",
            change=ldap(encryption={"method": "start_tls", "options": {"ca_file": path}}),
            key="portus.config.ldap.encryption.options.ca_file",
            rule=rule.format("web and worker"),
            fix=f"write {own}{also}{mounted}",
            fixed=ldap(encryption={"method": "start_tls", "options": {"ca_file": own}}),
        )
    peer = {"openssl_verify_mode": "peer", "enable_starttls_auto": True}
    yield Wrong(
        name="mail's file",
        change=mail(ca_file="/ca.crt", **peer),
        key="portus.config.email.smtp.ca_file",
        rule=rule.format("web"),
        fix=f"write {own}{also}{mounted}",
        fixed=mail(ca_file=own),
    )
    yield Wrong(
        name="mail's folder",
        change=mail(ca_path="/opt/authorities", **peer),
        key="portus.config.email.smtp.ca_path",
        rule=rule.format("web"),
        fix=f"write /etc/ssl/certs{mounted}",
        fixed=mail(ca_path="/etc/ssl/certs"),
    )
