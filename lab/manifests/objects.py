"""The objects of one stack as the rules look at them: workloads with their Pods, and who selects whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lab.render.objects import Manifest

_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True)
class Workload:
    """An object that makes Pods."""

    manifest: Manifest

    @property
    def reference(self) -> str:
        """``Kind/name``."""
        return self.manifest.reference

    @property
    def kind(self) -> str:
        """The kind."""
        return self.manifest.kind

    @property
    def spec(self) -> Mapping[str, Any]:
        """The object's own spec."""
        spec: Mapping[str, Any] = self.manifest.document["spec"]
        return spec

    @property
    def replicas(self) -> int:
        """Wanted Pods; Kubernetes' default is 1."""
        return int(self.spec.get("replicas", 1))

    @cached_property
    def template(self) -> Mapping[str, Any]:
        """The Pod template."""
        value: Mapping[str, Any] = self.manifest.document
        for key in _TEMPLATES[self.kind]:
            value = value[key]
        return value

    @property
    def labels(self) -> Mapping[str, str]:
        """The Pods' labels."""
        labels: Mapping[str, str] = self.template.get("metadata", {}).get("labels", {})
        return labels

    @property
    def pod(self) -> Mapping[str, Any]:
        """The Pods' spec."""
        pod: Mapping[str, Any] = self.template["spec"]
        return pod

    @property
    def security(self) -> Mapping[str, Any]:
        """The Pods' security context."""
        context: Mapping[str, Any] = self.pod.get("securityContext", {})
        return context

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        """Every container, those that run before the others first."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def lasting(self) -> Sequence[Mapping[str, Any]]:
        """The containers that run until they are stopped; a Job's end by themselves."""
        return [] if self.kind in {"Job", "CronJob"} else self.pod["containers"]


@dataclass(frozen=True)
class Objects:
    """Every object of one stack."""

    manifests: Sequence[Manifest]

    def all(self, *kinds: str) -> list[Manifest]:
        """Return the objects of these kinds."""
        return [each for each in self.manifests if each.kind in kinds]

    @cached_property
    def workloads(self) -> list[Workload]:
        """Everything that makes Pods."""
        return [Workload(each) for each in self.all(*_TEMPLATES)]

    def selected(self, selector: Mapping[str, Any] | None) -> list[Workload]:
        """Return the workloads whose Pods a label selector (or a Service's plain labels) selects."""
        return [each for each in self.workloads if selects(selector, each.labels)]

    def names(self, *kinds: str) -> set[str]:
        """Return the names of the objects of these kinds."""
        return {each.name for each in self.all(*kinds)}


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector selects Pods with ``labels``: a label selector, or the plain labels of a Service."""
    if selector is None:
        return False
    if not {"matchLabels", "matchExpressions"} & selector.keys():
        return selector.items() <= labels.items()
    match_labels = selector.get("matchLabels", {})
    return match_labels.items() <= labels.items() and all(_holds(each, labels) for each in selector.get("matchExpressions", []))


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


def texts(value: Any) -> Iterator[str]:
    """Yield every text inside ``value``."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
