"""Kubernetes objects as workloads: containers of Pod templates, with the values of the ConfigMaps and Secrets that they name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ops.adopt import keys, roles
from ops.adopt.classify.registry import blob_folder
from ops.adopt.classify.values import host_and_port
from ops.adopt.files import PORTUS_CONFIGS, REGISTRY_CONFIGS, read_configs
from ops.adopt.model import AdoptError, Fate, Item, Mount, Place, Problem, Role, Source, Verdict, Workload
from ops.adopt.objects import WORKLOADS, Object

POD: Final = {
    "livenessProbe": "the program's own probes",
    "readinessProbe": "the program's own probes",
    "startupProbe": "the program's own probes",
    "lifecycle": "the program's own, which let requests end",
    "ports": "the program's own ports",
    "resources": "the program's own sizes, measured; raise them under portus:*.resources if needed",
    "imagePullPolicy": f"set {keys.PREFIX}{keys.PULL_POLICY} if IfNotPresent is wrong",
    "securityContext": "the program's own security contexts",
    "terminationMessagePath": "the cluster's default",
    "terminationMessagePolicy": "the cluster's default",
    "restartPolicy": "the program's own",
    "dnsPolicy": "the cluster's default",
    "schedulerName": "the cluster's default",
    "terminationGracePeriodSeconds": "the program's own, longer than Portus needs",
    "serviceAccount": "no Pod here needs rights in the cluster",
    "serviceAccountName": "no Pod here needs rights in the cluster",
    "automountServiceAccountToken": "no Pod here needs rights in the cluster",
    "enableServiceLinks": "off here: such variables would change Portus' configuration",
    "workingDir": "the image's own",
    "tty": "no terminal",
    "stdin": "no terminal",
}
"""Key of a container or Pod -> why nothing has to be written."""
ASKED: Final = {
    "nodeSelector": f"must the Pods run on these nodes? Then write {keys.PREFIX}{keys.WORKLOADS}",
    "affinity": f"must the Pods be placed so? Then write {keys.PREFIX}{keys.WORKLOADS}",
    "tolerations": f"must the Pods bear these taints? Then write {keys.PREFIX}{keys.WORKLOADS}",
    "hostAliases": f"which names must Pods find that the cluster's DNS does not have? Write them under {keys.PREFIX}{keys.WORKLOADS}",
    "hostNetwork": "the stack's Pods have addresses of their own: who relies on the node's?",
    "imagePullSecrets": f"does the cluster need them for the stack's images, too? Then write {keys.PREFIX}{keys.PULL_SECRETS}",
    "initContainers": "what do these containers prepare? The stack has none of them",
}


def fate_of(item: Item, key: str) -> Verdict:
    """Return the fate of a key of a container or Pod."""
    if key in ASKED:
        return Verdict(item, Fate.DECISION, ASKED[key])
    if key in POD:
        return Verdict(item, Fate.NOT_NEEDED, POD[key])
    return Verdict(item, Fate.NO_COUNTERPART, "a key of the Pod that the stack does not need")


class Stores:
    """ConfigMaps and Secrets, and what the Pods read of them."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self._found = {(each.kind, each.name): each for each in objects if each.kind in {"ConfigMap", "Secret"}}
        self.addresses = {f"{each.name.upper().replace('-', '_')}_SERVICE_HOST": each.name for each in objects if each.kind == "Service"}
        """Variable that Kubernetes makes of a Service -> the Service's name."""
        self.used: set[tuple[str, str, str]] = set()
        """Kind, name and key."""
        self.problems: list[Problem] = []
        """What the Pods name and the objects lack."""

    def find(self, kind: str, name: object) -> Object | None:
        """Return a ConfigMap or Secret."""
        return self._found.get((kind, str(name)))


