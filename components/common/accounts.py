"""Service accounts, made only if a cloud must tell Pods apart by them. No Pod mounts their token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi
from pulumi_kubernetes.core import v1 as core

from components.common.base import ServiceComponent
from components.common.placement import Placement


class ServiceAccounts(ServiceComponent):
    """One account for each workload of ``wanted`` (workload -> annotations); ``placement`` gives them to its Pods."""

    placement: Placement

    def __init__(
        self, name: str, *, wanted: Mapping[str, Mapping[str, str]], placement: Placement, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("common:ServiceAccounts", name, opts)
        extras = dict(placement.extras)
        for workload, marks in wanted.items():
            labels = placement.labels(name="portus", component=workload)
            account = core.ServiceAccount(
                f"{name}-{workload}",
                metadata=placement.metadata(labels, f"portus-{workload}", annotations=dict(marks)),
                automount_service_account_token=False,
                opts=self.child(after=placement.after),
            )
            extras[workload] = replace(placement.extras_of(workload), service_account=account.metadata.name)
        self.placement = replace(placement, extras=extras)
        self.register_outputs({})
