"""Kubernetes objects as workloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ops.adopt import keys, roles
from ops.adopt.compose import PORTUS_CONFIGS, REGISTRY_CONFIGS
from ops.adopt.files import config_entries, parse_config
from ops.adopt.model import AdoptError, Fate, Item, Role, Source, Verdict, Workload
from ops.adopt.objects import WORKLOADS, Object
from ops.adopt.pods import Pod, Stores, fate_of


def read(objects: Sequence[Object], namespace: str, source_name: str) -> Source:
    """Return what the objects say.

    Raises:
        AdoptError: a Secret or ConfigMap is missing, or nothing runs Portus.
    """
    source = Source("kubernetes")
    source.services = {each.name for each in objects if each.kind == "Service"}
    stores = Stores(objects)
    for each in objects:
        if each.kind in WORKLOADS:
            source.workloads += _workloads(each, stores, source)
    if stores.problems:
        raise AdoptError(stores.problems)
    roles.assign(source.workloads, source_name)
    for workload in source.workloads:
        _configs(source, workload)
    for each in objects:
        source.decided += _other_objects(each, stores.used)
    source.commands = _commands(source, objects, namespace)
    return source


def _workloads(owner: Object, stores: Stores, source: Source) -> Iterator[Workload]:
    above: tuple[str | int, ...] = ("spec",) if owner.kind == "Pod" else ("spec", "template", "spec")
    spec: Any = owner.body
    for step in above:
        spec = spec.get(step) or {}
    pod = Pod(owner, above, spec, stores)
    for number, container in enumerate(spec.get("containers") or []):
        yield pod.workload(number, container)
    for key, value in spec.items():
        if key not in {"containers", "volumes"} and value not in (None, {}, []):
            source.decided.append(fate_of(Item(owner.place(*above, key), f"{owner.key}.{key}", value), key))
    for number, volume in enumerate(spec.get("volumes") or []):
        item = Item(owner.place(*above, "volumes", number), f"{owner.key}.volumes.{volume.get('name')}")
        source.decided.append(Verdict(item, Fate.FOLLOWS, "judged where a container mounts it"))
    if owner.kind != "Pod":
        source.decided += _owner_keys(owner)


def _owner_keys(owner: Object) -> Iterator[Verdict]:
    for key in owner.body.get("spec") or {}:
        if key != "template":
            yield Verdict(Item(owner.place("spec", key), f"{owner.key}.spec.{key}"), Fate.FOLLOWS, "the program's own Deployments")


def _configs(source: Source, workload: Workload) -> None:
    """Read the configuration files that ConfigMaps and Secrets bring."""
    wanted = {Role.REGISTRY: REGISTRY_CONFIGS, Role.PORTUS: PORTUS_CONFIGS}.get(workload.role, ())
    local = workload.environment.get("PORTUS_LOCAL_CONFIG_PATH")
    for mount in workload.mounts:
        for path, text, place in mount.files:
            if path in wanted or (local and workload.role is Role.PORTUS and path == local.text):
                entries = config_entries(parse_config(text, place.file, shift=place.line))
                (source.registry_config if workload.role is Role.REGISTRY else source.portus_config).extend(entries)


def _other_objects(each: Object, used: set[tuple[str, str, str]]) -> Iterator[Verdict]:
    """Yield the fates of what is no workload."""
    if each.kind in {"ConfigMap", "Secret"}:
        for key in each.body.get("data") or each.body.get("stringData") or {}:
            item = Item(each.place("data", key), f"{each.key}.{key}")
            if (each.kind, each.name, key) in used:
                yield Verdict(item, Fate.FOLLOWS, "its value is written where a container uses it")
            else:
                yield Verdict(item, Fate.NO_COUNTERPART, "no container uses it as a variable or a file")
    elif each.kind not in WORKLOADS:
        text = _OBJECTS.get(each.kind)
        fate = Fate.FOLLOWS if text else Fate.NO_COUNTERPART
        yield Verdict(Item(each.place("kind"), each.key), fate, text or "the stack makes no such object")


_OBJECTS: Final = {
    "Service": "the program's own Services; the exposure: see the questions",
    "Ingress": "the stack's exposure: see the questions",
    "PersistentVolumeClaim": "the stack's own claims; the plan copies the data",
    "PersistentVolume": "the stack's own claims; the plan copies the data",
    "NetworkPolicy": "the program's own network policies",
    "ServiceAccount": "no Pod here needs rights in the cluster",
    "Namespace": "the stack's own namespace",
    "PodDisruptionBudget": "the program's own",
    "HorizontalPodAutoscaler": f"{keys.PREFIX}{keys.WEB_AUTOSCALING} does the same",
}


def _commands(source: Source, objects: Sequence[Object], namespace: str) -> dict[str, str]:
    """Return the parts of the plan's commands, and what the objects say together."""
    commands = {"kubectl": f"kubectl -n {namespace}", "namespace": namespace}
    kinds = {each.name: each.kind.lower() for each in objects if each.kind in WORKLOADS}
    for role, name in ((Role.REGISTRY, "registry"), (Role.DATABASE, "database"), (Role.WORKER, "worker"), (Role.PROXY, "front")):
        if workload := source.with_role(role):
            commands[name] = f"{kinds.get(workload.name.partition(' ')[0], 'deployment')}/{workload.name}"
    return commands | _exposure(objects) | _claim(source, objects)


def _exposure(objects: Sequence[Object]) -> dict[str, str]:
    """Return public names and exposure, by Ingresses and Services."""
    ingresses = [each.body.get("spec") or {} for each in objects if each.kind == "Ingress"]
    hosts = [str(rule.get("host")) for spec in ingresses for rule in spec.get("rules") or [] if rule.get("host")]
    registries = [host for host in hosts if "registry" in host]
    found = {"host": next((host for host in hosts if host not in registries), ""), "registry_name": next(iter([*registries, *hosts]), "")}
    services = [each.body.get("spec") or {} for each in objects if each.kind == "Service"]
    open_ports = [port for spec in services if spec.get("type") == "NodePort" for port in spec.get("ports") or [] if port.get("nodePort")]
    if ingresses:
        return found | {"exposure": "ingress"}
    if open_ports:
        return found | {"exposure": "node_port", "node_port": str(open_ports[0]["nodePort"])}
    return found


def _claim(source: Source, objects: Sequence[Object]) -> dict[str, str]:
    """Return path, name and size of the registry's claim."""
    registry = source.with_role(Role.REGISTRY)
    mount = next((each for each in registry.mounts if each.kind == "claim"), None) if registry else None
    if mount is None:
        return {"ephemeral": "yes"} if registry and not any(each.kind == "volume" for each in registry.mounts) else {}
    claims = [each.body.get("spec") or {} for each in objects if each.kind == "PersistentVolumeClaim" and each.name == mount.source]
    sizes = [str((spec.get("resources") or {}).get("requests", {}).get("storage", "")) for spec in claims]
    return {"registry_path": mount.target, "registry_claim": mount.source, "registry_size": next(iter(sizes), "")}
