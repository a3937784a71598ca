"""What a stack file adds to the Pods of one workload; ``pods.pod_template`` puts it in, so that no component has to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True, slots=True)
class Extras:
    """Additions to a Pod, each in Kubernetes' own shape.

    Args:
        spread: whether replicas of the Pod are kept apart if nothing else is set.
        spec: parts of the Pod's spec (``nodeSelector``, ``tolerations`` ...).
        env: more variables of the Pod's first container.
        volumes: more volumes.
        mounts: where the Pod's first container has them.
        service_account: name of the Pod's account; None: the namespace's default one.
    """

    spread: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    env: Sequence[Mapping[str, Any]] = ()
    volumes: Sequence[Mapping[str, Any]] = ()
    mounts: Sequence[Mapping[str, Any]] = ()
    service_account: pulumi.Input[str] | None = None


NONE = Extras()
