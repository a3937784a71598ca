"""Kubernetes objects as plain dictionaries: identity, names, what of them is secret, and which zeros the genuine plugin leaves out."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lab.engine.plugins.codec import UNKNOWN, Properties, Secret, has_secret
from lab.engine.plugins.provider import ProviderError

AUTONAMED: Final = "pulumi.com/autonamed"
SKIP_AWAIT: Final = "pulumi.com/skipAwait"
WAIT_FOR: Final = "pulumi.com/waitFor"
TIMEOUT_SECONDS: Final = "pulumi.com/timeoutSeconds"
PATCH_FORCE: Final = "pulumi.com/patchForce"
FIELD_MANAGER: Final = "pulumi.com/patchFieldManager"
DELETION_PROPAGATION: Final = "pulumi.com/deletionPropagationPolicy"

INPUTS_KEY: Final = "__inputs"
API_VERSION_KEY: Final = "__initialApiVersion"
MANAGER_KEY: Final = "__fieldManager"

_SERVER_METADATA: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_SERVER_ANNOTATIONS: Final = ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")
_TOKEN_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """An API version and kind, e.g. ``apps/v1`` and ``Deployment``."""

    api_version: str
    kind: str

    @classmethod
    def of_token(cls, token: str) -> ObjectKind:
        """Return the meaning of a type token such as ``kubernetes:apps/v1:Deployment``.

        Raises:
            ProviderError: the token is none of a single Kubernetes object (charts, YAML files, lists, patches).
        """
        parts = token.split(":")
        group, _, version = parts[1].partition("/") if len(parts) == _TOKEN_PARTS else ("", "", "")
        if not version or group in ("helm.sh", "yaml", "kustomize"):
            raise ProviderError(
                f"the lab's stand-in for the kubernetes plugin serves single objects only, not '{token}'; the genuine plugin does."
            )
        return cls(version if group == "core" else f"{group}/{version}", parts[2])

    @property
    def group(self) -> str:
        """The API group, '' for the core one."""
        return self.api_version.rpartition("/")[0]

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}"


def kind_of(obj: Mapping[str, Any]) -> ObjectKind:
    """Return the kind that an object names itself."""
    return ObjectKind(obj.get("apiVersion") or "", obj.get("kind") or "")


def metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object's metadata, {} when there is none or it is unknown."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def name_of(obj: Mapping[str, Any]) -> str:
    """Return the name, '' when it is missing or unknown."""
    name = metadata(obj).get("name")
    return name if isinstance(name, str) else ""


def namespace_of(obj: Mapping[str, Any]) -> str:
    """Return the namespace, '' when it is missing or unknown."""
    namespace = metadata(obj).get("namespace")
    return namespace if isinstance(namespace, str) else ""


def annotation(obj: Mapping[str, Any], key: str) -> str:
    """Return an annotation, '' when it is missing or unknown."""
    found = metadata(obj).get("annotations")
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def id_of(obj: Mapping[str, Any]) -> str:
    """Return the resource id: ``namespace/name``, or ``name`` of what has no namespace."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def parse_id(resource_id: str) -> tuple[str, str]:
    """Return namespace ('' for none) and name."""
    namespace, _, name = resource_id.rpartition("/")
    return namespace, name


def is_autonamed(obj: Mapping[str, Any]) -> bool:
    """Tell whether the plugin chose the name."""
    return annotation(obj, AUTONAMED) == "true"


def give_name(obj: Properties, logical_name: str, seed: bytes, proposed: str) -> None:
    """Name an object that has no name: the engine's proposal, else ``<logical name>-<8 hex digits>``.

    The digits come from the engine's seed, so that an update uses the name that its preview showed.
    """
    digits = hashlib.sha256(seed).hexdigest()[:8] if seed else secrets.token_hex(4)
    _set_autonamed(obj, proposed or f"{logical_name}-{digits}")


def keep_name(obj: Properties, old: Mapping[str, Any]) -> None:
    """Give an object without a name the one that the plugin chose for it before."""
    if is_autonamed(old):
        _set_autonamed(obj, name_of(old))


def _set_autonamed(obj: Properties, name: str) -> None:
    fields = obj.setdefault("metadata", {})
    fields["name"] = name
    annotations = fields.setdefault("annotations", {})
    if annotations is not UNKNOWN:
        annotations[AUTONAMED] = "true"


