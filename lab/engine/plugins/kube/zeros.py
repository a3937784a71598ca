"""Zero values that the genuine plugin leaves out of the inputs: it passes objects through Kubernetes' Go types, which do not write them."""

from __future__ import annotations

from typing import Any, Final

from lab.engine.plugins.codec import Secret

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
