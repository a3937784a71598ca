"""The Namespace, where this stack owns it."""

from __future__ import annotations

from typing import Final

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common.base import ServiceComponent
from components.common.labels import MANAGED_BY, PART_OF

POD_SECURITY: Final = {
    "pod-security.kubernetes.io/enforce": "baseline",
    "pod-security.kubernetes.io/warn": "baseline",
    "pod-security.kubernetes.io/audit": "restricted",
}
"""``baseline`` and not ``restricted``: Portus' images run as root (2.3-2.5) or need sudo (2.0-2.2)."""


class OwnedNamespace(ServiceComponent):
    """A Namespace with the Pod Security labels; ``resource`` comes before everything in it."""

    resource: core.Namespace

    def __init__(self, name: str, *, namespace: str, protect: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("network:Namespace", name, opts)
        labels = {"app.kubernetes.io/part-of": PART_OF, "app.kubernetes.io/managed-by": MANAGED_BY, **POD_SECURITY}
        self.resource = core.Namespace(
            f"{name}-namespace",
            metadata=meta.ObjectMetaArgs(name=namespace, labels=labels),
            opts=self.child(protect=protect, retain=protect),
        )
        self.register_outputs({})