class Pod:
    """Reads the containers of one Pod template."""

    def __init__(self, owner: Object, above: tuple[str | int, ...], spec: dict[str, Any], stores: Stores) -> None:
        self._owner, self._above, self._stores = owner, above, stores
        self._volumes = {volume.get("name"): volume for volume in spec.get("volumes") or []}
        self._single = len(spec.get("containers") or []) == 1

    def workload(self, number: int, container: dict[str, Any]) -> Workload:
        """Return one container."""
        name = str(container.get("name", number))
        path = (*self._above, "containers", number)
        prefix = f"{self._owner.key}.{name}"
        workload = Workload(self._owner.name if self._single else f"{self._owner.name} -c {name}", Item(self._owner.place(*path), prefix))
        words = [*(container.get("command") or []), *(container.get("args") or [])]
        for key, value in container.items():
            item = Item(self._owner.place(*path, key), f"{prefix}.{key}", value)
            if key == "image":
                workload.image = item
            elif key in {"command", "args"}:
                workload.command = " ".join(map(str, words))
                workload.rest.append(Item(item.place, f"{prefix}.{key}".replace(".args", ".command"), " ".join(map(str, value))))
            elif key not in {"name", "env", "envFrom", "volumeMounts"} and value not in (None, {}, []):
                workload.settled.append(fate_of(item, key))
        self._environment(workload, path, prefix, container)
        for index, mount in enumerate(container.get("volumeMounts") or []):
            workload.mounts += self._mounts(mount, Item(self._owner.place(*path, "volumeMounts", index), f"{prefix}.volumeMounts[{index}]"))
        return workload

    def _environment(self, workload: Workload, path: tuple[str | int, ...], prefix: str, container: dict[str, Any]) -> None:
        for index, entry in enumerate(container.get("envFrom") or []):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if reference := entry.get(field):
                    place = self._owner.place(*path, "envFrom", index)
                    store = self._store(kind, reference, place)
                    for key, text in store.data().items() if store else ():
                        name = f"{entry.get('prefix', '')}{key}"
                        self._stores.used.add((kind, store.name if store else "", key))
                        workload.environment[name] = Item(place, f"{prefix}.env.{name}", text)
        for index, entry in enumerate(container.get("env") or []):
            place = self._owner.place(*path, "env", index)
            name = str(entry.get("name"))
            value = self._value(entry, place)
            if "valueFrom" not in entry:
                value = _expanded(value, {**self._stores.addresses, **{each: item.text for each, item in workload.environment.items()}})
            workload.environment[name] = Item(place, f"{prefix}.env.{name}", value)

    def _value(self, entry: dict[str, Any], place: Place) -> str:
        source = entry.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if reference := source.get(field):
                store = self._store(kind, reference, place)
                key = str(reference.get("key"))
                if store and key in store.data():
                    self._stores.used.add((kind, store.name, key))
                    return store.data()[key]
                if store and not reference.get("optional"):
                    fix = "give the object with all its keys"
                    self._stores.problems.append(Problem(place, f"the {kind} {store.name} must have the key {key}", fix))
                return ""
        value = entry.get("value")
        return "" if value is None else str(value)

    def _store(self, kind: str, reference: dict[str, Any], place: Place) -> Object | None:
        store = self._stores.find(kind, reference.get("name"))
        if store is None and not reference.get("optional"):
            fix = f"give it, too: kubectl get {kind.lower()} {reference.get('name')} -o yaml"
            self._stores.problems.append(Problem(place, f"the {kind} {reference.get('name')} must be among the objects", fix))
        return store

    def _mounts(self, mount: dict[str, Any], item: Item) -> Iterator[Mount]:
        volume = self._volumes.get(mount.get("name")) or {}
        target, inner = str(mount.get("mountPath", "")), mount.get("subPath")
        brought = [(field, each) for each in _brought(volume) for field in _STORES if field in each]
        if brought:
            may_configure = any(PurePosixPath(each).is_relative_to(target) for each in (*REGISTRY_CONFIGS, *PORTUS_CONFIGS))
            files: list[tuple[str, str, Place]] = []
            for field, each in brought:
                reference = {**each[field], "name": each[field].get("name") or each[field].get("secretName")}
                kind = _STORES[field]
                store = self._store(kind, reference, item.place) if may_configure else self._stores.find(kind, reference["name"])
                files += self._files(store, reference, target, inner)
            yield Mount(item, "", target, brought[0][0], files=tuple(files))
            return
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        yield Mount(item, str(claim), target, "claim" if claim else "emptyDir" if "emptyDir" in volume else "volume")

    def _files(self, store: Object | None, volume: dict[str, Any], target: str, inner: Any) -> Iterator[tuple[str, str, Place]]:
        """Yield path, content and place of each file that a volume brings."""
        if store is None:
            return
        data = store.data()
        named = [(str(each.get("key")), str(each.get("path"))) for each in volume.get("items") or []] or [(key, key) for key in data]
        for key, path in named:
            if inner is None or inner == path:
                self._stores.used.add((store.kind, store.name, key))
                if key in data:
                    yield target if inner else str(PurePosixPath(target, path)), data[key], store.place("data", key)


