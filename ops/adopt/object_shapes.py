"""The form of the objects that are read: whatever it holds, the readers can rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

TEXT: Final = "a text or number"
ANY_KEY: Final = "*"
Shape = Any
"""`TEXT`; a list with the shape of its entries; or a mapping of key -> shape, with `ANY_KEY` for every key."""

_REFERENCE: Final = {"name": TEXT, "key": TEXT}
_ITEMS: Final = [{"key": TEXT, "path": TEXT}]
_CONTAINER: Final = {
    "name": TEXT,
    "image": TEXT,
    "command": [TEXT],
    "args": [TEXT],
    "env": [{"name": TEXT, "value": TEXT, "valueFrom": {"configMapKeyRef": _REFERENCE, "secretKeyRef": _REFERENCE}}],
    "envFrom": [{"prefix": TEXT, "configMapRef": _REFERENCE, "secretRef": _REFERENCE}],
    "volumeMounts": [{"name": TEXT, "mountPath": TEXT, "subPath": TEXT}],
}
_POD: Final = {
    "containers": [_CONTAINER],
    "volumes": [
        {
            "name": TEXT,
            "configMap": {"name": TEXT, "items": _ITEMS},
            "secret": {"secretName": TEXT, "items": _ITEMS},
            "persistentVolumeClaim": {"claimName": TEXT},
        }
    ],
}
_META: Final = {"kind": TEXT, "metadata": {"name": TEXT}}
_WORKLOAD: Final = {**_META, "spec": {"template": {"spec": _POD}}}
_STORE: Final = {**_META, "data": {ANY_KEY: TEXT}, "stringData": {ANY_KEY: TEXT}}
SHAPES: Final[dict[str, Shape]] = {
    "Deployment": _WORKLOAD,
    "StatefulSet": _WORKLOAD,
    "DaemonSet": _WORKLOAD,
    "ReplicationController": _WORKLOAD,
    "Pod": {**_META, "spec": _POD},
    "ConfigMap": _STORE,
    "Secret": _STORE,
    "Service": {**_META, "spec": {"type": TEXT, "ports": [{"nodePort": TEXT}]}},
    "Ingress": {**_META, "spec": {"rules": [{"host": TEXT}]}},
    "PersistentVolumeClaim": {**_META, "spec": {"resources": {"requests": {"storage": TEXT}}}},
}


def wrong(
    value: Any, shape: Shape, path: tuple[str | int, ...] = (), *, needed: bool = False
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield path and what must be there, of each part of ``value`` that has another form; a key that is not set has none."""
    if value is None and not needed:
        return
    if shape is TEXT:
        if isinstance(value, dict | list):
            yield path, TEXT
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield path, "a list"
        else:
            for number, each in enumerate(value):
                yield from wrong(each, shape[0], (*path, number), needed=True)
    elif not isinstance(value, dict):
        yield path, "a mapping"
    else:
        for key, inner in shape.items():
            for each in value if key is ANY_KEY else [key]:
                yield from wrong(value.get(each), inner, (*path, each))
