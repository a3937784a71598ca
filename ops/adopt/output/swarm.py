"""Steps of the plan that only a stack of Docker Swarm needs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from ops.adopt.model import Role, Source, Workload
from ops.adopt.output.cluster import READ_ONLY, shell

VARIABLE: Final = "REGISTRY_STORAGE_MAINTENANCE_READONLY"


def name(source: Source, workload: Workload) -> str:
    """Return the name of a service in the swarm."""
    return f"{source.commands['swarm']}_{workload.name}"


def execute(source: Source, workload: Workload) -> str:
    """Return the command that runs another one in the container of ``workload``."""
    return f'docker exec -i "$(docker ps -q -f label=com.docker.swarm.service.name={shlex.quote(name(source, workload))} | head -n 1)"'


def _has_volume(registry: Workload) -> bool:
    return any(mount.kind in {"bind", "volume"} for mount in registry.mounts)


def nodes(source: Source) -> Iterator[str]:
    """Yield on which machine the commands run: ``docker exec`` sees the containers of its own node only."""
    yield "Run `docker service` on a manager, and each `docker exec` on the node that these commands name. Copy the dump from there to this"
    yield "machine. To copy the blobs, that node needs `kubectl` and the kubeconfig."
    roles = (source.with_role(role) for role in (Role.DATABASE, Role.REGISTRY))
    yield shell(*(f"docker service ps -f desired-state=running {shlex.quote(name(source, each))}" for each in roles if each))


def freeze(source: Source) -> Iterator[str]:
    """Yield how pushes are refused."""
    registry, worker = source.with_role(Role.REGISTRY), source.with_role(Role.WORKER)
    stop = [f"docker service scale {shlex.quote(name(source, worker))}=0"] if worker else []
    if registry is None:
        yield "Stop all pushes: this file has no registry."
        yield from [shell(*stop)] if stop else []
        return
    if not _has_volume(registry):
        yield "**The registry has no volume: each new task loses the images.** Do not update the service. Stop pushes at the front proxy."
        yield from [shell(*stop)] if stop else []
        return
    yield shell(f"docker service update --env-add '{VARIABLE}={READ_ONLY}' {shlex.quote(name(source, registry))}", *stop)


def back(source: Source) -> Iterator[str]:
    """Yield how the freeze is undone."""
    registry, worker = source.with_role(Role.REGISTRY), source.with_role(Role.WORKER)
    commands = []
    if registry and _has_volume(registry):
        commands.append(f"docker service update --env-rm {VARIABLE} {shlex.quote(name(source, registry))}")
    if worker:
        commands.append(f"docker service scale {shlex.quote(name(source, worker))}=1")
    if commands:
        yield shell(*commands)