_STORES: Final = {"configMap": "ConfigMap", "secret": "Secret"}
"""Key of a volume -> kind of the object whose entries it brings as files."""


def _brought(volume: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parts of a volume: those of a projected one, else itself."""
    return (volume.get("projected") or {}).get("sources") or [volume]


_REFERENCE: Final = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


def _expanded(value: str, known: Mapping[str, str]) -> str:
    """Return ``value`` as Kubernetes gives it to the container: ``$(NAME)`` is replaced if an earlier variable has the name."""
    return _REFERENCE.sub(lambda found: "$" if found[0] == "$$" else known.get(found[1], found[0]), value)


def read(objects: Sequence[Object], namespace: str, source_name: str, configs: Mapping[Role, Sequence[Path]] | None = None) -> Source:
    """Return what the objects say; ``configs`` replace mounted ones.

    Raises:
        AdoptError: a Secret or ConfigMap is missing, or nothing runs Portus.
    """
    source = Source("kubernetes")
    source.services = {each.name for each in objects if each.kind == "Service"}
    stores = Stores(objects)
    owners = {(each.kind, each.name) for each in objects}
    made = {each.key: owner for each in objects if (owner := _owner(each, owners))}
    source.decided += [
        Verdict(Item(each.place("kind"), each.key), Fate.NOT_NEEDED, f"made by {made[each.key]}") for each in objects if each.key in made
    ]
    objects = [each for each in objects if each.key not in made]
    for each in objects:
        if each.kind in WORKLOADS:
            source.workloads += _workloads(each, stores, source)
    if stores.problems:
        raise AdoptError(stores.problems)
    roles.assign(source.workloads, source_name)
    read_configs(source, configs or {})
    for each in objects:
        source.decided += _other_objects(each, stores.used)
    source.commands = _commands(source, objects, namespace)
    return source


def _owner(each: Object, known: Collection[tuple[str, str]]) -> str:
    """Return what made an object, "" if that is not among the ``known``; a Deployment's name is the first part of its ReplicaSets'."""
    references = (each.body.get("metadata") or {}).get("ownerReferences")
    for reference in references if isinstance(references, list) else []:
        if not isinstance(reference, dict):
            continue
        kind, name = str(reference.get("kind")), str(reference.get("name"))
        for owner in ((kind, name), ("Deployment", name.rpartition("-")[0])):
            if owner in known:
                return "/".join(owner)
    return ""


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
        source.decided.append(Verdict(item, Fate.NOT_NEEDED, "judged where a container mounts it"))
    if owner.kind != "Pod":
        source.decided += _owner_keys(owner)


def _owner_keys(owner: Object) -> Iterator[Verdict]:
    for key in owner.body.get("spec") or {}:
        if key != "template":
            yield Verdict(Item(owner.place("spec", key), f"{owner.key}.spec.{key}"), Fate.NOT_NEEDED, "the program's own Deployments")


def _other_objects(each: Object, used: set[tuple[str, str, str]]) -> Iterator[Verdict]:
    """Yield the fates of what is not a workload."""
    if each.kind in {"ConfigMap", "Secret"}:
        for key in each.body.get("data") or each.body.get("stringData") or {}:
            item = Item(each.place("data", key), f"{each.key}.{key}")
            if (each.kind, each.name, key) in used:
                yield Verdict(item, Fate.NOT_NEEDED, "its value is written where a container uses it")
            else:
                yield Verdict(item, Fate.NO_COUNTERPART, "no container uses it as a variable or a file")
    elif each.kind not in WORKLOADS:
        text = _OBJECTS.get(each.kind)
        fate = Fate.NOT_NEEDED if text else Fate.NO_COUNTERPART
        yield Verdict(Item(each.place("kind"), each.key), fate, text or "the stack makes no such object")


_OBJECTS: Final = {
    "Service": "the program's own Services; the exposure: see the questions",
    **dict.fromkeys(
        ("Ingress", "IngressRoute", "HTTPRoute", "Gateway", "Route", "VirtualService"), "the stack's exposure: see the questions"
    ),
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
    return commands | _exposure(objects, _port_of_names(source)) | _claim(source, objects)


def _port_of_names(source: Source) -> str:
    """Return the port in the images' names, as the registry's tokens have it; "" for none."""
    services = [item.text for key, item in source.registry_config if key == "auth.token.service"]
    if (registry := source.with_role(Role.REGISTRY)) and (item := registry.environment.get("REGISTRY_AUTH_TOKEN_SERVICE")):
        services.append(item.text)
    return host_and_port(services[-1])[1] if services else ""


def _exposure(objects: Sequence[Object], port_of_names: str) -> dict[str, str]:
    """Return public names and exposure, by Ingresses and Services: of several node ports the one of the images' names."""
    ingresses = [each.body.get("spec") or {} for each in objects if each.kind == "Ingress"]
    hosts = [str(rule.get("host")) for spec in ingresses for rule in spec.get("rules") or [] if rule.get("host")]
    registries = [host for host in hosts if "registry" in host]
    found = {"host": next((host for host in hosts if host not in registries), ""), "registry_name": next(iter([*registries, *hosts]), "")}
    services = [(each.name, each.body.get("spec") or {}) for each in objects if each.kind == "Service"]
    open_ports = [
        (name, port)
        for name, spec in services
        if spec.get("type") == "NodePort"
        for port in spec.get("ports") or []
        if port.get("nodePort")
    ]
    if ingresses:
        return found | {"exposure": "ingress"}
    if open_ports:
        name, port = next((each for each in open_ports if str(each[1]["nodePort"]) == port_of_names), open_ports[0])
        others = ", ".join(f"{each['nodePort']} of {other}" for other, each in open_ports if other != name)
        return found | {"exposure": "node_port", "node_port": str(port["nodePort"]), "service": name, "other_ports": others}
    return found


def _claim(source: Source, objects: Sequence[Object]) -> dict[str, str]:
    """Return path, name and size of the registry's claim."""
    registry = source.with_role(Role.REGISTRY)
    mounted = [each for each in registry.mounts if each.kind == "claim"] if registry else []
    folder = PurePosixPath(blob_folder(source) or "/")
    mount = next(iter([*(each for each in mounted if folder.is_relative_to(each.target)), *mounted]), None)
    if mount is None:
        return {"ephemeral": "yes"} if registry and not any(each.kind == "volume" for each in registry.mounts) else {}
    claims = [each.body.get("spec") or {} for each in objects if each.kind == "PersistentVolumeClaim" and each.name == mount.source]
    sizes = [str((spec.get("resources") or {}).get("requests", {}).get("storage", "")) for spec in claims]
    return {"registry_path": mount.target, "registry_claim": mount.source, "registry_size": next(iter(sizes), "")}
