"""The writes: create that fails on an existing object, update by server-side apply, delete in the foreground."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.kube.cluster import ApiError, Cluster, UnknownKindError
from lab.engine.plugins.kube.objects import (
    DELETION_PROPAGATION,
    PATCH_FORCE,
    ObjectKind,
    annotation,
    kind_of,
    metadata,
    name_of,
    namespace_of,
)
from lab.engine.plugins.kube.settings import Settings
from lab.engine.plugins.provider import ProviderError

CREATE_MANAGER: Final = "pulumi-kubernetes"
"""Field manager of creates; the first update takes its fields over for server-side apply."""

CREATE_RETRIES: Final = 5
"""How often a create is repeated that failed for a namespace or kind which may be on its way."""

_TAKEN_OVER: Final = frozenset({(CREATE_MANAGER, "Update"), ("kubectl", "Apply"), ("kubectl", "Update"), ("before-first-apply", "Update")})
"""Managers whose fields an update takes over, as the genuine plugin does: its own creates, and kubectl apply."""

_DEFINITION: Final = ObjectKind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_APPLY: Final = "application/apply-patch+yaml"
_JSON_PATCH: Final = "application/json-patch+json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_EXISTS: Final = (
    "The object exists in the cluster already. To bring it under Pulumi, use 'pulumi import' or the import option; after a rename of the "
    "resource, an alias keeps its identity."
)
_CONFLICT: Final = (
    "Another manager owns fields that this update sets to other values. Set the annotation 'pulumi.com/patchForce: \"true\"' to take them "
    "over, or leave them out of the program."
)
_PROPAGATION: Final = {"orphan": "Orphan", "background": "Background"}
_SIMPLE_PATH: Final = re.compile(r"^[\w-]+(\.[\w-]+)*$")


class UndecidedError(ApiError):
    """The server refused in a dry run what it may accept in earnest.

    A dry run cannot take fields over first, so what the update removes is still there: a changed port is beside the old one.
    """


class Writer:
    """Writes to one cluster."""

    def __init__(self, cluster: Cluster, settings: Settings, cancelled: threading.Event) -> None:
        self._cluster = cluster
        self._settings = settings
        self._cancelled = cancelled

    def create(self, obj: Properties, manager: str, *, preview: bool) -> Properties:
        """Create ``obj``; with ``preview`` ask the server what would come of it.

        Raises:
            ApiError: the server refused; an existing object is such a refusal, unless the provider upserts.
        """
        for attempt in range(CREATE_RETRIES):
            try:
                return self._create(obj, manager, preview=preview)
            except (ApiError, UnknownKindError) as error:
                last = attempt == CREATE_RETRIES - 1
                if preview or last or not _may_come(error) or self._cancelled.wait(2**attempt * 0.3):
                    raise
        raise AssertionError("the loop returns or raises")

    def _create(self, obj: Properties, manager: str, *, preview: bool) -> Properties:
        if self._settings.upsert:
            return self._apply(obj, manager, force=preview or self._forces(obj), preview=preview)
        query = {"fieldManager": CREATE_MANAGER, **_dry(preview)}
        try:
            return self._cluster.request("POST", self._cluster.api(kind_of(obj)).path(namespace_of(obj)), query=query, body=obj)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                raise ApiError(error.status, error.reason, f"{error.message}\n{_EXISTS}") from error
            raise

    def update(
        self, obj: Properties, old: Properties, live: Properties, manager: str, ignored: Sequence[str], *, preview: bool
    ) -> Properties:
        """Update ``live`` to ``obj``; ``old`` are the inputs that made it.

        Raises:
            ApiError: the server refused.
        """
        desired = _with_ignored(obj, live, ignored)
        if kind_of(obj) == _DEFINITION:
            return self._replace(desired, live, manager, preview=preview)
        if not self._settings.server_side_apply:
            return self._merge(desired, old, manager, preview=preview)
        inherited = _inherited(live, manager)
        if inherited is not None and not preview:
            self._take_over(live, inherited)
        try:
            return self._apply(desired, manager, force=self._forces(obj) or (preview and inherited is not None), preview=preview)
        except ApiError as error:
            if preview and inherited is not None and error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                raise UndecidedError(error.status, error.reason, error.message) from error
            raise

    def _apply(self, obj: Properties, manager: str, *, force: bool, preview: bool) -> Properties:
        query = {"fieldManager": manager, "force": "true" if force else "false", **_dry(preview)}
        try:
            return self._cluster.request("PATCH", self._path(obj), query=query, body=obj, content_type=_APPLY)
        except ApiError as error:
            if error.reason == "Conflict":
                raise ApiError(error.status, error.reason, f"{error.message}\n{_CONFLICT}") from error
            raise

    def _replace(self, obj: Properties, live: Properties, manager: str, *, preview: bool) -> Properties:
        """PUT a definition: its custom resources survive, which a new object would not grant."""
        body = {**obj, "metadata": {**metadata(obj), "resourceVersion": metadata(live).get("resourceVersion")}}
        return self._cluster.request("PUT", self._path(obj), query={"fieldManager": manager, **_dry(preview)}, body=body)

    def _merge(self, obj: Properties, old: Properties, manager: str, *, preview: bool) -> Properties:
        """Update from the client's side: set what is wanted, and remove what the last inputs had and the new ones have not."""
        query = {"fieldManager": manager, **_dry(preview)}
        return self._cluster.request("PATCH", self._path(obj), query=query, body=merge_patch(old, obj), content_type=_MERGE_PATCH)

    def _take_over(self, live: Properties, fields: Sequence[Properties]) -> None:
        """Make ours what creates and kubectl manage: else a field that leaves the program would stay in the object."""
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": fields},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata(live).get("resourceVersion")},
        ]
        self._cluster.request("PATCH", self._path(live), body=patch, content_type=_JSON_PATCH)

    def delete(self, obj: Properties) -> bool:
        """Ask for the object's deletion; False when there was none."""
        policy = _PROPAGATION.get(annotation(obj, DELETION_PROPAGATION).lower(), "Foreground")
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        try:
            self._cluster.request("DELETE", self._path(obj), body=body)
        except UnknownKindError:
            return False
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def _path(self, obj: Mapping[str, Any]) -> str:
        return self._cluster.api(kind_of(obj)).path(namespace_of(obj), name_of(obj))

    def _forces(self, obj: Mapping[str, Any]) -> bool:
        return self._settings.patch_force or annotation(obj, PATCH_FORCE) == "true"


