"""Containers of Pod templates, with the values of the ConfigMaps and Secrets that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from ops.adopt import keys
from ops.adopt.model import Fate, Item, Mount, Place, Problem, Verdict, Workload
from ops.adopt.objects import Object

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
        return Verdict(item, Fate.FOLLOWS, POD[key])
    return Verdict(item, Fate.NO_COUNTERPART, "a key of the Pod that the stack does not need")


class Stores:
    """ConfigMaps and Secrets, and what the Pods read of them."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self._found = {(each.kind, each.name): each for each in objects if each.kind in {"ConfigMap", "Secret"}}
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
            workload.environment[name] = Item(place, f"{prefix}.env.{name}", self._value(entry, place))

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
        for field, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            if field in volume:
                store = self._stores.find(kind, volume[field].get(name))
                yield Mount(item, "", target, field, files=tuple(self._files(store, volume[field], target, inner)))
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
