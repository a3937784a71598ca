"""From ``workloads`` to what each workload's Pods are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from components.common import names
from components.common.stack_context import PodExtras
from components.settings.derived.proxies import PROXIED, variables
from components.settings.sections.kubernetes import shape
from components.settings.sections.workloads import WorkloadSettings, WorkloadsSettings

if TYPE_CHECKING:
    from components.settings.sections.workloads import PodSettings
    from components.settings.stack import StackSettings
    from components.settings.types.base import KubernetesShape

COPIED: Final = frozenset({names.WEB, names.REGISTRY, names.EDGE})
"""The workloads that may have several copies."""

WORKLOADS: Final = ("web", "worker", "registry", "database", "edge")

ANY: Final[Mapping[str, str]] = {"kubernetes.io/os": "linux"}
"""Nodes for every image; both labels are the kubelet's own (well-known labels, Kubernetes' reference)."""
OF_PORTUS: Final[Mapping[str, str]] = {**ANY, "kubernetes.io/arch": "amd64"}
"""Nodes for the images of Portus that this program chooses: they were published for no other machines."""

VOLUME_PREFIX: Final = "extra-"


def extensions(stack: StackSettings) -> Mapping[str, PodExtras]:
    """Return what the Pods of each workload are given; ``""`` is every other one (the Jobs, a cache)."""
    settings, proxy = stack.workloads, variables(stack)
    portus = OF_PORTUS if stack.images.portus is None else ANY
    every = settings.all
    found = {
        "": PodExtras(labels=every.labels, annotations=every.annotations, spec=_spec(every)),
        names.BOOTSTRAP: PodExtras(labels=every.labels, annotations=every.annotations, spec=_spec(every, nodes=portus)),
    }
    found["backup"] = PodExtras(
        labels={**every.labels, **settings.backup.labels},
        annotations={**every.annotations, **settings.backup.annotations},
        spec=_spec(every, settings.backup),
    )
    for name in WORKLOADS:
        own: WorkloadSettings = getattr(settings, name)
        found[name] = PodExtras(
            spread=name in COPIED,
            labels={**every.labels, **own.labels},
            annotations={**every.annotations, **own.annotations},
            spec=_spec(every, own, nodes=portus if name in {names.WEB, names.WORKER} else ANY),
            env=[
                *({"name": key, "value": value} for key, value in proxy.items() if name in PROXIED),
                *(shape(variable) for variable in own.env),
            ],
            volumes=[_renamed(volume) for volume in own.volumes],
            mounts=[_renamed(mount) for mount in own.volume_mounts],
            service_account=_account(own),
        )
    return found


def _spec(*settings: PodSettings, nodes: Mapping[str, str] = ANY) -> dict[str, Any]:
    """Return where Pods run by ``settings``, of which later ones win, on top of ``nodes``."""
    selector = {**nodes, **{key: value for one in settings for key, value in one.node_selector.items()}}
    tolerations = [shape(toleration) for one in settings for toleration in one.tolerations]
    spec: dict[str, Any] = {"node_selector": selector}
    spec |= {"tolerations": tolerations} if tolerations else {}
    for one in settings:
        classes = {"priority_class_name": one.priority_class_name, "runtime_class_name": one.runtime_class_name}
        spec |= {key: value for key, value in classes.items() if value is not None}
        if one.dns_config is not None:
            spec["dns_config"] = shape(one.dns_config)
        if isinstance(one, WorkloadSettings) and one.affinity is not None:
            spec["affinity"] = shape(one.affinity)
        if isinstance(one, WorkloadSettings) and one.topology_spread_constraints:
            spec["topology_spread_constraints"] = [shape(constraint) for constraint in one.topology_spread_constraints]
    return spec


def _renamed(part: KubernetesShape) -> dict[str, Any]:
    """Return a volume or mount under a name that is none of the stack's own."""
    renamed = shape(part)
    return {**renamed, "name": f"{VOLUME_PREFIX}{renamed['name']}"}


def _account(settings: WorkloadSettings) -> str | None:
    account = getattr(settings, "service_account", None)
    return None if account is None else account.name


def accounts(settings: WorkloadsSettings) -> Mapping[str, Mapping[str, str]]:
    """Return the annotations of each service account that is to be made, by workload."""
    service_accounts = {name: getattr(getattr(settings, name), "service_account", None) for name in WORKLOADS}
    return {name: account.annotations for name, account in service_accounts.items() if account is not None and account.name is None}
