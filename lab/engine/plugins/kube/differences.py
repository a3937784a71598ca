"""What changed between two versions of an object's inputs, and what of that Kubernetes can only do by a new object.

The tables of fields that force a replacement are those of pulumi-kubernetes 4.34.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lab.engine.plugins.codec import UNKNOWN, Properties
from lab.engine.plugins.kube.objects import ObjectKind, is_autonamed, kind_of, name_of, namespace_of
from lab.engine.plugins.provider import Change, ChangeKind, Difference

_IDENTITY: Final = ("metadata.name", "metadata.namespace")
_POD_FIELDS: Final = (
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork hostPID hostname "
    "imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName readinessGates restartPolicy "
    "runtimeClassName schedulerName securityContext serviceAccount serviceAccountName shareProcessNamespace subdomain "
    "terminationGracePeriodSeconds volumes"
)
_CONTAINER_FIELDS: Final = (
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext stdin stdinOnce "
    "terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)
_POD: Final = (
    *(f"spec.{field}" for field in _POD_FIELDS.split()),
    *(f"spec.{containers}.{field}" for containers in ("containers", "initContainers") for field in _CONTAINER_FIELDS.split()),
)
_VOLUME_SOURCES: Final = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs hostPath iscsi local nfs "
    "photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_FORCE_NEW: Final[Mapping[ObjectKind, Sequence[str]]] = {
    ObjectKind("apps/v1", "DaemonSet"): ("spec.selector",),
    ObjectKind("apps/v1", "Deployment"): ("spec.selector",),
    ObjectKind("apps/v1", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ObjectKind("batch/v1", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ObjectKind("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef",),
    ObjectKind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("roleRef",),
    ObjectKind("storage.k8s.io/v1", "StorageClass"): ("parameters", "provisioner"),
    ObjectKind("v1", "PersistentVolume"): tuple(f"spec.{source}" for source in _VOLUME_SOURCES.split()),
    ObjectKind("v1", "PersistentVolumeClaim"): ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
    ObjectKind("v1", "Pod"): _POD,
    ObjectKind("v1", "ResourceQuota"): ("spec.scopes",),
    ObjectKind("v1", "Service"): ("spec.clusterIP",),
}
_SECRET: Final = ("type", "stringData", "data")
_SECRET_MUTABLE: Final = ("type",)
_CONFIG_MAP: Final = ("binaryData", "data")
_PLAIN_KEY: Final = re.compile(r"^[^.\[\]\"]+$")


def force_new_fields(inputs: Mapping[str, Any], *, secrets_mutable: bool, config_maps_mutable: bool) -> tuple[str, ...]:
    """Return the paths whose change needs a new object."""
    kind = kind_of(inputs)
    immutable = inputs.get("immutable") is True
    if kind == ObjectKind("v1", "Secret"):
        return (*_IDENTITY, *(_SECRET_MUTABLE if secrets_mutable and not immutable else _SECRET))
    if kind == ObjectKind("v1", "ConfigMap"):
        return (*_IDENTITY, *(() if config_maps_mutable and not immutable else _CONFIG_MAP))
    return (*_IDENTITY, *_FORCE_NEW.get(kind, ()))


def difference(old: Properties, new: Properties, force_new: Sequence[str]) -> Difference:
    """Compare plain inputs.

    The old object is deleted before its replacement is made when both must have the same name in the same namespace.
    """
    changes = {}
    for path, kind in _walk((), old, new):
        fields = ".".join(part for part in path if isinstance(part, str))
        replaces = any(_concerns(field, fields, kind) for field in force_new)
        changes[_spelled(path)] = Change(kind, replaces=replaces)
    same_place = bool(name_of(new)) and name_of(new) == name_of(old) and namespace_of(new) == namespace_of(old)
    return Difference(changes, delete_before_replace=same_place and not is_autonamed(new))


def _concerns(field: str, changed: str, kind: ChangeKind) -> bool:
    """Tell whether a change touches ``field``: at it, below it, or by a whole part above it that came or went."""
    return changed == field or changed.startswith(f"{field}.") or (kind is not ChangeKind.UPDATE and field.startswith(f"{changed}."))


def _walk(path: tuple[str | int, ...], old: Any, new: Any) -> Iterator[tuple[tuple[str | int, ...], ChangeKind]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _entry((*path, key), old, new, key)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _entry((*path, index), dict(enumerate(old)), dict(enumerate(new)), index)
    elif new is UNKNOWN or not _same(old, new):
        yield path, ChangeKind.UPDATE


def _entry(
    path: tuple[str | int, ...], old: Mapping[Any, Any], new: Mapping[Any, Any], key: str | int
) -> Iterator[tuple[tuple[str | int, ...], ChangeKind]]:
    if key not in old:
        yield path, ChangeKind.ADD
    elif key not in new:
        yield path, ChangeKind.DELETE
    else:
        yield from _walk(path, old[key], new[key])


def _same(old: Any, new: Any) -> bool:
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _spelled(path: tuple[str | int, ...]) -> str:
    """Return the path as the engine writes property paths: ``metadata.annotations["a.b/c"]``, ``spec.ports[0].port``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.match(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace('"', '\\"')
            text += f'["{escaped}"]'
    return text