def _dry(preview: bool) -> dict[str, str]:  # noqa: FBT001 -- named by its only caller's own keyword
    return {"dryRun": "All"} if preview else {}


def _may_come(error: ProviderError) -> bool:
    """Tell whether a failed create may succeed soon: its namespace, kind or service account is being made."""
    if isinstance(error, UnknownKindError):
        return True
    if not isinstance(error, ApiError):
        return False
    awaited_account = error.status == HTTPStatus.FORBIDDEN and "serviceaccount" in error.message and "not found" in error.message
    return error.status == HTTPStatus.NOT_FOUND or awaited_account


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> Properties:
    """Return the JSON merge patch (RFC 7386) that sets ``new`` and removes what only ``old`` had."""
    patch: Properties = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        patch[key] = merge_patch(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return patch


def is_missing_namespace(error: ApiError) -> bool:
    """Tell whether a request failed for its namespace."""
    return error.status == HTTPStatus.NOT_FOUND and "namespaces" in error.message


def _inherited(live: Mapping[str, Any], manager: str) -> list[Properties] | None:
    """Return managed fields in which ``manager`` also has what earlier managers had; None when there are none of those."""
    entries: list[Properties] = copy.deepcopy(metadata(live).get("managedFields") or [])
    taken = [entry for entry in entries if (entry.get("manager"), entry.get("operation")) in _TAKEN_OVER and not entry.get("subresource")]
    if not taken:
        return None
    own = next((entry for entry in entries if entry.get("manager") == manager and entry.get("operation") == "Apply"), None)
    if own is None:
        own, taken = taken[0], taken[1:]
        own.update(manager=manager, operation="Apply")
    for entry in taken:
        _join(own.setdefault("fieldsV1", {}), entry.get("fieldsV1") or {})
        entries.remove(entry)
    return entries


def _join(target: Properties, other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        _join(target.setdefault(key, {}), value)


def _with_ignored(obj: Properties, live: Mapping[str, Any], ignored: Sequence[str]) -> Properties:
    """Return ``obj`` with the live values of ignored fields, so that an apply neither changes nor disputes them."""
    result = copy.deepcopy(obj)
    for path in ignored:
        keys = path.split(".")
        value: Any = live
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and _SIMPLE_PATH.match(path):
            target = result
            for key in keys[:-1]:
                target = target.setdefault(key, {})
            target[keys[-1]] = value
    return result
