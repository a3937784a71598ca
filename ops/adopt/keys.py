"""Every key of the stack file that adoption writes. A renamed key is one edit here.

The names below ``PORTUS_CONFIG`` are Portus' own, and the parameters of a storage driver are the registry's: neither is ever renamed.
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "portus:"
"""Namespace of the program's keys in the stack file."""

HOST: Final = "host"
ACCEPT: Final = "accept"
NAMESPACE: Final = "cluster.namespace"
IMAGE_PORTUS: Final = "images.portus"
PULL_POLICY: Final = "images.pullPolicy"
PULL_SECRETS: Final = "images.pullSecrets"
EXISTING_PORTUS_PASSWORD: Final = "credentials.existing.portusPassword"  # noqa: S105 - a key, no password
TLS_SOURCE: Final = "tls.source"
DATABASE_KIND: Final = "database.kind"
DATABASE_NAME: Final = "database.name"
DATABASE_CLAIM_SIZE: Final = "database.claim.size"
DATABASE_STORAGE_CLASS: Final = "database.claim.storageClassName"
DATABASE_MEMORY_REQUEST: Final = "database.resources.requests.memory"
DATABASE_MEMORY_LIMIT: Final = "database.resources.limits.memory"
BUFFER_POOL: Final = "database.innodbBufferPoolSize"
MAX_CONNECTIONS: Final = "database.maxConnections"
VERSION: Final = "portus.version"
LOG_LEVEL: Final = "portus.logLevel"
WEB_REPLICAS: Final = "portus.web.replicas"
WEB_MEMORY_REQUEST: Final = "portus.web.resources.requests.memory"
WEB_MEMORY_LIMIT: Final = "portus.web.resources.limits.memory"
PUMA_WORKERS: Final = "portus.web.pumaWorkers"
PUMA_MAX_THREADS: Final = "portus.web.pumaMaxThreads"
BOOTSTRAP_ENABLED: Final = "portus.bootstrap.enabled"
PORTUS_CONFIG: Final = "portus.config"
REGISTRY_HOST: Final = "registry.host"
REGISTRY_VERSION: Final = "registry.version"
REGISTRY_LOG_LEVEL: Final = "registry.logLevel"
REGISTRY_STORAGE: Final = "registry.storage"
REGISTRY_CLAIM_SIZE: Final = "registry.storage.claim.size"
REGISTRY_STORAGE_CLASS: Final = "registry.storage.claim.storageClassName"
REGISTRY_CLAIM_MODES: Final = "registry.storage.claim.accessModes"
REGISTRY_REDIRECT: Final = "registry.redirect.disable"
REGISTRY_DELETE: Final = "registry.deleteEnabled"
REGISTRY_PURGING: Final = "registry.maintenance.uploadpurging"
REGISTRY_REDIS_KIND: Final = "registry.redis.kind"
REGISTRY_CATALOG: Final = "registry.catalogMaxEntries"
EXPOSURE_KIND: Final = "exposure.kind"
EXPOSURE_CLASS: Final = "exposure.ingressClassName"
EXPOSURE_NODE_PORT: Final = "exposure.httpsNodePort"
EXPOSURE_ANNOTATIONS: Final = "exposure.annotations"

# Only named in questions, never written.
WEB_AUTOSCALING: Final = "portus.web.autoscaling"
WORKLOADS: Final = "workloads"
TLS_EXTRA_CAS: Final = "tls.extraCaCertificates"
REGISTRY_REDIS: Final = "registry.redis"
REGISTRY_EXTRA: Final = "registry.extraConfig"
REGISTRY_RECEIVERS: Final = "registry.notifications.extraEndpoints"
EXPOSURE_PUBLIC_PORT: Final = "exposure.publicPort"
EXPOSURE_CONTROLLER: Final = "exposure.controller"
REGISTRY_EXISTING_CLAIM: Final = "registry.storage.existingClaim"
REGISTRY_REPLICAS: Final = "registry.replicas"

SELF_SIGNED: Final = "self_signed_certificate"
CLEAR_TEXT: Final = "clear_text_passwords"
FLOATING_TAGS: Final = "floating_image_tags"
SHARED_PASSWORDS: Final = "shared_passwords"
UNRECORDED_PUSHES: Final = "unrecorded_pushes"

SECTIONS: Final = (
    "profile", "accept", "host", "cluster", "images", "credentials", "tls", "portus", "database", "registry", "exposure",
)  # fmt: skip
"""Order of the sections in the file."""
