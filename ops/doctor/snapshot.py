"""Everything that was seen of a stack at one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from components.common.names import REGISTRY
from ops.doctor.facts import NOT_LOOKED, Claim, Contact, Database, Expected, Pod, Queue, Workload
from ops.kube.http import NoAnswer, NotChecked, Reply


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything that was seen; what was not looked at says so.

    Args:
        namespace: its phase.
        missing: objects of `Expected` that the cluster does not have.
        workloads: by role.
        jobs: unsuccessful Jobs by name -> why.
        served: role -> Pod -> the answer to a first question over TLS.
        refused: (client's role, server's role) -> why a client that trusts what it mounts refuses the server; '' where it does not.
        reached: (role, name) -> why a Pod of that role does not reach a server under its public name; '' where it does.
        outside: what -> the answer on the public name, from this machine.
        database_reached: why Portus' Pod does not reach the database's server; '' where it does.
        through: host -> what the front proxy answers for it.
        services: ldap, mail, oauth -> what Portus' Pod got from each server; only those that Portus' settings turn on.
        round_trip: what a push showed; None if none was asked for.
    """

    expected: Expected
    now: float
    cluster: str | NoAnswer | NotChecked = NOT_LOOKED
    namespace: str | NotChecked = NOT_LOOKED
    missing: tuple[tuple[str, str], ...] | NotChecked = NOT_LOOKED
    claims: tuple[Claim, ...] | NotChecked = NOT_LOOKED
    workloads: Mapping[str, Workload] | NotChecked = NOT_LOOKED
    jobs: Mapping[str, str] | NotChecked = NOT_LOOKED
    database: Database | NoAnswer | NotChecked = NOT_LOOKED
    served: Mapping[str, Mapping[str, Reply]] = field(default_factory=dict)
    refused: Mapping[tuple[str, str], str | NotChecked] = field(default_factory=dict)
    reached: Mapping[tuple[str, str], str | NotChecked] = field(default_factory=dict)
    database_reached: str | NotChecked = NOT_LOOKED
    through: Mapping[str, Reply] = field(default_factory=dict)
    services: Mapping[str, tuple[Contact | NotChecked, ...]] = field(default_factory=dict)
    health: Reply = NOT_LOOKED
    token: Reply = NOT_LOOKED
    login: Reply = NOT_LOOKED
    catalog: Reply = NOT_LOOKED
    event: Reply = NOT_LOOKED
    queues: tuple[Queue, ...] | NoAnswer | NotChecked = NOT_LOOKED
    names: Mapping[str, tuple[str, ...] | NoAnswer] = field(default_factory=dict)
    outside: Mapping[str, Reply] = field(default_factory=dict)
    drift: str | NotChecked = NOT_LOOKED
    round_trip: str | NoAnswer | NotChecked | None = None

    @property
    def is_being_restored(self) -> bool:
        """Whether a restore has stopped Portus and has not started it again: its database may be half of one."""
        workloads = {} if isinstance(self.workloads, NotChecked) else self.workloads
        return any(each.before_restore is not None and each.replicas == 0 for each in workloads.values())

    def workload(self, role: str) -> Workload | None:
        """Return the workload of a role, None where the stack has none."""
        return None if isinstance(self.workloads, NotChecked) else self.workloads.get(role)

    def pod(self, role: str) -> Pod | None:
        """Return a Pod of a role: a ready one where there is one."""
        workload = self.workload(role)
        return next(iter((*workload.ready, *workload.pods)), None) if workload else None

    def registry_config(self) -> Mapping[str, Any]:
        """Return the registry's config.yml as its Pod mounts it; empty where it mounts none that can be read."""
        pod = self.pod(REGISTRY)
        files = pod.files if pod else {}
        text = next((text for path, text in sorted(files.items()) if path.endswith("/config.yml")), "")
        return _section(text)

    @property
    def is_read_only(self) -> bool:
        """Whether the registry's configuration refuses pushes: ``storage.maintenance.readonly``."""
        maintenance = (self.registry_config().get("storage") or {}).get("maintenance") or {}
        return (maintenance.get("readonly") or {}).get("enabled") is True


@lru_cache(maxsize=16)
def _section(text: str) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError:  # the registry does not start with it, and its Pods say so
        return {}
    return config if isinstance(config, dict) else {}
