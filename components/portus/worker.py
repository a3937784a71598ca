"""Portus' background worker (2.3 on): turns the registry's events into repositories and tags.

Exactly one, replaced by stopping the old one first: it takes no locks, and two would handle an event twice (portus-images.md).
It is ready once it has booted, and its container restarts when it dies, which a bad event or a 401 from the catalog makes it do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.meta import v1 as meta

from components.common import availability, names, pods, sizes
from components.common.base import ServiceComponent
from components.portus.inputs import READY_SECONDS, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from components.portus.pod import PortusPods
    from components.settings.sections.portus import WorkerSettings

GRACE_SECONDS: Final = 15


class PortusWorker(ServiceComponent):
    """The worker; ``ready`` comes before what it must not miss.

    Args:
        web: makes Pods of the same image and settings.
        after: what has to be there first: a schema, and a registry that answers, or it dies of the first synchronisation.
    """

    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        web: PortusPods,
        settings: WorkerSettings,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("portus:Worker", name, opts)
        labels = web.placement.labels(name=names.PORTUS, component=names.WORKER, version=web.generation.version)
        container = web.container(Role.WORKER, resources=pods.merged(sizes.WORKER, settings.resources))
        deployment = apps.Deployment(
            f"{name}-deployment",
            metadata=web.placement.metadata(labels, names.PORTUS_WORKER),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                progress_deadline_seconds=READY_SECONDS,
                revision_history_limit=availability.REVISIONS,
                selector=meta.LabelSelectorArgs(match_labels=labels.selector),
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                template=web.template(labels, [container], grace_seconds=GRACE_SECONDS),
            ),
            opts=self.child(after=after, seconds=READY_SECONDS),
        )
        self.ready = (deployment,)
        self.register_outputs({})
