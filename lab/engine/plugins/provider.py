"""What a plugin implements, in plain Python: the calls of the engine's provider protocol as dataclasses and one abstract class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from lab.engine.plugins.codec import Properties


@dataclass(frozen=True, slots=True)
class Urn:
    """A resource's name for the engine. ``type`` is the token, without the parents' types."""

    text: str

    @property
    def type(self) -> str:
        """The resource's own type token, e.g. ``kubernetes:apps/v1:Deployment``."""
        return self.text.split("::")[2].rsplit("$", 1)[-1]

    @property
    def name(self) -> str:
        """The logical name."""
        return self.text.split("::", 3)[3]


class ProviderError(Exception):
    """A call failed in a way that its reader can act on; shown without a traceback."""


class InitializationError(ProviderError):
    """The object exists but did not become ready: the engine keeps it in the state and the next update repairs it."""

    def __init__(self, message: str, *, resource_id: str, outputs: Properties, inputs: Properties, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.outputs = outputs
        self.inputs = inputs
        self.reasons = [message, *reasons]


@dataclass(frozen=True, slots=True)
class Checked:
    """Inputs after validation. ``failures`` are pairs of property path and reason."""

    inputs: Properties
    failures: Sequence[tuple[str, str]] = ()


class ChangeKind(IntEnum):
    """What happens to one property; the numbers are the protocol's ``PropertyDiff.Kind``, plus one where it forces a replacement."""

    ADD = 0
    DELETE = 2
    UPDATE = 4


@dataclass(frozen=True, slots=True)
class Change:
    """One changed property."""

    kind: ChangeKind
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What an update would change, by property path. No changes: nothing to do."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False


@dataclass(frozen=True, slots=True)
class CheckCall:
    """Validate ``new``; ``old`` are the last inputs, empty for a new resource."""

    urn: Urn
    old: Properties
    new: Properties
    seed: bytes
    proposed_name: str
    """A name the engine's own autonaming configuration asks for, or ''."""
    autonaming_disabled: bool


@dataclass(frozen=True, slots=True)
class DiffCall:
    """Compare the last inputs and state with new inputs."""

    urn: Urn
    resource_id: str
    old_inputs: Properties
    state: Properties
    new: Properties
    ignored: Sequence[str]


@dataclass(frozen=True, slots=True)
class ChangeCall:
    """Create, update or delete. For a delete ``new`` is empty; for a create ``state`` is."""

    urn: Urn
    resource_id: str
    old_inputs: Properties
    state: Properties
    new: Properties
    timeout: float
    """Seconds from the resource's custom timeouts; 0 when none was given."""
    preview: bool
    ignored: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ReadCall:
    """Read the live state of ``resource_id``; ``inputs`` is empty for an import."""

    urn: Urn
    resource_id: str
    inputs: Properties
    state: Properties


@dataclass(frozen=True, slots=True)
class Live:
    """What a read found."""

    resource_id: str
    inputs: Properties
    state: Properties


class Provider(ABC):
    """A plugin's behavior. The methods run on many threads at once."""

    package: str
    """Package name: the first part of every type token."""

    def configure(self, arguments: Properties) -> None:  # noqa: B027 - a plugin may have nothing to take
        """Take the provider resource's inputs."""

    def check_config(self, urn: Urn, new: Properties) -> Checked:
        """Validate the provider resource's inputs."""
        del urn
        return Checked(new)

    def diff_config(self, old: Properties, new: Properties) -> Difference:
        """Compare the provider resource's inputs."""
        keys = sorted({*old, *new})
        return Difference({key: Change(ChangeKind.UPDATE) for key in keys if old.get(key) != new.get(key)})

    @abstractmethod
    def check(self, call: CheckCall) -> Checked:
        """Validate a resource's inputs and fill in defaults."""

    @abstractmethod
    def diff(self, call: DiffCall) -> Difference:
        """Compare a resource's inputs."""

    @abstractmethod
    def create(self, call: ChangeCall) -> tuple[str, Properties]:
        """Create the resource; return its id ('' in a preview) and its outputs."""

    @abstractmethod
    def read(self, call: ReadCall) -> Live | None:
        """Read the resource, None when it is gone."""

    @abstractmethod
    def update(self, call: ChangeCall) -> Properties:
        """Update the resource in place; return its outputs."""

    @abstractmethod
    def delete(self, call: ChangeCall) -> None:
        """Delete the resource; one that is gone already is not an error."""

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Call a function.

        Raises:
            ProviderError: always, unless overridden: the stand-ins serve resources only.
        """
        del arguments
        raise ProviderError(
            f"the lab's stand-in for the {self.package} plugin has no function '{token}'; the genuine plugin is needed for it."
        )

    def cancel(self) -> None:  # noqa: B027 - a plugin may have nothing under way
        """End what is under way as soon as possible."""
