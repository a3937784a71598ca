"""Kinds that a cluster may lack: their definitions are looked up, so that a preview names what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi

    from components.common.placement import Placement


def served(kind: str, placement: Placement, opts: pulumi.ResourceOptions) -> tuple[pulumi.Resource, ...]:
    """Return the definition of ``kind`` as a resource that the engine reads and never changes; nothing if it may not be read.

    Without this a preview is silent about a kind that the cluster does not know, and the deployment stops in its middle. With it both
    stop at their start: ``resource 'certificates.cert-manager.io' does not exist``.

    Args:
        kind: plural and group, as ``certificates.cert-manager.io``.
        placement: says whether definitions are looked up.
        opts: with the parent.
    """
    if not placement.check_apis:
        return ()
    from pulumi_kubernetes.apiextensions.v1 import CustomResourceDefinition  # noqa: PLC0415 - few stacks need it, and its import takes time

    return (CustomResourceDefinition.get(f"cluster-serves-{kind}", kind, opts),)
