"""The kubernetes plugin's behavior: what the engine's calls mean for objects in a cluster."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from typing_extensions import override

from lab.engine.plugins.codec import UNKNOWN, Properties, has_unknown, plain
from lab.engine.plugins.kube.apply import UndecidedError, Writer, is_missing_namespace
from lab.engine.plugins.kube.cluster import ApiError, Cluster, UnknownKindError, UnreachableError
from lab.engine.plugins.kube.differences import difference, force_new_fields
from lab.engine.plugins.kube.objects import (
    INPUTS_KEY,
    ObjectKind,
    checkpoint,
    clean_inputs,
    field_manager,
    give_name,
    id_of,
    keep_name,
    kind_of,
    mark_secrets,
    metadata,
    parse_id,
    without_server_metadata,
    without_zeros,
)
from lab.engine.plugins.kube.settings import NOT_SERVED, Settings, is_set, settings_difference
from lab.engine.plugins.kube.waiting import NotReadyError, Waiter
from lab.engine.plugins.provider import (
    Change,
    ChangeCall,
    CheckCall,
    Checked,
    DiffCall,
    Difference,
    InitializationError,
    Live,
    Provider,
    ProviderError,
    ReadCall,
    Urn,
)
from lab.engine.plugins.serve import Engine, run
from ops.kube.live_inputs import live_inputs

_CLUSTER_KIND_NAMES: Final = (
    "APIService ClusterRole ClusterRoleBinding CSIDriver CSINode CustomResourceDefinition IngressClass MutatingWebhookConfiguration "
    "Namespace Node PersistentVolume PriorityClass RuntimeClass StorageClass ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment"
)
_CLUSTER_KINDS: Final = frozenset(_CLUSTER_KIND_NAMES.split())
"""Kinds without a namespace, for when the server cannot be asked."""

_UNREACHABLE_HINT = (
    "If the cluster was deleted, run again with PULUMI_K8S_DELETE_UNREACHABLE=true to remove its resources from Pulumi's state."
)


class KubernetesProvider(Provider):
    """Objects in one cluster."""

    package = "kubernetes"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cancelled = threading.Event()
        self._settings: Settings
        self._cluster: Cluster
        self._writer: Writer
        self._waiter: Waiter

    @override
    def cancel(self) -> None:
        self._cancelled.set()

    @override
    def check_config(self, urn: Urn, new: Properties) -> Checked:
        given = plain(new)
        failures = [
            (name, "is not served by the lab's stand-in; it needs the genuine plugin") for name in NOT_SERVED if is_set(given.get(name))
        ]
        if is_set(given.get("strictMode")):
            if "::default" in urn.text:
                failures.append(("", "strict mode prohibits the default provider"))
            failures += [
                (name, f"strict mode requires the provider's '{name}'") for name in ("kubeconfig", "context") if not given.get(name)
            ]
        return Checked(new, failures)

    @override
    def diff_config(self, old: Properties, new: Properties) -> Difference:
        return settings_difference(old, new)

    @override
    def configure(self, arguments: Properties) -> None:
        self._settings = Settings.of(arguments)
        self._cluster = Cluster(self._settings, self._cancelled)
        self._writer = Writer(self._cluster, self._settings, self._cancelled)
        self._waiter = Waiter(self._cluster, self._engine, self._cancelled)
        if self._cluster.problem:
            self._engine.warn(f"configured Kubernetes cluster is unreachable: {self._cluster.problem}")

    @override
    def check(self, call: CheckCall) -> Checked:
        if self._cluster.problem and self._settings.skip_update_unreachable and call.old:
            return Checked(call.old)
        kind = ObjectKind.of_token(call.urn.type)
        new = without_server_metadata(clean_inputs(call.new))
        new = without_zeros({"apiVersion": kind.api_version, "kind": kind.kind, **new})
        inputs: Properties = plain(new)
        if inputs["kind"] != kind.kind:
            raise ProviderError(f"the lab's stand-in for the kubernetes plugin serves whole objects only, not patches ({call.urn.type}).")
        if inputs.get("metadata") is UNKNOWN:
            return Checked(new)
        if failure := self._name(call, inputs):
            return Checked(new, [failure])
        if not metadata(inputs).get("namespace") and self._is_namespaced(kind_of(inputs)):
            inputs.setdefault("metadata", {})["namespace"] = self._cluster.namespace
        return Checked(mark_secrets(inputs, new))

    def _name(self, call: CheckCall, inputs: Properties) -> tuple[str, str] | None:
        """Name an object that has no name; return a failure when that is not possible."""
        if metadata(inputs).get("name"):
            return None
        keep_name(inputs, plain(call.old))
        if metadata(inputs).get("name"):
            return None
        if metadata(inputs).get("generateName"):
            return "metadata.generateName", "is not supported with server-side apply: leave the name out to have one chosen"
        if call.autonaming_disabled:
            return "metadata.name", "must be set: autonaming is disabled for this resource"
        give_name(inputs, call.urn.name, call.seed, call.proposed_name)
        return None

    def _is_namespaced(self, kind: ObjectKind) -> bool:
        try:
            return self._cluster.api(kind).namespaced
        except UnreachableError:
            return kind.kind not in _CLUSTER_KINDS
        except UnknownKindError:
            return True  # a custom resource whose definition is still to come; most have a namespace

    @override
    def diff(self, call: DiffCall) -> Difference:
        old = without_server_metadata(plain(call.old_inputs or call.state.get(INPUTS_KEY) or {}))
        new = plain(call.new)
        fields = force_new_fields(
            new, secrets_mutable=self._settings.secrets_mutable, config_maps_mutable=self._settings.config_maps_mutable
        )
        found = difference(old, new, fields)
        kept: Mapping[str, Change] = {path: change for path, change in found.changes.items() if not _is_ignored(path, call.ignored)}
        return Difference(kept, found.delete_before_replace and any(change.replaces for change in kept.values()))

    @override
    def create(self, call: ChangeCall) -> tuple[str, Properties]:
        inputs = plain(call.new)
        if call.preview and not self._settings.server_side_apply:
            return "", call.new  # the genuine plugin asks the server for a dry run with server-side apply only
        if call.preview:
            return "", self._previewed(call, lambda: self._writer.create(inputs, "pulumi-preview", preview=True))
        manager = field_manager(inputs, {})
        inputs = self._placed(inputs)
        live = self._explained(call.urn, "create", lambda: self._writer.create(inputs, manager, preview=False))
        return id_of(live), self._settled(call, inputs, live, manager)

    @override
    def update(self, call: ChangeCall) -> Properties:
        inputs = plain(call.new)
        manager = field_manager(inputs, plain(call.state))
        if call.preview:
            return self._previewed(call, lambda: self._updated(call, inputs, manager))
        live = self._explained(call.urn, "update", lambda: self._updated(call, inputs, manager))
        return self._settled(call, inputs, live, manager)

    def _updated(self, call: ChangeCall, inputs: Properties, manager: str) -> Properties:
        namespace, name = parse_id(call.resource_id)
        live = self._cluster.get(kind_of(inputs), namespace, name)
        if live is None:
            raise ProviderError(f"'{call.resource_id}' is not in the cluster any more; 'pulumi refresh' takes note of that.")
        named = {**inputs, "metadata": {**metadata(inputs), "name": name}}
        return self._writer.update(named, plain(call.old_inputs), live, manager, call.ignored, preview=call.preview)

    def _previewed(self, call: ChangeCall, ask: Any) -> Properties:
        """Return what the server says would come of a change; the inputs where it cannot be asked."""
        if has_unknown(call.new) or self._cluster.problem or not self._is_served(kind_of(plain(call.new))):
            return call.new
        try:
            answer = ask()
        except ApiError as error:
            passing = error.status == HTTPStatus.FORBIDDEN or is_missing_namespace(error) or error.reason == "AlreadyExists"
            if passing or isinstance(error, UndecidedError) or "dry run" in error.message:
                return call.new
            raise ProviderError(f"the Kubernetes API server would refuse {call.urn.name}: {error.message}") from error
        answer.pop("status", None)
        return checkpoint(plain(call.new), answer, call.new, field_manager(plain(call.new), plain(call.state)))

    def _is_served(self, kind: ObjectKind) -> bool:
        try:
            self._cluster.api(kind)
        except (UnknownKindError, UnreachableError):
            return False
        return True

    def _placed(self, inputs: Properties) -> Properties:
        """Take the namespace off an object whose kind turns out to have none."""
        if self._cluster.problem or not self._is_served(kind_of(inputs)) or self._cluster.api(kind_of(inputs)).namespaced:
            return inputs
        return {**inputs, "metadata": {key: value for key, value in metadata(inputs).items() if key != "namespace"}}

    def _explained(self, urn: Urn, what: str, ask: Any) -> Properties:
        try:
            found: Properties = ask()
        except UnreachableError as error:
            raise ProviderError(f"configured Kubernetes cluster is unreachable: {error}") from error
        except ApiError as error:
            raise ProviderError(f"the Kubernetes API server refused the {what} of {urn.name}: {error.message}") from error
        return found

    def _settled(self, call: ChangeCall, inputs: Properties, live: Properties, manager: str) -> Properties:
        """Wait until the object is ready and return its outputs.

        Raises:
            InitializationError: it exists but is not ready; the state keeps it.
        """
        try:
            live = self._waiter.until_ready(call.urn, inputs, live, call.timeout)
        except NotReadyError as error:
            raise _partial(str(error), error, inputs, call.new, manager) from error
        except ProviderError as error:  # the connection broke while waiting: the object is there anyway
            raise _partial(str(error), NotReadyError(str(error), live, []), inputs, call.new, manager) from error
        return checkpoint(inputs, live, call.new, manager)

    @override
    def read(self, call: ReadCall) -> Live | None:
        if self._cluster.problem:
            return self._unreachable_read(call)
        namespace, name = parse_id(call.resource_id)
        inputs, state = plain(call.inputs), plain(call.state)
        kind = ObjectKind(inputs.get("apiVersion") or state.get("apiVersion") or "", inputs.get("kind") or state.get("kind") or "")
        kind = kind if kind.kind else ObjectKind.of_token(call.urn.type)
        try:
            namespace = namespace or (self._cluster.namespace if self._cluster.api(kind).namespaced else "")
            live = self._cluster.get(kind, namespace, name)
        except UnknownKindError:
            return None  # with its definition a custom resource goes too
        if live is None:
            return None
        live = {"apiVersion": kind.api_version, "kind": kind.kind, **live}
        found = without_server_metadata(
            live_inputs(inputs, live) if inputs else {key: value for key, value in live.items() if key != "status"}
        )
        manager = field_manager(found, state)
        outputs, marked = checkpoint(found, live, call.inputs, manager), mark_secrets(found, call.inputs)
        resource_id = call.resource_id if call.inputs else id_of(live)
        try:
            if inputs:
                self._waiter.look(found, live)
        except NotReadyError as error:
            raise InitializationError(str(error), resource_id=resource_id, outputs=outputs, inputs=marked, reasons=error.reasons) from error
        return Live(resource_id, marked, outputs)

    def _unreachable_read(self, call: ReadCall) -> Live | None:
        if self._settings.delete_unreachable:
            return None
        if self._settings.skip_update_unreachable:
            return Live(call.resource_id, call.inputs, call.state)
        raise ProviderError(f"the state of {call.urn.name} cannot be read: {self._cluster.problem} {_UNREACHABLE_HINT}")

    @override
    def delete(self, call: ChangeCall) -> None:
        if self._cluster.problem:
            if self._settings.delete_unreachable:
                return
            raise ProviderError(f"{call.urn.name} cannot be deleted: {self._cluster.problem} {_UNREACHABLE_HINT}")
        state = plain(call.state)
        namespace, name = parse_id(call.resource_id)
        inputs = state.get(INPUTS_KEY) or plain(call.old_inputs)
        named = {**metadata(inputs), "name": name, "namespace": namespace, "uid": metadata(state).get("uid")}
        obj = {"apiVersion": state.get("apiVersion"), "kind": state.get("kind"), "metadata": named}
        if self._writer.delete(obj):
            self._waiter.until_gone(call.urn, obj, call.timeout)


def _partial(message: str, error: NotReadyError, inputs: Properties, marked: Properties, manager: str) -> InitializationError:
    return InitializationError(
        f"the object exists, but it did not become ready: {message}",
        resource_id=id_of(error.live),
        outputs=checkpoint(inputs, error.live, marked, manager),
        inputs=mark_secrets(inputs, marked),
        reasons=error.reasons,
    )


def _is_ignored(path: str, ignored: Any) -> bool:
    return any(path == field or path.startswith((f"{field}.", f"{field}[")) for field in ignored)


if __name__ == "__main__":
    run(KubernetesProvider, "pulumi-kubernetes")
