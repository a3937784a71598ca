"""What the program asks of every storage driver, so that it does not have to know which drivers there are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import Field, SecretStr

from components.common.versions import RegistryVersion
from components.settings.sections.cluster import ClaimSettings
from components.settings.types.base import Section
from components.settings.types.secrets import ExistingSecret
from components.settings.types.values import ObjectName

DATA: Final = "/var/lib/registry"
"""Where the registry's Pod mounts the `StorageDriver.volume`."""
KEY_FILES: Final = "/run/secrets/registry-storage"
"""Where it mounts the `StorageDriver.secret_files`."""
USE_HTTPS: Final = "use https"
"""The fix of a server's URL without TLS."""
USE_A_CA: Final = "remove it; write a private CA under portus:tls.extraCaCertificates"
"""The fix of a setting that accepts any certificate."""

T = TypeVar("T")


class ExistingClaim(Section):
    """A PersistentVolumeClaim of the stack's namespace that this stack neither makes nor removes."""

    name: ObjectName
    """Its name."""
    access_modes: Annotated[tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...], Field(min_length=1)] = (
        "ReadWriteOnce",
    )
    """Its access modes. More than one replica needs ReadWriteMany."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    """What a driver connects to: the stack's own network policy blocks everything else.

    Args:
        urls: of servers that the stack file names. No proxy is asked for those inside the cluster.
        ports: of servers that it does not name.
        metadata: where a cloud gives a Pod its identity, as a network in CIDR form -> ports.
    """

    urls: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    metadata: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """The need of a service account's identity, because no key is set.

    Args:
        instead_of: the setting for the key.
        versions: of the registry whose driver can use an identity.
    """

    instead_of: str
    versions: tuple[RegistryVersion, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unverified:
    """The setting by which a server between the registry and its store could return other images.

    Args:
        setting: its name.
        fix: what to do instead.
    """

    setting: str
    fix: str


class StorageDriver(Section):
    """A storage driver of the registry.

    Its class must be final: of a final class, mypy reports each abstract method that is missing.
    """

    moved_keys: ClassVar[Mapping[str, str]] = {
        "delete": "write it as portus:registry.deleteEnabled",
        "redirect": "write it as portus:registry.redirect",
        "maintenance": "write it as portus:registry.maintenance",
        "cache": "write it as portus:registry.redis; without it the registry keeps descriptors in memory",
    }

    not_parameters: ClassVar[frozenset[str]] = frozenset()
    """Settings that the program reads and the driver does not know. `parameters` leaves them out, as it does ``driver`` and secrets."""
    opened_by: ClassVar[tuple[str, ...]] = ()
    """Settings that open the store without an `identity`. While one of them is wrong, none is asked for."""
    identity_labels: ClassVar[Mapping[str, str]] = {}
    """Labels by which a cloud's webhook knows the Pods that it gives an identity."""

    @abstractmethod
    def connections(self) -> Connections:
        """Return what the driver connects to."""

    @abstractmethod
    def identity(self) -> Identity | None:
        """Return the need of a service account's identity; None if the driver has a key, or needs none."""

    @abstractmethod
    def unverified(self) -> tuple[Unverified, ...]:
        """Return the settings that profile ``production`` must refuse."""

    def parameters(self, version: RegistryVersion) -> dict[str, Any]:  # noqa: ARG002 - of some drivers, the parameters differ by version
        """Return the content of ``storage.<driver>``: everything set, without secrets."""
        secrets = {name for name in type(self).model_fields if isinstance(getattr(self, name), SecretStr | ExistingSecret)}
        return self.model_dump(exclude_none=True, exclude={"driver", *self.not_parameters, *secrets})

    def secret_variables(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return variable -> secret. The registry reads REGISTRY_... as YAML, so ``variable_text`` quotes the secret."""
        return {}

    def secret_files(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return file in `KEY_FILES` -> its content."""
        return {}

    def variables(self) -> Mapping[str, str]:
        """Return the variables that are not secret."""
        return {}

    @property
    def volume(self) -> ClaimSettings | ExistingClaim | None:
        """The claim that holds the blobs; None for an object store."""
        return None

    @property
    def is_shared(self) -> bool:
        """Whether several registries can write it at once."""
        return self.volume is None or "ReadWriteMany" in self.volume.access_modes


def given(values: Mapping[str, T | None]) -> dict[str, T]:
    """Return ``values`` without those that are not set."""
    return {name: value for name, value in values.items() if value is not None}
