"""Looks at a deployed stack from every side, at the same time where it can; changes nothing."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final

from ops.doctor.database import examine_database
from ops.doctor.facts import Claim, Contact, Expected
from ops.doctor.objects import examine_objects
from ops.doctor.outside import addresses, ask, questions
from ops.doctor.servers import examine_servers
from ops.doctor.services import questions as service_questions
from ops.doctor.snapshot import Snapshot
from ops.kube.client import Kube
from ops.kube.http import NotChecked
from ops.kube.pods import Pods, hushed

AT_ONCE: Final = 16
CAPACITY: Final = re.compile(r"(\d+)%\s")


def gather(expected: Expected, kube: Kube, say: Callable[[str], None]) -> Snapshot:
    """Return everything that can be seen of the stack.

    Args:
        say: gets what is read at the moment.
    """
    with hushed(), ThreadPoolExecutor(AT_ONCE) as pool:
        outside = {name: pool.submit(ask, expected, request) for name, request in questions(expected).items()}
        names = {name: pool.submit(addresses, name, expected.https_port) for name in dict.fromkeys((expected.host, expected.registry_name))}
        say("the cluster's objects")
        snapshot = examine_objects(kube, Snapshot(expected=expected, now=time.time()))
        if not isinstance(snapshot.workloads, NotChecked):
            say("the servers inside the cluster")
            snapshot = _inside(Pods(kube=kube, namespace=expected.namespace), snapshot, pool)
        say("the public names")
        return dataclasses.replace(
            snapshot,
            names={name: future.result() for name, future in names.items()},
            outside={name: future.result() for name, future in outside.items()},
        )


def _inside(pods: Pods, snapshot: Snapshot, pool: Executor) -> Snapshot:
    assert not isinstance(snapshot.claims, NotChecked)
    database = pool.submit(examine_database, pods, snapshot)
    collect = examine_servers(pods, snapshot, pool)
    contacts = [(kind, pool.submit(ask)) for kind, ask in service_questions(pods, snapshot)]
    rooms = {claim.name: pool.submit(_used, pods, snapshot, claim) for claim in snapshot.claims}
    claims = tuple(dataclasses.replace(claim, used=rooms[claim.name].result()) for claim in snapshot.claims)
    services: dict[str, tuple[Contact | NotChecked, ...]] = {}
    for kind, future in contacts:
        services[kind] = (*services.get(kind, ()), future.result())
    return dataclasses.replace(collect(), database=database.result(), claims=claims, services=services)


def _used(pods: Pods, snapshot: Snapshot, claim: Claim) -> float | NotChecked | None:
    """Return how full a claim is, as a Pod that mounts it sees its file system; None while none does."""
    assert not isinstance(snapshot.workloads, NotChecked)
    for workload in snapshot.workloads.values():
        for pod in workload.ready:
            if path := pod.claims.get(claim.name):
                done = pods.run(pod.name, ["df", "-P", path])
                if isinstance(done, NotChecked):
                    return done
                found = CAPACITY.search(done[1])
                return int(found.group(1)) / 100 if found else NotChecked(f"df in Pod {pod.name} says: {done[1][:200]}")
    return None
