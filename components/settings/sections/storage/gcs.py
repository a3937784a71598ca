"""``storage.gcs``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, final

from pydantic import AfterValidator, Field, SecretStr

from components.common import names
from components.common.versions import RegistryVersion
from components.settings.sections.storage.driver import KEY_FILES, Connections, Identity, StorageDriver, Unverified, given
from components.settings.sections.storage.values import OTHER_STORE, GoogleBucket, Prefix
from components.settings.types.base import broken
from components.settings.types.cloud_keys import GoogleKeySource
from components.settings.types.secrets import ExistingSecret

KEY_FILE: Final = "gcs-keyfile.json"
METADATA: Final = {"169.254.169.254/32": (80, 8080), "169.254.169.252/32": (987, 988)}
"""Where GKE gives a Pod its identity: with Dataplane V2 at the first, else at the second, to which its nodes turn the first before a policy
sees it (cloud.google.com/kubernetes-engine/docs/how-to/workload-identity)."""


def _gcs_chunk(value: int) -> int:
    """Bytes, a multiple of 262144 (256 KiB)."""
    if value <= 0 or value % (256 * 1024):
        raise broken("must be a multiple of 262144 bytes (256 KiB)", "write e.g. 5242880")
    return value


GcsChunkSize = Annotated[int, AfterValidator(_gcs_chunk)]


@final
class GcsStorage(StorageDriver):
    """Google Cloud Storage."""

    driver: Annotated[Literal["gcs"], OTHER_STORE]
    """The driver's name."""
    bucket: Annotated[GoogleBucket, OTHER_STORE]
    """Name of the bucket, which must exist."""
    keyfile: GoogleKeySource | None = None
    """A service account's key as Google's JSON. Unset: workload identity by ``registry.serviceAccount``."""
    rootdirectory: Annotated[Prefix | None, OTHER_STORE] = None
    """Path inside the bucket."""
    chunksize: GcsChunkSize | None = None
    """Bytes of a part of an upload. The driver's default: 5242880 in 2.8, 16777216 in 3.1."""
    maxconcurrency: Annotated[int, Field(ge=25, le=1000)] | None = None
    """Requests at once; default 50."""

    opened_by: ClassVar[tuple[str, ...]] = ("keyfile",)

    def connections(self) -> Connections:
        """Return Google's servers; without a key also the service that gives the registry its identity."""
        return Connections(ports=(names.HTTPS_PORT,), metadata=METADATA if self.keyfile is None else {})

    def identity(self) -> Identity | None:
        """Return the need of one without a key."""
        return Identity(instead_of="keyfile", versions=tuple(RegistryVersion)) if self.keyfile is None else None

    def unverified(self) -> tuple[Unverified, ...]:
        """Return none: the driver has no setting that accepts any certificate."""
        return ()

    def parameters(self, version: RegistryVersion) -> dict[str, Any]:
        """Return them with the path of the key."""
        options = super().parameters(version)
        return options if self.keyfile is None else {**options, "keyfile": f"{KEY_FILES}/{KEY_FILE}"}

    def secret_files(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return the key."""
        return given({KEY_FILE: self.keyfile})
