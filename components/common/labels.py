"""The Kubernetes recommended labels, and the part of them that selects.

Selectors are immutable in Kubernetes, so they hold only what never changes (name, instance, component); version and the
rest are descriptive. Source: kubernetes.io "Recommended Labels".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PART_OF: Final = "portus"
MANAGED_BY: Final = "pulumi"


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The labels of one workload.

    Args:
        name: the application (``mariadb``, ``portus``, ``registry``).
        instance: the stack's name, so that two stacks in one namespace never select each other's Pods.
        component: the role inside the whole (``database``, ``web``, ``worker``, ``registry``).
        version: the application's version; descriptive only, None where the object outlives versions.
    """

    name: str
    instance: str
    component: str
    version: str | None = None

    @property
    def selector(self) -> dict[str, str]:
        """The labels that select this workload's Pods."""
        return {
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/instance": self.instance,
            "app.kubernetes.io/component": self.component,
        }

    @property
    def all(self) -> dict[str, str]:
        """The whole recommended set."""
        version = {} if self.version is None else {"app.kubernetes.io/version": self.version}
        return {
            **self.selector,
            **version,
            "app.kubernetes.io/part-of": PART_OF,
            "app.kubernetes.io/managed-by": MANAGED_BY,
        }
