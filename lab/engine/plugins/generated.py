"""The common ground of random and tls: values made once from their inputs, replaced by any change, dropped on delete."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from lab.engine.plugins.codec import UNKNOWN, Properties, Secret, has_unknown, plain
from lab.engine.plugins.provider import (
    Change,
    ChangeCall,
    ChangeKind,
    CheckCall,
    Checked,
    DiffCall,
    Difference,
    Live,
    Provider,
    ProviderError,
    ReadCall,
)

META: Final = "__meta"
"""Key of the outputs under which the schema's version is noted."""


class Kind(ABC):
    """One resource type. Class attributes are its schema, in the genuine plugin's names."""

    inputs: ClassVar[Mapping[str, type | tuple[type, ...]]]
    """Input names and their Python types."""
    required: ClassVar[frozenset[str]] = frozenset()
    defaults: ClassVar[Mapping[str, Any]] = {}
    """What an input that is left out means; part of the outputs."""
    outputs: ClassVar[tuple[str, ...]]
    secret_outputs: ClassVar[frozenset[str]] = frozenset()
    updatable: ClassVar[frozenset[str]] = frozenset()
    """Inputs that change in place; every other change replaces."""
    has_id_output: ClassVar[bool] = True
    """Whether the outputs hold the id as well."""
    schema_version: ClassVar[int] = 0
    """Of the Terraform resource behind the genuine type; the state notes it from 1 on."""

    def complete(self, inputs: Properties) -> Properties:
        """Return plain inputs with what those that are left out mean, and without those that are null."""
        given = {name: plain(value) for name, value in inputs.items() if value is not None}
        return {**self.defaults, **given}

    def problems(self, inputs: Properties) -> list[tuple[str, str]]:
        """Return what is wrong with complete, known inputs, as pairs of property and reason."""
        del inputs
        return []

    @abstractmethod
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        """Return the id and the computed outputs for complete, plain inputs."""

    def adopt(self, resource_id: str) -> tuple[str, Properties, Properties]:
        """Return id, inputs and computed outputs of an existing value given as an import id.

        Raises:
            ProviderError: the type cannot be imported, or the id is not one of its values.
        """
        del resource_id
        raise ProviderError(f"{type(self).__name__} cannot be imported.")

    def refresh(self, state: Properties) -> Properties:
        """Return the state as it is now: values that depend on the clock may change."""
        return state

    def expired(self, state: Properties) -> bool:
        """Tell whether the value must be made again although its inputs are the same."""
        del state
        return False


class GeneratedProvider(Provider):
    """Serves a table of kinds by type token."""

    def __init__(self, package: str, kinds: Mapping[str, Kind]) -> None:
        self.package = package
        self._kinds = kinds

    @override
    def check(self, call: CheckCall) -> Checked:
        kind = self._kind(call.urn.type)
        failures = [(name, f"'{name}' is required") for name in sorted(kind.required) if call.new.get(name) is None]
        for name, value in call.new.items():
            failures += _problems_of(kind, name, plain(value))
        if not failures and not has_unknown(call.new):
            failures = kind.problems(kind.complete(call.new))
        return Checked(call.new, failures)

    @override
    def diff(self, call: DiffCall) -> Difference:
        kind = self._kind(call.urn.type)
        noted = {name: value for name, value in call.state.items() if name in kind.inputs}
        old, new = kind.complete({**call.old_inputs, **noted}), kind.complete(call.new)  # the genuine plugins compare with the state
        changes = {}
        for name in sorted({*old, *new}):
            if name not in call.ignored and old.get(name) != new.get(name):
                change = ChangeKind.ADD if old.get(name) is None else ChangeKind.DELETE if new.get(name) is None else ChangeKind.UPDATE
                changes[name] = Change(change, replaces=name not in kind.updatable)
        if not changes and kind.expired(plain(call.state)):
            changes["readyForRenewal"] = Change(ChangeKind.UPDATE, replaces=True)
        return Difference(changes)

    @override
    def create(self, call: ChangeCall) -> tuple[str, Properties]:
        kind = self._kind(call.urn.type)
        if call.preview:
            return "", _outputs(kind, call.new, dict.fromkeys(kind.outputs, UNKNOWN))
        resource_id, computed = kind.make(kind.complete(call.new))
        return resource_id, _outputs(kind, call.new, {**computed, **_notes(kind, resource_id)})

    @override
    def read(self, call: ReadCall) -> Live | None:
        kind = self._kind(call.urn.type)
        if call.state:
            return Live(call.resource_id, call.inputs, kind.refresh(call.state))
        resource_id, inputs, computed = kind.adopt(call.resource_id)
        return Live(resource_id, inputs, _outputs(kind, inputs, {**computed, **_notes(kind, resource_id)}))

    @override
    def update(self, call: ChangeCall) -> Properties:
        kind = self._kind(call.urn.type)
        kept = {name: call.state[name] for name in kind.outputs if name in call.state}
        return _outputs(kind, call.new, {**kept, **_notes(kind, call.resource_id)})

    @override
    def delete(self, call: ChangeCall) -> None:
        """Drop the value: it is in the state only."""

    def _kind(self, token: str) -> Kind:
        kind = self._kinds.get(token)
        if kind is None:
            known = ", ".join(sorted(name.rsplit(":", 1)[-1] for name in self._kinds))
            raise ProviderError(f"the lab's stand-in for the {self.package} plugin does not serve '{token}' (it serves {known}).")
        return kind


def _notes(kind: Kind, resource_id: str) -> Properties:
    """Return what the genuine plugins' bridge to Terraform adds to the outputs.

    ``__pulumi_raw_state_delta`` is left out: the plugins read a state without it as one of the time before they wrote it.
    """
    notes: Properties = {"id": resource_id} if kind.has_id_output else {}
    if kind.schema_version:
        notes[META] = json.dumps({"schema_version": str(kind.schema_version)}, separators=(",", ":"))
    return notes


def _outputs(kind: Kind, inputs: Properties, computed: Properties) -> Properties:
    given = {name: value for name, value in inputs.items() if value is not None}
    meant = {name: value for name, value in kind.complete(inputs).items() if name not in given}
    made = {name: Secret(plain(value)) if name in kind.secret_outputs else value for name, value in computed.items()}
    return {**meant, **given, **made}


def _problems_of(kind: Kind, name: str, value: Any) -> list[tuple[str, str]]:
    if name not in kind.inputs:
        return [(name, f"'{name}' is not a property of {type(kind).__name__}")]
    if value is None or value is UNKNOWN:
        return []
    expected = kind.inputs[name]
    wrong = not isinstance(value, expected) or (isinstance(value, bool) and expected is int)
    return [(name, f"'{name}' has the wrong type ({type(value).__name__})")] if wrong else []