def field_manager(inputs: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """Return the manager for server-side apply: by annotation, from the state, else a new one."""
    return annotation(inputs, FIELD_MANAGER) or state.get(MANAGER_KEY) or f"pulumi-kubernetes-{secrets.token_hex(4)}"


def clean_inputs(value: Any) -> Any:
    """Return a copy without nulls in maps: to Kubernetes a null field is one that was left out."""
    match value:
        case dict():
            return {key: clean_inputs(item) for key, item in value.items() if item is not None}
        case list():
            return [clean_inputs(item) for item in value]
        case Secret():
            return Secret(clean_inputs(value.value))
    return value


def without_server_metadata(obj: Properties) -> Properties:
    """Return ``obj`` without the metadata that only the server writes."""
    if not isinstance(obj.get("metadata"), dict):
        return obj
    fields = {key: value for key, value in obj["metadata"].items() if key not in _SERVER_METADATA}
    annotations = fields.get("annotations")
    if isinstance(annotations, dict):
        kept = {key: value for key, value in annotations.items() if key not in _SERVER_ANNOTATIONS}
        fields = {**fields, "annotations": kept} if kept else {key: value for key, value in fields.items() if key != "annotations"}
    return {**obj, "metadata": fields}


def mark_secrets(obj: Mapping[str, Any], marked: Any) -> Properties:
    """Return ``obj`` with the secret marks of ``marked`` carried over, and a Secret's data always marked.

    Maps are entered; a list that holds any secret becomes secret as a whole, since the server may reorder it.
    """
    result = dict(obj)
    if result.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if key in result and not isinstance(result[key], Secret):
                result[key] = Secret(result[key])
    if isinstance(marked, dict):
        for key, mark in marked.items():
            if key in result and not isinstance(result[key], Secret):
                result[key] = _marked(result[key], mark)
    return result


def _marked(value: Any, mark: Any) -> Any:
    if isinstance(value, dict) and isinstance(mark, dict):
        return mark_secrets(value, mark)
    return Secret(value) if has_secret(mark) else value


def checkpoint(inputs: Properties, live: Mapping[str, Any], marked: Mapping[str, Any], manager: str) -> Properties:
    """Return the outputs that the state keeps: the live object, and the inputs that made it."""
    visible = {**live, "metadata": {key: value for key, value in metadata(live).items() if key != "managedFields"}}
    return {
        **mark_secrets(visible, marked),
        INPUTS_KEY: mark_secrets(inputs, marked),
        API_VERSION_KEY: inputs.get("apiVersion", ""),
        MANAGER_KEY: manager,
    }


_BUILT_IN: Final = frozenset(
    {"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1", "rbac.authorization.k8s.io/v1", "storage.k8s.io/v1"}
)
"""API versions with Go types in the plugin; custom resources have none and are taken as they are."""

_OMITTED: Final = frozenset(
    {
        "failureThreshold",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostPort",
        "initialDelaySeconds",
        "minReadySeconds",
        "nodePort",
        "paused",
        "periodSeconds",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "stdinOnce",
        "successThreshold",
        "tty",
        "unschedulable",
    }
)
"""Fields of type bool, int32 or int64 with ``omitempty`` (k8s.io/api 0.34: core, apps, batch). Pointers, such as ``replicas`` or
``allowPrivilegeEscalation``, keep their zero."""

_POINTER_PARENTS: Final = {"readOnly": "csi"}
"""Where a field of the same name is a pointer."""


def without_zeros(obj: dict[str, Any]) -> dict[str, Any]:
    """Return ``obj`` without the zero values that the genuine plugin leaves out; a custom resource as it is."""
    return {key: _without(value, key) for key, value in obj.items()} if obj.get("apiVersion") in _BUILT_IN else obj


def _without(value: Any, parent: str) -> Any:
    match value:
        case dict():
            return {key: _without(item, key) for key, item in value.items() if not _is_left_out(key, item, parent)}
        case list():
            return [_without(item, parent) for item in value]
        case Secret():
            return Secret(_without(value.value, parent))
    return value


def _is_left_out(key: str, value: Any, parent: str) -> bool:
    return key in _OMITTED and _POINTER_PARENTS.get(key) != parent and isinstance(value, bool | int) and not value
