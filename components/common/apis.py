"""Kinds that a cluster may lack: their definitions are looked up, so that a preview names what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi


def served(kind: str, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """Return the definition of ``kind`` as a resource that the engine reads and never changes.

    Without this a preview is silent about a kind that the cluster does not know, and the deployment stops in its middle. With it both
    stop at their start: ``resource 'certificates.cert-manager.io' does not exist``.

    Args:
        kind: plural and group, as ``certificates.cert-manager.io``.
        opts: with the parent.
    """
    from pulumi_kubernetes.apiextensions.v1 import CustomResourceDefinition  # noqa: PLC0415 - few stacks need it, and its import takes time

    return CustomResourceDefinition.get(f"cluster-serves-{kind}", kind, opts)
