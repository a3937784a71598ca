"""Claims: what must never be lost by a default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pulumi_kubernetes.core import v1 as core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.common.base import ServiceComponent
    from components.common.labels import Labels
    from components.common.placement import Placement


class ClaimWishes(Protocol):
    """What the stack file says of a claim (``components.settings.sections.cluster.ClaimSettings``)."""

    @property
    def size(self) -> str:
        """A Kubernetes quantity."""

    @property
    def storage_class_name(self) -> str | None:
        """None takes the cluster's default."""

    @property
    def access_modes(self) -> Sequence[str]:
        """Kubernetes' names."""


def claim(
    name: str,
    physical: str,
    wanted: ClaimWishes,
    *,
    labels: Labels,
    placement: Placement,
    parent: ServiceComponent,
) -> core.PersistentVolumeClaim:
    """Return a claim that refuses deletion and replacement where the stack is protected, and that then outlives the stack.

    Growing ``size`` is an update in place; the rest would replace the claim (pulumi-kubernetes#1665).
    """
    return core.PersistentVolumeClaim(
        name,
        metadata=placement.metadata(labels, physical),
        spec=core.PersistentVolumeClaimSpecArgs(
            access_modes=list(wanted.access_modes),
            storage_class_name=wanted.storage_class_name,
            resources=core.VolumeResourceRequirementsArgs(requests={"storage": wanted.size}),
        ),
        opts=parent.child(protect=placement.protect, retain=placement.protect, after=placement.after),
    )
