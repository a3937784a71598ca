"""Kubernetes objects with their lines: from files, or from a namespace."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.adopt.files import YamlLines
from ops.adopt.model import AdoptError, Place, Problem

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
            "projected": {"sources": [{"configMap": {"name": TEXT, "items": _ITEMS}, "secret": {"name": TEXT, "items": _ITEMS}}]},
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


DEFAULT_NAMESPACE: Final = "default"
WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicationController", "Pod")
READ: Final = ("Deployment", "StatefulSet", "DaemonSet", "Service", "Ingress", "ConfigMap", "Secret", "PersistentVolumeClaim")
"""Kinds that a live namespace is asked for."""
_GROUPS: Final = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Ingress": "networking.k8s.io/v1"}
_ANY: Final = {"kind": TEXT, "metadata": {"name": TEXT}}
_FOREIGN_SECRETS: Final = ("kubernetes.io/service-account-token", "helm.sh/release.v1", "kubernetes.io/dockerconfigjson")
"""Types of Secrets that are the cluster's or Helm's own."""


@dataclass(frozen=True)
class Object:
    """One object."""

    body: Mapping[str, Any]
    source: str
    lines: YamlLines | None = None
    above: tuple[str | int, ...] = ()
    """Path of the object inside its document."""

    @property
    def kind(self) -> str:
        """Kind, for example ``Deployment``."""
        return str(self.body.get("kind", "")) if isinstance(self.body, dict) else ""

    @property
    def name(self) -> str:
        """Name."""
        return str((self.body.get("metadata") or {}).get("name", ""))

    @property
    def key(self) -> str:
        """Kind and name, for the report."""
        return f"{self.kind}/{self.name}"

    def place(self, *path: str | int) -> Place:
        """Return the place of a path of the object."""
        return self.lines.place((*self.above, *path)) if self.lines else Place(self.source)

    def data(self) -> dict[str, str]:
        """Return the entries of a ConfigMap or Secret as text; what is not text is left out."""
        content = {str(key): str(value) for key, value in (self.body.get("data") or {}).items() if value is not None}
        if self.kind == "Secret":
            content = {key: text for key, value in content.items() if (text := _decoded(value)) is not None}
            content |= {str(key): str(value) for key, value in (self.body.get("stringData") or {}).items()}
        return content


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def load(paths: Sequence[Path]) -> list[Object]:
    """Return the objects of files, and of the YAML files of folders.

    Raises:
        AdoptError: a file is missing or no YAML.
    """
    found = [each for path in _files(paths) for each in _of_file(path)]
    problems = [problem for each in found for problem in _problems(each)]
    if problems:
        raise AdoptError(problems)
    return found


def namespace_of(found: Sequence[Object]) -> str:
    """Return the namespace of the first workload that names one: kubectl writes it into each object."""
    named = (str((each.body.get("metadata") or {}).get("namespace") or "") for each in found if each.kind in WORKLOADS)
    return next(filter(None, named), DEFAULT_NAMESPACE)


def _problems(each: Object) -> Iterator[Problem]:
    """Yield what is wrong with the form of an object."""
    fix = "correct the object: kubectl apply --dry-run=client -f FILE checks it"
    for path, what in wrong(each.body, SHAPES.get(each.kind, _ANY), needed=True):
        yield Problem(each.place(*path), f"{'.'.join(map(str, path)) or 'the object'} must be {what}", fix)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.suffix in {".yaml", ".yml", ".json"})
        elif path.is_file():
            yield path
        else:
            raise AdoptError([Problem(Place(str(path)), "must exist", "give the file's path")])


def _of_file(path: Path) -> Iterator[Object]:
    start = 0
    for text in re.split(r"^---.*\n", path.read_text("utf-8", "replace"), flags=re.MULTILINE):
        lines = YamlLines(text, str(path), shift=start)
        content = lines.content
        start += text.count("\n") + 1
        if content is None:
            continue
        if not isinstance(content, dict) or "kind" not in content:
            fix = "give --file for each file of objects, and the ConfigMap or Secret that is made of this one"
            raise AdoptError([Problem(Place(str(path), start - text.count("\n")), "must be Kubernetes objects", fix)])
        if isinstance(content.get("items"), list):
            yield from (Object(item, str(path), lines, ("items", number)) for number, item in enumerate(content["items"]))
        else:
            yield Object(content, str(path), lines)


def live(kubeconfig: Path, context: str | None, namespace: str) -> list[Object]:
    """Return the objects of a namespace. Secrets are only held in memory.

    Raises:
        OpsError: the cluster does not answer, or refuses.
    """
    from ops.kube.client import Kind, Kube  # noqa: PLC0415 - heavy
    from ops.kube.errors import cluster_errors  # noqa: PLC0415 - heavy

    kube = Kube(kubeconfig=kubeconfig, context=context)
    found: list[Object] = []
    with cluster_errors("python -m ops adopt kubernetes"):
        for kind in READ:
            bodies = kube.list(Kind(_GROUPS.get(kind, "v1"), kind), namespace)
            found += [
                Object({**each, "kind": kind}, f"namespace {namespace}") for each in bodies if each.get("type") not in _FOREIGN_SECRETS
            ]
    return found
