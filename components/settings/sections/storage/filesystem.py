"""``storage.filesystem``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from components.common.versions import RegistryVersion
from components.settings.sections.cluster import ClaimSettings
from components.settings.sections.storage.driver import DATA, Connections, ExistingClaim, Identity, StorageDriver, Unverified
from components.settings.sections.storage.values import OTHER_STORE


@final
class FilesystemStorage(StorageDriver):
    """Blobs on a claim: of this stack, or one that exists."""

    moved_keys: ClassVar[Mapping[str, str]] = {**StorageDriver.moved_keys, "claimName": "write 'existingClaim: {name: ...}'"}

    driver: Annotated[Literal["filesystem"], OTHER_STORE] = "filesystem"
    """The driver's name."""
    claim: ClaimSettings = ClaimSettings(size="50Gi")
    existing_claim: Annotated[ExistingClaim | None, OTHER_STORE] = None
    """In place of ``claim``."""
    maxthreads: Annotated[int, Field(ge=25, le=1000)] | None = None
    """Files open at once; the driver's default is 100."""

    not_parameters: ClassVar[frozenset[str]] = frozenset({"claim", "existing_claim"})

    def connections(self) -> Connections:
        """Return no server."""
        return Connections()

    def identity(self) -> Identity | None:
        """Return none."""
        return None

    def unverified(self) -> tuple[Unverified, ...]:
        """Return none: there is no connection."""
        return ()

    def parameters(self, version: RegistryVersion) -> dict[str, Any]:
        """Return them with the folder in which the claim is mounted."""
        return {"rootdirectory": DATA, **super().parameters(version)}

    @property
    def volume(self) -> ClaimSettings | ExistingClaim:
        """The claim that holds the blobs."""
        return self.claim if self.existing_claim is None else self.existing_claim
