"""``storage.oss``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, final

from pydantic import SecretStr

from components.common import names
from components.settings.sections.storage.driver import Connections, Identity, StorageDriver, Unverified
from components.settings.sections.storage.values import OTHER_STORE, Bucket, ChunkSize, Prefix
from components.settings.types.known_by import ONLY_2_8
from components.settings.types.secrets import ExistingSecret, SecretSource
from components.settings.types.values import Text


@final
class OssStorage(StorageDriver):
    """Alibaba Cloud OSS."""

    driver: Annotated[Literal["oss"], OTHER_STORE, ONLY_2_8]
    """``storage``'s own word."""
    accesskeyid: SecretSource
    """A Secret's text is read as YAML: quote what is no plain word there."""
    accesskeysecret: SecretSource
    """A Secret's text is read as YAML: quote what is no plain word there."""
    region: Text
    """OSS' name for it, e.g. oss-cn-beijing."""
    bucket: Annotated[Bucket, OTHER_STORE]
    """Exists already."""
    endpoint: Annotated[Text | None, OTHER_STORE] = None
    """Default: bucket.region.aliyuncs.com."""
    internal: bool = False
    """The endpoint inside Alibaba's network."""
    encrypt: bool = False
    """Ask the store to encrypt."""
    secure: bool = True
    """HTTPS."""
    chunksize: ChunkSize | None = None
    """Bytes of a part of an upload; default 10 MiB."""
    rootdirectory: Annotated[Prefix | None, OTHER_STORE] = None
    """Path inside the bucket."""

    def connections(self) -> Connections:
        """Return the store; an endpoint may be one inside."""
        if self.endpoint is not None:
            return Connections(urls=(f"{'https' if self.secure else 'http'}://{self.endpoint}",))
        return Connections(ports=(names.HTTPS_PORT if self.secure else names.HTTP_PORT,))

    def identity(self) -> Identity | None:
        """Return none: the keys are required."""
        return None

    def unverified(self) -> tuple[Unverified, ...]:
        """Return what sends no TLS; the driver has no setting that accepts any certificate."""
        return () if self.secure else (Unverified(setting="secure", fix="remove it"),)

    def secret_variables(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return the keys."""
        return {"REGISTRY_STORAGE_OSS_ACCESSKEYID": self.accesskeyid, "REGISTRY_STORAGE_OSS_ACCESSKEYSECRET": self.accesskeysecret}
